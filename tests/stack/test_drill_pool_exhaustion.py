import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stack.config import StackConfig
from stack.drills.observer import ObservedEvent, ObservedIncident, Observer
from stack.drills.outcome import compute_outcome
from stack.drills.plan import DrillPlan, Wanted
from stack.drills.pool_exhaustion import run_drill
from stack.drills.progress import DrillProgress, ProgressKind
from stack.drills.readiness import DrillNotReadyError
from stack.drills.result import DrillResult, Ending
from stack.drills.target import StackUnderDrill, running_stack
from stack.drills.verdict import judge_drill
from stack.load.http_client import Address
from stack.load.virtual_user import Patience
from stack.local.errors import StackError
from stack.local.state import Capacity
from tests.stack.scripted_server import Reply, Seen, of_json, threaded

WALL = 1_795_000_000.0
PLAN = DrillPlan(
    think=0.02,
    ask_every=0.1,
    waiting_patience=0.5,
    patience=Patience(timeout=2.0, retries=1, retry_pause=0.05),
    healthy_seconds=0.5,
    healthy_rate=4,
    surge_seconds=3.0,
    surge_rate=20,
    tail_seconds=6.0,
    tail_rate=2,
    linger=0.3,
    settle=0.3,
    period=0.5,
    sample_every=0.05,
    wanted=Wanted(alert_within=3, act_within=1, recover_within=3),
)


class FakeStack:
    """A stack whose pool is exhausted from 0.8 s after its first user until its cap is lowered."""

    def __init__(self, log_file: Path) -> None:
        self.log_file, self.began, self.cut_at, self.released_at = log_file, 0.0, 0.0, 0.0
        self.pending = 0

    def service(self, seen: Seen) -> Reply:
        if "/issue" in seen.path:
            self.began = self.began or time.monotonic()
            return of_json({"waitingToken": f"t{seen.number}"})
        if "/concerts" in seen.path:
            return of_json([])
        if "/date" in seen.path:
            return of_json({"dates": [{"scheduleId": 1}]})
        return of_json({"waitingNumber": 0})

    def management(self, seen: Seen) -> Reply:
        if seen.path == "/actuator/prometheus":
            return Reply(body=self.page().encode())
        if "circuit" in seen.path:
            return of_json({"state": "METRICS_ONLY", "baseline": "METRICS_ONLY", "lease": None})
        held = bool(self.cut_at) and not self.released_at and "active-users" in seen.path
        return of_json(
            {"value": 8 if held else 1000, "baseline": 1000, "lease": {} if held else None, "ramping": False}
        )

    def page(self) -> str:
        now = time.monotonic()
        exhausted = bool(self.began) and now > self.began + 0.8 and not self.cut_at
        if exhausted and not self.pending:
            stamp = (
                datetime.fromtimestamp(WALL, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            )
            self.log_file.write_text(f"{stamp} WARN  HikariPool-1 - Pool saturated (waiting=10)\n")
        self.pending = 12 if exhausted else 0
        numbers = {
            "hikaricp_connections_active": 10,
            "hikaricp_connections_max": 10,
            "hikaricp_connections_pending": self.pending,
            "hikaricp_connections_timeout_total": 0,
            "hikaricp_connections_usage_seconds_count": 100,
            "queue_waiting": 0,
            "queue_active": 8,
            "queue_abandoned_total": 0,
        }
        return "".join(f"{name} {value}\n" for name, value in numbers.items())


class FakePlatform:
    """Sees the pending requests, fires, cuts, releases after two seconds, resolves."""

    def __init__(self, stack: FakeStack) -> None:
        self.stack, self.began = stack, time.monotonic()
        self.rows: list[ObservedEvent] = []
        self.incident: ObservedIncident | None = None
        self.count = 0

    def events(self) -> Sequence[ObservedEvent]:
        now = time.monotonic()
        if self.stack.pending and not self.stack.cut_at:
            self.incident = ObservedIncident(1, "open", self.wall(), None, None)
            self.tell("alert_firing", "PoolExhausted fires")
            self.stack.cut_at = now
            self.tell("lever_set", "active_users_cap 1000 to 8")
        elif self.stack.cut_at and not self.stack.released_at and now > self.stack.cut_at + 2.5:
            self.stack.released_at = now
            self.tell("releasing", "by ramp")
        elif self.stack.released_at and self.incident and self.incident.state == "open":
            self.incident = replace(self.incident, state="resolved", resolved_at=self.wall())
            self.tell("incident_resolved", "Incident 1 resolved")
        rows, self.rows = self.rows, []
        return rows

    def incidents(self) -> Sequence[ObservedIncident]:
        return (self.incident,) if self.incident else ()

    def tell(self, kind: str, text: str) -> None:
        self.count += 1
        self.rows.append(ObservedEvent(self.count, self.wall(), 1, kind, "r", text, {}))

    def wall(self) -> float:
        return WALL + time.monotonic() - self.began


def drill(
    log_file: Path,
    *,
    plan: DrillPlan = PLAN,
    platform: Callable[[FakeStack], Observer] | None = FakePlatform,
    bend: Callable[[FakeStack], None] = lambda stack: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[DrillResult, list[DrillProgress]]:
    told: list[DrillProgress] = []
    fake = FakeStack(log_file)
    bend(fake)
    with ExitStack() as servers:
        ports = [servers.enter_context(threaded(script)) for script in (fake.service, fake.management)]
        stack = StackUnderDrill(
            service=Address("127.0.0.1", ports[0]),
            management=Address("127.0.0.1", ports[1]),
            capacity=Capacity(4.8, 1_500_000, "2026-11-22T16:00:00.000Z", None, ok=True),
            log_file=log_file,
        )
        observer = platform(fake) if platform else None
        return run_drill(plan, stack, observer, told.append, clock=lambda: WALL, stop=stop), told


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[DrillResult, list[DrillProgress]]:
    return drill(tmp_path_factory.mktemp("drill") / "concert.log")


def test_a_drill_is_played_watched_and_judged_from_start_to_end(
    played: tuple[DrillResult, list[DrillProgress]],
) -> None:
    result, told = played
    outcome = compute_outcome(result)
    instants = outcome.instants
    assert result.complete
    assert result.ended_at - result.started_at < 0.5 + 3 + 6
    assert instants.rule_true == WALL
    assert instants.alert_firing is not None
    assert instants.lever_set is not None
    assert instants.recovered is not None
    assert instants.recovered - instants.lever_set < 2
    assert instants.levers_back is not None
    assert instants.resolved is not None
    passed = {each.name for each in judge_drill(result, outcome).expectations if each.passed}
    assert passed >= {"capacity", "complete", "act_within", "recover_within", "one_incident", "resolved"}
    assert passed >= {"levers_at_baseline", "pool_timeouts", "dropped_arrivals"}
    assert {visit.ending for visit in result.visits} <= {Ending.SERVED, Ending.UNFINISHED}
    assert len(result.visits) >= 55
    assert [line.event.kind for line in told if line.event] == [
        "alert_firing",
        "lever_set",
        "releasing",
        "incident_resolved",
    ]


def test_progress_names_the_phases_and_the_load_every_second(
    played: tuple[DrillResult, list[DrillProgress]],
) -> None:
    _, told = played
    phases = [line.text.split(":")[0] for line in told if line.kind is ProgressKind.PHASE]
    assert phases == ["surge", "tail"]
    loads = [line.text for line in told if line.kind is ProgressKind.LOAD]
    assert len(loads) >= 3
    assert re.search(
        r"surge .* 20\.0 users/s  waiting 0  active 8 of (8|1000)  pending \d+  p95 [\d.]+ s  failures 0",
        loads[0],
    )


def test_without_a_platform_the_drill_plays_to_the_end_of_its_tail(tmp_path: Path) -> None:
    plan = replace(PLAN, surge_seconds=1.0, tail_seconds=0.7)
    result, _ = drill(tmp_path / "concert.log", plan=plan, platform=None)
    assert not result.observed
    assert (result.events, result.incidents) == ((), ())
    assert compute_outcome(result).instants.first_waiting is not None
    assert 2.2 <= result.ended_at - result.started_at < 6
    assert "no alert fired" in {each.why for each in judge_drill(result, compute_outcome(result)).failed}


def test_a_person_can_stop_a_drill_and_keeps_what_was_seen(tmp_path: Path) -> None:
    asked = iter(range(10_000))
    result, _ = drill(tmp_path / "concert.log", stop=lambda: next(asked) > 4)
    assert not result.complete
    assert result.ended_at - result.started_at < 3
    assert result.requests
    assert result.surge_until <= result.ended_at


def test_a_drill_does_not_start_on_a_stack_that_is_not_at_rest(tmp_path: Path) -> None:
    def held(stack: FakeStack) -> None:
        stack.cut_at = 1.0

    with pytest.raises(DrillNotReadyError) as caught:
        drill(tmp_path / "concert.log", bend=held, platform=None)
    assert caught.value.problems == ("lever active_users_cap is at 8, leased (want its baseline 1000)",)


def test_a_platform_that_cannot_be_watched_any_more_ends_the_drill_with_its_error(tmp_path: Path) -> None:
    class Failing(FakePlatform):
        def events(self) -> Sequence[ObservedEvent]:
            if self.stack.began:
                raise OSError("the timeline is gone")
            return ()

    with pytest.raises(OSError, match="the timeline is gone"):
        drill(tmp_path / "concert.log", platform=Failing)


def test_every_reason_not_to_start_is_told_at_once(tmp_path: Path) -> None:
    def broken(stack: FakeStack) -> None:
        stack.service = lambda seen: Reply(503)  # type: ignore[method-assign]
        stack.management = lambda seen: Reply(404)  # type: ignore[method-assign]

    with pytest.raises(DrillNotReadyError, match="the drill cannot start") as caught:
        drill(tmp_path / "concert.log", bend=broken)
    assert len(caught.value.problems) == 2
    assert "status 503" in caught.value.problems[0]
    assert "/actuator/prometheus: status 404" in caught.value.problems[1]


def test_a_stack_that_is_not_there_is_told_with_its_address(tmp_path: Path) -> None:
    nobody = Address("127.0.0.1", 9)
    stack = StackUnderDrill(nobody, nobody, Capacity(4.8, 1, "", None, ok=True))
    with pytest.raises(DrillNotReadyError, match=r"http://127\.0\.0\.1:9/api.*: refused"):
        run_drill(PLAN, stack, None, lambda line: None, clock=lambda: WALL)


def test_the_running_stack_is_found_by_its_state_file(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"stack\.json: no such file"):
        running_stack(StackConfig(run_dir=tmp_path))
    state: dict[str, object] = {
        "profile": "published",
        "startedAt": "2026-11-22T16:00:00.000Z",
        "stage": "running",
        "supervisor": {"pid": 1, "startTime": 1.0},
        "processes": [],
        "capacity": None,
        "notes": [],
    }
    (tmp_path / "stack.json").write_text(json.dumps(state))
    with pytest.raises(StackError, match=r"stack\.json: no capacity"):
        running_stack(StackConfig(run_dir=tmp_path))
    measured = {"queriesPerSecond": 4.8, "seats": 1500000, "measuredAt": "x", "stealPercent": 1.0, "ok": True}
    (tmp_path / "stack.json").write_text(json.dumps({**state, "capacity": {**measured, "reason": None}}))
    found = running_stack(StackConfig(run_dir=tmp_path, service_port=1, management_port=2))
    assert (found.service.port, found.management.port, found.capacity.queries_per_second) == (1, 2, 4.8)
    assert found.log_file == tmp_path / "logs" / "concert.log"


def test_the_plan_takes_less_than_four_minutes_and_surges_with_the_measured_capacity() -> None:
    plan = DrillPlan()
    stages = plan.stages(Capacity(4.8, 1_500_000, "", None, ok=True))
    assert sum(stage.seconds for stage in stages) < 235
    assert max(stage.target for stage in stages) == 4.8
