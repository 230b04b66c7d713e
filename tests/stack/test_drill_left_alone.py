"""A drill on a stack that nobody helps: it ends after its watch, and everybody goes home."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from stack.drills.plan import DrillPlan
from stack.drills.pool_exhaustion import run_drill
from stack.drills.readiness import DrillNotReadyError, wait_for_rest
from stack.drills.result import Ending
from stack.drills.service_log import stamps
from stack.drills.target import StackUnderDrill
from stack.load.http_client import Address
from stack.load.virtual_user import Patience
from stack.local.state import Capacity
from tests.stack.comparison_story import LINE
from tests.stack.scripted_server import Reply, Seen, of_json, threaded

WALL = 1_795_000_000.0
PLAN = DrillPlan(
    think=0.02,
    ask_every=0.1,
    patience=Patience(timeout=2.0, retries=1, retry_pause=0.05),
    healthy_seconds=0.3,
    healthy_rate=4,
    surge_seconds=0.6,
    surge_rate=20,
    tail_seconds=5.0,
    tail_rate=1,
    watch_after=0.4,
    sample_every=0.05,
)


class StuckStack:
    """Admits everybody and keeps every date request for ever; ``gone`` are the tokens given back."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.issued: set[str] = set()
        self.active = 0

    def service(self, seen: Seen) -> Reply:
        if "/issue" in seen.path:
            token = f"t{seen.number}"
            self.issued.add(token)
            return of_json({"waitingToken": token})
        if "/date" in seen.path:
            return Reply(delay=30)
        if seen.method == "DELETE":
            self.gone.add(seen.headers["waitingtoken"])
        return of_json({"waitingNumber": 0} if "/query" in seen.path else [])

    def management(self, seen: Seen) -> Reply:
        if seen.path != "/actuator/prometheus":
            return of_json({"value": 1, "state": "X", "baseline": 1, "lease": None, "ramping": False})
        numbers = {
            "hikaricp_connections_active": self.active,
            "hikaricp_connections_max": 10,
            "hikaricp_connections_pending": 0,
            "hikaricp_connections_timeout_total": 0,
            "hikaricp_connections_usage_seconds_count": 100,
            "queue_waiting": 0,
            "queue_active": 0,
            "queue_abandoned_total": 0,
        }
        return Reply(body="".join(f"{name} {value}\n" for name, value in numbers.items()).encode())


@contextmanager
def serving_stack(fake: StuckStack) -> Iterator[StackUnderDrill]:
    with ExitStack() as servers:
        ports = [servers.enter_context(threaded(script)) for script in (fake.service, fake.management)]
        capacity = Capacity(4.8, 1, "2026-11-22T16:00:00.000Z", None, ok=True)
        yield StackUnderDrill(Address("127.0.0.1", ports[0]), Address("127.0.0.1", ports[1]), capacity)


def test_a_stack_left_alone_is_watched_for_a_while_and_then_everybody_goes_home() -> None:
    fake = StuckStack()
    with serving_stack(fake) as stack:
        began = time.monotonic()
        result = run_drill(PLAN, stack, None, lambda _: None, clock=lambda: WALL)
        assert time.monotonic() - began < 10
    assert result.complete
    assert result.ended_at == pytest.approx(result.surge_until + 0.4, abs=1.0)
    assert {visit.ending for visit in result.visits} == {Ending.UNFINISHED}
    assert len(fake.issued) >= 10
    assert fake.gone == fake.issued


def test_waiting_for_rest_names_what_does_not_rest() -> None:
    fake = StuckStack()
    fake.active = 3
    with serving_stack(fake) as stack:
        with pytest.raises(DrillNotReadyError) as caught:
            wait_for_rest(stack, replace(PLAN, levers=()), 0.2, lambda: WALL)
        fake.active = 0
        assert wait_for_rest(stack, replace(PLAN, levers=()), 5.0, lambda: WALL) < 5
    assert caught.value.problems == ("3 connections are in use (want 0)", "the stack was given 0.2 s to rest")


def test_the_text_of_a_pool_timeout_is_kept_and_no_other_lines() -> None:
    lines = [
        "2026-11-22T16:00:00.123Z WARN  HikariPool-1 - Pool saturated (total=10)\n",
        f"2026-11-22T16:00:30.123Z ERROR {LINE}\n",
        "2026-11-22T16:00:31.000Z INFO  something else\n",
    ]
    assert [stamp.text for stamp in stamps(lines)] == ["", LINE]
