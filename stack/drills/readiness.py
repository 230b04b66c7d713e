"""Whether a stack is at rest: the only state from which a drill proves anything."""

import asyncio
from collections.abc import Iterator

from stack.drills.plan import DrillPlan
from stack.drills.result import StackSample
from stack.drills.sampler import Sampler
from stack.drills.target import StackUnderDrill
from stack.load.http_client import Address, HttpClient
from stack.load.outcome_kind import OutcomeKind
from stack.load.steady_clock import Clock, steady

_SERVICE_TIMEOUT = 5.0
_FRONT_PAGE = "/api/v1/concerts/query?page=1"


class DrillNotReadyError(Exception):
    """The drill would prove nothing from here; the text names every reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the drill cannot start:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = tuple(problems)


def wait_for_rest(stack: StackUnderDrill, plan: DrillPlan, within: float, clock: Clock) -> float:
    """Wait until nobody waits, no connection is in use and every lever is home; returns the seconds it took.

    Raises:
        DrillNotReadyError: it is not so within that many seconds.
    """
    return asyncio.run(_rest(stack, plan, within, steady(clock)))


async def _rest(stack: StackUnderDrill, plan: DrillPlan, within: float, clock: Clock) -> float:
    began = clock()
    while True:
        problems = await _unrest(stack, plan, clock)
        if not problems:
            return clock() - began
        if clock() - began >= within:
            raise DrillNotReadyError([*problems, f"the stack was given {within:g} s to rest"])
        await asyncio.sleep(plan.sample_every)


async def _unrest(stack: StackUnderDrill, plan: DrillPlan, clock: Clock) -> list[str]:
    sampler = Sampler(stack.management, plan.levers, plan.sample_every, clock)
    await sampler.look()
    sampler.close()
    unread = [failing.text for failing in sampler.failures]
    return unread + [line for s in sampler.samples for line in (*waiting(s), *_busy(s), *held(s))]


async def service_problems(service: Address, clock: Clock) -> list[str]:
    """Why the service does not serve its front page; empty when it does."""
    client = HttpClient(service, clock, _SERVICE_TIMEOUT)
    exchange = await client.send("GET", _FRONT_PAGE)
    client.close()
    if exchange.kind is not OutcomeKind.OK:
        return [f"http://{service}{_FRONT_PAGE}: {exchange.kind} ({exchange.detail})"]
    return [] if exchange.status == 200 else [f"http://{service}{_FRONT_PAGE}: status {exchange.status}"]


def waiting(sample: StackSample) -> Iterator[str]:
    """Who waits, for a connection or for admission."""
    if sample.pool_pending > 0:
        yield f"{sample.pool_pending:.0f} requests wait for a connection (want 0)"
    if sample.queue_waiting > 0:
        yield f"{sample.queue_waiting:.0f} users wait in the queue (want 0)"


def held(sample: StackSample) -> Iterator[str]:
    """Levers that are not where they belong."""
    for lever in sample.levers:
        if not lever.at_baseline:
            leased = ", leased" if lever.leased else ""
            yield f"lever {lever.name} is at {lever.value}{leased} (want its baseline {lever.baseline})"


def _busy(sample: StackSample) -> Iterator[str]:
    if sample.pool_active > 0:
        yield f"{sample.pool_active:.0f} connections are in use (want 0)"
    if sample.queue_active > 0:
        yield f"{sample.queue_active:.0f} users are inside (want 0)"
