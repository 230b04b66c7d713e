"""Our side of the wire contract against the concert service's own management endpoints."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from runbooks.lever import Applied, Change, Conflict, LeverReading, RampBack, Refused
from runbooks.levers.http_json import HttpJsonLever
from runbooks.levers.resilience4j import Resilience4jLever
from runbooks.ownership import Owner, whose
from settings.schema import LeverSettings
from stack.service.actuator import Actuator
from stack.service.breaker import BreakerRules, BreakerState
from stack.service.breaker_guard import BreakerGuard
from stack.service.lever_board import Bounds, HeldLever, LeverBoard
from stack.service.levers import Lever as ServiceLever
from tests.runbooks.scene import START, lever_settings
from tests.runbooks.test_set_runbooks import breaker_settings

RUN = "throttle_queue-1-1"


@dataclass
class Wakes:
    """The queue's loop, as far as the levers touch it."""

    put_back: list[bool] = field(default_factory=list)

    def wake(self, put_back: bool = False) -> None:
        self.put_back.append(put_back)


@dataclass
class Service:
    """The real management endpoints on a port of their own, on a clock that the test sets."""

    url: str
    board: LeverBoard
    wakes: Wakes
    now: float = START

    def lever(self) -> HttpJsonLever:
        return HttpJsonLever(lever_settings(f"{self.url}/active-users", timeout="2s"))

    def breaker(self, name: str = "database") -> Resilience4jLever:
        settings: LeverSettings = breaker_settings(f"{self.url}/circuitbreakers")
        return Resilience4jLever(settings.model_copy(update={"breaker": name}))


@pytest.fixture
def service() -> Iterator[Service]:
    guard = BreakerGuard("database", BreakerRules(), BreakerState.METRICS_ONLY)
    users = HeldLever("active-users", ServiceLever(1000, 1000, 1), Bounds(1, 10_000, "users"))
    rate = HeldLever("admission", ServiceLever(100, 100, 1), Bounds(0, 1000, "users"))
    pool = HeldLever("hikaricp", ServiceLever(10, 10, 1), Bounds(1, 100, "connections"))
    breaker = HeldLever(
        "database",
        ServiceLever("METRICS_ONLY", "METRICS_ONLY", 1),
        put_in_force=lambda state: guard.move(BreakerState(str(state))),
    )
    made = Service("", LeverBoard(users, rate, pool, breaker), Wakes())
    unused: Any = None
    actuator = Actuator(
        page=unused,
        health=unused,
        board=made.board,
        loop=made.wakes,  # type: ignore[arg-type]  # all that levers ask of the loop
        guard=guard,
        pool=unused,
        cache=unused,
        clock=lambda: made.now,
    )
    server = uvicorn.Server(uvicorn.Config(actuator.app(), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    made.url = f"http://127.0.0.1:{port}/actuator"
    yield made
    server.should_exit = True
    thread.join(5)


def cut(version: int | None, request: str = "r1") -> Change:
    return Change(8.0, version, request, 60.0, RUN, put_back_excess=True)


def test_a_cut_is_applied_leased_and_read_back(service: Service) -> None:
    lever = service.lever()
    before = lever.read(START)
    assert isinstance(before, LeverReading)
    assert (before.value, before.baseline, before.lease) == (1000, 1000, None)
    result = lever.set(cut(before.version), START)
    assert isinstance(result, Applied)
    assert result.reading.value == 8
    assert result.reading.lease is not None
    assert result.reading.lease.until == pytest.approx(START + 60, abs=0.01)
    after = lever.read(START)
    assert isinstance(after, LeverReading)
    assert whose(after, RUN, 8, 1000) is Owner.OURS
    assert service.wakes.put_back == [True]


def test_a_renewal_grows_the_version_and_a_repeat_does_not(service: Service) -> None:
    lever = service.lever()
    first = lever.set(cut(1), START)
    again = lever.set(cut(1), START)
    assert first == again
    renewed = lever.set(Change(8.0, 2, "r2", 60.0, RUN), START)
    assert isinstance(renewed, Applied)
    assert renewed.reading.version == 3


def test_f44_a_late_old_write_is_a_conflict(service: Service) -> None:
    lever = service.lever()
    lever.set(cut(1), START)
    result = lever.set(cut(1, "r9"), START)
    assert isinstance(result, Conflict)
    assert (result.reading.value, result.reading.version) == (8, 2)


def test_an_expired_lease_is_seen_as_the_targets_ramp_and_then_as_back(service: Service) -> None:
    lever = service.lever()
    lever.set(cut(1), START)
    owners = []
    for second in (61.0, *range(62, 95)):
        service.board.step(START + second, line_waits=False)
        reading = lever.read(START + second)
        assert isinstance(reading, LeverReading)
        owners.append(whose(reading, RUN, 8, 1000))
    assert owners[0] is Owner.TARGET_RAMP
    assert owners[-1] is Owner.AT_BASELINE


def test_letting_go_and_ending_the_lease_are_understood(service: Service) -> None:
    lever = service.lever()
    lever.set(cut(1), START)
    gone = lever.let_go(RampBack(2, "r2", RUN), START)
    assert isinstance(gone, Applied)
    assert whose(gone.reading, RUN, 8, 1000) is Owner.TARGET_RAMP
    ended = lever.set(Change(1000.0, gone.reading.version, "r3", 0.0, RUN), START)
    assert isinstance(ended, Applied)
    assert whose(ended.reading, RUN, 8, 1000) is Owner.AT_BASELINE


def test_a_value_out_of_bounds_is_refused_in_the_services_words(service: Service) -> None:
    result = service.lever().set(Change(0.0, 1, "r1", 60.0, RUN), START)
    assert isinstance(result, Refused)
    assert "out of bounds (want 1 to 10000)" in result.text


def test_the_breaker_is_opened_leased_and_closed(service: Service) -> None:
    lever = service.breaker()
    reading = lever.read(START)
    assert isinstance(reading, LeverReading)
    opened = lever.set(Change("FORCED_OPEN", reading.version, "r1", 60.0, RUN), START)
    assert isinstance(opened, Applied)
    assert whose(opened.reading, RUN, "FORCED_OPEN", "METRICS_ONLY") is Owner.OURS
    closed = lever.let_go(RampBack(opened.reading.version, "r2", RUN), START)
    assert isinstance(closed, Applied)
    assert whose(closed.reading, RUN, "FORCED_OPEN", "METRICS_ONLY") is Owner.AT_BASELINE


def test_an_unknown_breaker_is_refused(service: Service) -> None:
    result = service.breaker("databse").read(START)
    assert isinstance(result, Refused)
    assert "(known: database)" in result.text
