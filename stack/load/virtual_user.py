"""What a journey is written with: a user who asks, thinks, and checks."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from stack.load.http_client import Exchange, HttpClient
from stack.load.load_log import LoadLog
from stack.load.outcome_kind import OutcomeKind, of_unexpected_status
from stack.load.steady_clock import Clock

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ask(Generic[T_co]):
    """A request and what counts as its answer.

    Attributes:
        name: what it is counted under, e.g. ``date``.
        decode: makes the value of a 2xx body; ValueError, KeyError or TypeError mean a bad body.
        expected: statuses that are answers; every other one is a failure.
        body: sent as JSON unless None.
    """

    name: str
    method: str
    path: str
    decode: Callable[[bytes], T_co]
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: frozenset[int] = frozenset({200})
    body: object = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a user got, retries included.

    Attributes:
        asked_at: when the first attempt was meant to go out (Unix seconds).
        answered_at: when the last attempt ended.
        value: the decoded body of a 2xx answer, else None.
    """

    kind: OutcomeKind
    status: int
    value: T | None
    asked_at: float
    answered_at: float
    attempts: int

    @property
    def ok(self) -> bool:
        """An expected status with a good body."""
        return self.kind is OutcomeKind.OK

    @property
    def seconds(self) -> float:
        """What the user waited, from the first attempt on."""
        return self.answered_at - self.asked_at


@dataclass(frozen=True, slots=True)
class Patience:
    """How users treat failures: seconds for one request, retries of a failed one, the pause before each."""

    timeout: float = 60.0
    retries: int = 5
    retry_pause: float = 1.0


class VirtualUser:
    """One user of the load.

    The user has a clock of intentions: it starts at the scheduled arrival, moves to the end of every answer
    and on by every thought. Requests are measured from it, never from when the generator got round to them.
    """

    def __init__(
        self,
        number: int,
        arrives_at: float,
        *,
        client: HttpClient,
        log: LoadLog,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self.number = number
        self.intends_at = arrives_at
        self._client = client
        self._log = log
        self._clock = clock
        self._patience = patience

    async def ask(self, ask: Ask[T]) -> Answer[T]:
        """Ask, and ask again a pause after each failure that may pass, up to the retries allowed."""
        asked_at = self.intends_at
        attempts = 0
        while True:
            kind, status, value = await self._attempt(ask)
            attempts += 1
            if not kind.worth_retrying or attempts > self._patience.retries:
                return Answer(kind, status, value, asked_at, self.intends_at, attempts)
            await self.think(self._patience.retry_pause)

    async def think(self, seconds: float) -> None:
        """Do nothing for ``seconds`` after the last answer."""
        self.intends_at += seconds
        await asyncio.sleep(max(0.0, self.intends_at - self._clock()))

    def check(self, name: str, passed: bool) -> bool:
        """Count something expected; it is also the return value."""
        self._log.check(name, passed)
        return passed

    def leave(self) -> None:
        """Close the connection."""
        self._client.close()

    async def _attempt(self, ask: Ask[T]) -> tuple[OutcomeKind, int, T | None]:
        issued_at = self.intends_at
        kind, status = OutcomeKind.UNFINISHED, 0
        value: T | None = None
        self._log.sending(self.number, issued_at, self._clock())
        try:
            exchange = await self._client.send(ask.method, ask.path, ask.headers, ask.body)
            kind, value = judge(ask, exchange)
            status = exchange.status
        finally:
            self.intends_at = self._clock()
            self._log.ended(
                self.number, ask.name, issued_at=issued_at, now=self.intends_at, kind=kind, status=status
            )
        return kind, status, value


def judge(ask: Ask[T], exchange: Exchange) -> tuple[OutcomeKind, T | None]:
    """Whether an exchange is the answer that was asked for."""
    if exchange.kind is not OutcomeKind.OK:
        return exchange.kind, None
    if exchange.status not in ask.expected:
        return of_unexpected_status(exchange.status), None
    if not 200 <= exchange.status < 300:
        return OutcomeKind.OK, None
    try:
        return OutcomeKind.OK, ask.decode(exchange.body)
    except (ValueError, KeyError, TypeError):
        return OutcomeKind.BAD_BODY, None
