"""The rules we ship, with the configuration we ship, against the numbers of a modelled on-sale."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import settings
from alerts.evidence import CaptureName
from alerts.incident import IncidentState
from alerts.rule_files import load_all
from alerts.topology import Topology
from database import Database
from tests.alerts.alert_rig import Rig, lease
from tests.alerts.concert_numbers import ConcertNumbers

ROOT = Path(__file__).parents[2]
UP = {f'up{{job="{job}"}}': 1.0 for job in ("concert", "redis", "database", "containers", "concert_list")}


@pytest.fixture
def on_sale(database: Database) -> Rig:
    loaded, source = settings.load_with_source(ROOT / "config.yaml")
    rules = load_all(loaded, source, str(ROOT / "config.yaml"))
    rig = Rig(database, rules, Topology.of(loaded))
    rig.says("redis#scrape", {'redis_up{job="redis"}': 1.0})
    rig.says("all#scrape", UP)
    return rig


def play(rig: Rig, numbers: ConcertNumbers, users: float, seconds: int) -> Iterator[int]:
    for second in range(seconds):
        numbers.second(rig.at, users)
        rig.says("concert", numbers.shown())
        rig.says("containers", numbers.boxes())
        rig.round()
        yield second


def fired(rig: Rig) -> set[str]:
    return {str(row.details["alert"]) for row in rig.rows() if row.kind == "alert_firing"}


@pytest.mark.parametrize("slow_start", [1.0, 20.0])
@pytest.mark.parametrize("users", [0.0, 0.2, 0.3])
def test_a_healthy_start_raises_no_alert(on_sale: Rig, users: float, slow_start: float) -> None:
    list(play(on_sale, ConcertNumbers(slow_start=slow_start), users, 60))
    assert fired(on_sale) == set()
    assert on_sale.incidents() == []


def test_the_whole_drill_is_one_incident_from_surge_to_release(on_sale: Rig) -> None:
    numbers = ConcertNumbers()
    list(play(on_sale, numbers, 0.3, 20))
    waiting_since = None
    for _ in play(on_sale, numbers, 5.0, 30):
        shown = numbers.shown()
        pending = next(value for name, value in shown.items() if "pending" in name)
        if waiting_since is None and pending >= 10:
            waiting_since = on_sale.at
        if on_sale.incidents():
            break
    assert waiting_since is not None
    assert on_sale.at - waiting_since <= 2.0
    incident = on_sale.incident()
    assert incident.title == "Connection pool exhausted: requests wait for a database connection"
    assert incident.cause in {"pool", "database"}

    on_sale.leases.now = (lease(incident.id),)
    list(play(on_sale, numbers, 2.0, 4))
    numbers.inside = numbers.inside[:8]
    list(play(on_sale, numbers, 0.9, 60))
    assert on_sale.incident().state is IncidentState.MITIGATED
    assert {"PoolExhausted", "DatabaseCpuHigh"} <= fired(on_sale)
    assert "database" in {
        str(row.details["cause"]) for row in on_sale.rows() if row.kind == "incident_cause"
    } | {str(incident.cause)}

    on_sale.leases.now = ()
    list(play(on_sale, numbers, 0.3, 22))
    assert on_sale.incident().state is IncidentState.RESOLVED
    resolved = on_sale.rows()[-1]
    assert {"pool.waiting", "pool.backlog", "service.p95"} <= set(resolved.details["peak"])  # type: ignore[arg-type] # a mapping


def test_slow_answers_are_an_alert_of_the_endpoint(on_sale: Rig) -> None:
    numbers = ConcertNumbers()
    list(play(on_sale, numbers, 5.0, 25))
    latency = next(alert for alert in on_sale.active() if alert.rule == "EndpointLatencyHigh")
    assert dict(latency.labels)["uri"] == "/api/v1/concert/{concertId}/date"
    assert {"PoolExhausted", "PoolBacklog", "EndpointLatencyHigh", "DatabaseCpuHigh"} <= fired(on_sale)
    assert len(on_sale.incidents()) == 1


def test_requests_that_give_up_waiting_join_the_incident_that_is_open_and_ask_for_its_log(
    on_sale: Rig,
) -> None:
    numbers = ConcertNumbers()
    list(play(on_sale, numbers, 5.0, 20))
    assert "PoolTimeouts" not in fired(on_sale)
    numbers.timeouts = 3.0
    list(play(on_sale, numbers, 5.0, 2))
    assert "PoolTimeouts" in fired(on_sale)
    assert "PoolTimeouts" in on_sale.incident().rules
    rule = next(rule for rule in on_sale.rules.alerting if rule.name == "PoolTimeouts")
    assert rule.evidence is not None
    assert CaptureName.LOG in rule.evidence.captures
    row = next(row for row in on_sale.rows() if "PoolTimeouts" in row.text and row.kind == "alert_firing")
    assert row.incident_id == on_sale.incident().id
    list(play(on_sale, numbers, 5.0, 20))
    assert "PoolTimeouts" not in on_sale.states()


def test_many_errors_are_an_alert_and_a_few_are_not(on_sale: Rig) -> None:
    numbers = ConcertNumbers()
    list(play(on_sale, numbers, 0.3, 20))
    numbers.failed += 2
    numbers.requests += 2
    list(play(on_sale, numbers, 0.3, 20))
    assert fired(on_sale) == set()
    numbers.errors = 1.0
    list(play(on_sale, numbers, 0.8, 15))
    assert fired(on_sale) == {"ErrorRatioHigh"}


def test_a_target_and_a_redis_that_are_down_are_told(on_sale: Rig) -> None:
    on_sale.says("redis#scrape", {'redis_up{job="redis"}': 0.0})
    on_sale.rounds(3)
    on_sale.says("all#scrape", {'up{job="redis"}': 0.0})
    on_sale.rounds(6)
    assert fired(on_sale) == {"RedisDown", "TargetDown"}
    assert on_sale.incident().title == "Redis is down: the waiting queue stands still"
    assert on_sale.incident().cause == "redis"


def test_the_pool_alert_waits_for_a_line_that_stays_empty(on_sale: Rig) -> None:
    numbers = ConcertNumbers()
    list(play(on_sale, numbers, 5.0, 12))
    numbers.inside = []
    list(play(on_sale, numbers, 0.1, 4))
    assert on_sale.states().get("PoolExhausted") == "firing"
    list(play(on_sale, numbers, 0.1, 2))
    assert "PoolExhausted" not in on_sale.states()


@pytest.mark.parametrize(
    ("pattern", "rule", "component"),
    [
        ("out_of_memory", "OutOfMemoryError", "service"),
        ("redis_command_timeout", "RedisCommandTimeouts", "redis"),
        ("redis_ping_failed", "RedisPingFailed", "redis"),
    ],
)
def test_the_first_line_of_a_log_that_tells_of_a_failure_is_an_alert(
    on_sale: Rig, pattern: str, rule: str, component: str
) -> None:
    series = f'log_events_total{{job="concert_log",pattern="{pattern}",target="concert_log"}}'
    on_sale.says("concert_log", {series: 0.0})
    on_sale.rounds(10)
    assert fired(on_sale) == set()
    on_sale.says("concert_log", {series: 1.0})
    on_sale.rounds(2)
    assert fired(on_sale) == {rule}
    assert on_sale.incident().cause == component
    on_sale.rounds(32 + 21)
    assert on_sale.incident().state is IncidentState.RESOLVED
