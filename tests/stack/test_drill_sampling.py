import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stack.drills.metrics_page import totals
from stack.drills.observer import ObservedEvent, ObservedIncident
from stack.drills.plan import LEVERS
from stack.drills.result import LeverSample, LogMark
from stack.drills.sampler import NotReadableError, Sampler, read_lever
from stack.drills.service_log import end_of, read_from, stamps
from stack.drills.watcher import Watcher
from stack.load.http_client import Address
from stack.load.steady_clock import steady
from tests.stack.scripted_server import Reply, Seen, of_json, serving

PAGE = """\
# HELP hikaricp_connections_active Active connections
# TYPE hikaricp_connections_active gauge
hikaricp_connections_active{pool="HikariPool-1"} 10.0
hikaricp_connections_max{pool="HikariPool-1"} 10.0
hikaricp_connections_pending{pool="HikariPool-1"} 27.0
hikaricp_connections_timeout_total{pool="HikariPool-1"} 0.0
hikaricp_connections_usage_seconds_count{pool="HikariPool-1"} 481
queue_waiting 144
queue_active{kind="a"} 3
queue_active{kind="b, {c}"} 4 1795000000000
queue_abandoned_total 12
"""
CAP = {"value": 8, "baseline": 1000, "version": 7, "lease": {"owner": "x"}, "ramping": False}
BREAKER = {"state": "METRICS_ONLY", "baseline": "METRICS_ONLY", "version": 1, "lease": None}


def actuator(seen: Seen) -> Reply:
    if seen.path == "/actuator/prometheus":
        return Reply(body=PAGE.encode())
    return of_json(BREAKER if "circuitbreakers" in seen.path else CAP)


def look(script: Callable[[Seen], Reply]) -> Sampler:
    async def run() -> Sampler:
        async with serving(script) as server:
            sampler = Sampler(Address("127.0.0.1", server.port), LEVERS, 0.5, steady(lambda: 100.0))
            await sampler.look()
            return sampler

    return asyncio.run(run())


def test_numbers_are_summed_over_label_sets_and_others_are_left_out() -> None:
    assert totals(PAGE, {"queue_active", "queue_waiting", "not_there"}) == {
        "queue_active": 7.0,
        "queue_waiting": 144.0,
    }


def test_a_metric_without_a_number_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="queue_waiting: 'lots' is not a number"):
        totals("queue_waiting lots\n", {"queue_waiting"})


def test_a_sample_holds_pool_queue_and_levers() -> None:
    (sample,) = look(actuator).samples
    assert (sample.pool_active, sample.pool_pending, sample.pool_uses) == (10, 27, 481)
    assert (sample.queue_waiting, sample.queue_active, sample.queue_abandoned) == (144, 7, 12)
    assert sample.lever("active_users_cap") == LeverSample(
        "active_users_cap", 8, 1000, leased=True, ramping=False
    )
    breaker = sample.lever("circuit_breaker")
    assert breaker is not None
    assert breaker.at_baseline


def test_a_lever_that_cannot_be_read_leaves_the_pools_numbers() -> None:
    sampler = look(lambda seen: Reply(500) if "admission" in seen.path else actuator(seen))
    assert [lever.name for lever in sampler.samples[0].levers] == ["active_users_cap", "circuit_breaker"]
    assert "/actuator/admission: status 500 (want 200)" in sampler.failures[0].text


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(body=b"queue_waiting 1\n"), "without hikaricp_connections_active"),
        (Reply(404), "status 404"),
        (Reply(reset=True), "reset"),
    ],
)
def test_a_page_that_cannot_be_read_is_a_failure_with_its_reason(reply: Reply, says: str) -> None:
    sampler = look(lambda seen: reply)
    assert sampler.samples == []
    assert says in sampler.failures[0].text


def test_a_lever_of_another_form_is_named() -> None:
    with pytest.raises(NotReadableError, match="lever admission_rate"):
        read_lever("admission_rate", json.dumps({"per10Seconds": 100}).encode())


def test_sampling_goes_on_at_its_pace_through_failures() -> None:
    async def run() -> Sampler:
        async with serving(lambda seen: Reply(500) if seen.number in (3, 4) else actuator(seen)) as server:
            sampler = Sampler(Address("127.0.0.1", server.port), LEVERS, 0.1, steady(lambda: 100.0))
            task = asyncio.ensure_future(sampler.run())
            await asyncio.wait((task,), timeout=0.75)
            task.cancel()
            return sampler

    sampler = asyncio.run(run())
    assert 4 <= len(sampler.samples) <= 9
    assert len(sampler.failures) == 2


LOG = """\
2026-11-22T16:00:00.123Z INFO  Started
2026-11-22T16:00:31.100Z WARN  HikariPool-1 - Pool saturated (total=10, active=10, idle=0, waiting=10)
  a line that continues: Pool saturated
2026-11-22T16:00:33.900Z INFO  Lever active-users: changed, 1000 -> 8, version 7, leased by showcall (run x)
2026-11-22T16:00:40.000Z INFO  Lever active-users: refused, 8 -> 8, version 7
2026-11-22T16:01:31.200Z ERROR H - Connection is not available, request timed out after 30000ms (total=10,
"""


def test_the_stamps_of_the_log_are_the_services_own_time() -> None:
    saturated, changed, timeout = stamps(LOG.splitlines())
    assert (saturated.mark, timeout.mark) == (LogMark.POOL_SATURATED, LogMark.POOL_TIMEOUT)
    assert (changed.mark, changed.at) == (LogMark.LEVER_CHANGED, 1795363233.9)
    assert saturated.at == 1795363231.1
    assert timeout.at - saturated.at == pytest.approx(60.1)


def test_only_what_was_logged_since_the_start_counts(tmp_path: Path) -> None:
    path = tmp_path / "concert.log"
    assert (end_of(path), read_from(path, 0), read_from(None, 0)) == (0, (), ())
    path.write_text(LOG)
    offset = end_of(path)
    assert read_from(path, offset) == ()
    with path.open("a") as log:
        log.write(LOG)
    assert len(read_from(path, offset)) == 3


def test_a_log_that_was_replaced_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "concert.log"
    path.write_text(LOG)
    assert len(read_from(path, 10 * len(LOG))) == 3


class Platform:
    """An observer that a test plays by hand."""

    def __init__(self) -> None:
        self.rows: list[ObservedEvent] = []
        self.known: list[ObservedIncident] = []

    def events(self) -> Sequence[ObservedEvent]:
        rows, self.rows = self.rows, []
        return rows

    def incidents(self) -> Sequence[ObservedIncident]:
        return tuple(self.known)

    def tell(self, number: int, kind: str = "note") -> None:
        self.rows.append(ObservedEvent(number, 100.0, None, kind, "r", f"row {number}", {}))


def test_rows_and_incidents_from_before_belong_to_another_drill() -> None:
    platform = Platform()
    told: list[ObservedEvent] = []
    platform.tell(1)
    platform.known = [
        ObservedIncident(1, "open", 1.0, None, None),
        ObservedIncident(2, "resolved", 1.0, None, 2.0),
    ]

    async def run() -> tuple[tuple[ObservedIncident, ...], Watcher]:
        watcher = Watcher(platform, steady(lambda: 200.0), told.append)
        unresolved = await watcher.begin()
        platform.tell(2)
        platform.known.append(ObservedIncident(3, "open", 150.0, None, None))
        await watcher.look()
        return unresolved, watcher

    unresolved, watcher = asyncio.run(run())
    assert [incident.id for incident in unresolved] == [1]
    assert [event.id for event in told] == [2]
    assert [incident.id for incident in watcher.incidents] == [3]
    assert watcher.events[0].seen_at >= 200.0
    assert not watcher.all_resolved


def test_an_incident_is_kept_in_its_newest_state_even_when_it_is_no_longer_listed() -> None:
    platform = Platform()

    async def run() -> Watcher:
        watcher = Watcher(platform, steady(lambda: 200.0), lambda event: None)
        await watcher.begin()
        for state, resolved_at in (("open", None), ("resolved", 190.0)):
            platform.known = [ObservedIncident(1, state, 150.0, None, resolved_at)]
            await watcher.look()
        platform.known = []
        await watcher.look()
        return watcher

    watcher = asyncio.run(run())
    assert [incident.state for incident in watcher.incidents] == ["resolved"]
    assert watcher.all_resolved
