"""The drill's own eyes on the stack: pool, queue and levers from the management port, twice a second.

Nothing here asks the platform under test, so what the drill says of it is not its own word.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from stack.drills.metrics_page import totals
from stack.drills.plan import LeverPath
from stack.drills.result import Failing, LeverSample, StackSample
from stack.load.http_client import Address, HttpClient
from stack.load.outcome_kind import OutcomeKind
from stack.load.steady_clock import Clock

METRICS_PATH = "/actuator/prometheus"
TIMEOUT = 2.0

_METRICS = {
    "pool_active": "hikaricp_connections_active",
    "pool_max": "hikaricp_connections_max",
    "pool_pending": "hikaricp_connections_pending",
    "pool_timeouts": "hikaricp_connections_timeout_total",
    "pool_uses": "hikaricp_connections_usage_seconds_count",
    "queue_waiting": "queue_waiting",
    "queue_active": "queue_active",
    "queue_abandoned": "queue_abandoned_total",
}


class NotReadableError(Exception):
    """The management port did not give what it should; the text says what and why."""


class Sampler:
    """Takes samples at a steady pace until it is cancelled; what could not be read is kept as failures."""

    def __init__(self, management: Address, levers: Sequence[LeverPath], every: float, clock: Clock) -> None:
        self._client = HttpClient(management, clock, TIMEOUT)
        self._levers, self._every, self._clock = levers, every, clock
        self.samples: list[StackSample] = []
        self.failures: list[Failing] = []

    async def run(self) -> None:
        """Sample on a grid; a look that takes longer than the pace skips the grid points it missed."""
        due = self._clock()
        try:
            while True:
                await self.look()
                due = max(due + self._every, self._clock())
                await asyncio.sleep(due - self._clock())
        finally:
            self.close()

    def close(self) -> None:
        """Drop the connection; a later look opens a new one."""
        self._client.close()

    async def look(self) -> None:
        """Take one sample."""
        try:
            page = read_page(await self._get(METRICS_PATH))
            at = self._clock()
            levers = [lever for path in self._levers if (lever := await self._lever(path))]
            self.samples.append(StackSample(at=at, levers=tuple(levers), **page))
        except NotReadableError as error:
            self._fail(str(error))

    async def _lever(self, lever: LeverPath) -> LeverSample | None:
        try:
            return read_lever(lever.name, await self._get(lever.path))
        except NotReadableError as error:
            self._fail(str(error))
            return None

    async def _get(self, path: str) -> bytes:
        exchange = await self._client.send("GET", path)
        if exchange.kind is not OutcomeKind.OK:
            raise NotReadableError(
                f"http://{self._client.address}{path}: {exchange.kind} ({exchange.detail})"
            )
        if exchange.status != 200:
            raise NotReadableError(
                f"http://{self._client.address}{path}: status {exchange.status} (want 200)"
            )
        return exchange.body

    def _fail(self, text: str) -> None:
        self.failures.append(Failing(self._clock(), text))


def read_page(body: bytes) -> Mapping[str, float]:
    """The numbers of a sample, by the names of its fields.

    Raises:
        NotReadableError: one is missing or is no number.
    """
    try:
        found = totals(body.decode(), _METRICS.values())
    except ValueError as error:
        raise NotReadableError(f"{METRICS_PATH}: {error}") from None
    missing = [metric for metric in _METRICS.values() if metric not in found]
    if missing:
        raise NotReadableError(f"{METRICS_PATH}: without {', '.join(missing)}")
    return {field: found[metric] for field, metric in _METRICS.items()}


def read_lever(name: str, body: bytes) -> LeverSample:
    """A lever from its wire form; a circuit breaker calls its value ``state``.

    Raises:
        NotReadableError: the body is not of that form.
    """
    try:
        wire: dict[str, Any] = json.loads(body)
        value = wire["value"] if "value" in wire else wire["state"]
        return LeverSample(
            name, value, wire["baseline"], wire.get("lease") is not None, bool(wire.get("ramping", False))
        )
    except (ValueError, KeyError, TypeError) as error:
        raise NotReadableError(f"lever {name}: {error!r} in {body[:200]!r}") from None
