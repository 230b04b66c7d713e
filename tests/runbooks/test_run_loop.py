"""A run from the alert to the lever back at its baseline, and what keeps it from beginning."""

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.timeline import TimelineKind
from metrics.store import Store
from runbooks import decision_store, lease_store, lever_store
from runbooks.decision import DecisionReason
from runbooks.lease import LeasePhase
from runbooks.lease_store import LeasesInDatabase
from runbooks.run import RunState
from settings.schema import RunbookMode
from tests.runbooks.fake_lever import Mode
from tests.runbooks.scene import Scene, scene


def decision(world: Scene) -> DecisionReason:
    with world.database.reading() as connection:
        known = decision_store.get(connection, "throttle_queue", 1)
    assert known is not None
    return known.decision.reason


def test_a_firing_alert_moves_the_lever_in_the_same_step(world: Scene) -> None:
    world.tick()
    assert world.lever.value == 8
    assert world.lever.posts[0]["putBackExcess"] is True
    kinds = [row.kind for row in world.rows()]
    assert kinds == [TimelineKind.RUN_PLANNED, TimelineKind.RUN_STARTED, TimelineKind.LEVER_SET]
    assert world.run.state is RunState.HOLDING


def test_the_plan_on_the_timeline_has_the_diff_the_guards_and_the_inverse(world: Scene) -> None:
    world.tick()
    planned = world.rows(TimelineKind.RUN_PLANNED)[0]
    assert planned.details["diffs"] == [
        "Cap on active users: 1000 -> 8 users",
        "Admission per 10 s: stays at 100 users",
    ]
    assert planned.details["inverse"] == "Cap on active users back to 1000 users by ramp"
    guards = planned.details["guards"]
    assert isinstance(guards, list)
    assert len(guards) == 4


def test_the_lease_is_renewed_every_ten_seconds_while_facts_are_fresh(world: Scene) -> None:
    world.tick()
    world.calm()
    world.tick(70)
    assert world.lever.lease is not None
    assert world.lever.lease["runId"] == "throttle_queue-1-1"
    assert world.rows(TimelineKind.LEASE_LOST) == []
    with world.database.reading() as connection:
        held = lease_store.held(connection)
    assert [lease.phase for lease in held] == [LeasePhase.HELD]
    assert held[0].until > world.now + 45


def test_the_lever_is_verified_held_steered_released_and_back_at_its_baseline(world: Scene) -> None:
    world.tick(4)
    world.calm()
    world.tick(30)
    world.over()
    world.tick(60)
    assert (world.lever.value, world.lever.lease, world.lever.ramping) == (1000, None, False)
    assert world.run.state is RunState.SUCCEEDED
    assert [row.reason for row in world.rows(TimelineKind.VERIFIED)] == ["effective"]
    assert [row.kind for row in world.rows()][-2:] == [TimelineKind.LEASE_ENDED, TimelineKind.RUN_ENDED]
    assert all(effect.run_id == "throttle_queue-1-1" for effect in world.lever.ledger)
    assert LeasesInDatabase(world.database).held() == ()


def test_every_verification_writes_before_after_and_time_to_effect(world: Scene) -> None:
    world.tick(4)
    world.calm()
    world.tick(10)
    told = world.rows(TimelineKind.VERIFIED)[0]
    assert told.details["before"] == pytest.approx(20 / 4.8, rel=0.01)
    assert told.details["after"] == 0
    assert told.details["seconds"] == pytest.approx(5, abs=1)


def test_held_leases_are_what_the_incidents_see(world: Scene) -> None:
    world.tick()
    held = LeasesInDatabase(world.database).held()
    assert [(each.lever, each.component, each.incident_id, each.value) for each in held] == [
        ("active_users_cap", "queue", 1, 8)
    ]


def test_a_lever_that_a_person_moved_is_seen_as_held_for_no_incident(world: Scene) -> None:
    world.incidents.firing = ()
    world.lever.turn_by_hand(500)
    world.tick()
    held = LeasesInDatabase(world.database).held()
    assert [(each.lever, each.incident_id, each.value, each.baseline) for each in held] == [
        ("active_users_cap", None, 500, 1000)
    ]


def test_every_levers_last_value_is_published(world: Scene) -> None:
    world.tick()
    with world.database.reading() as connection:
        known = {lever.lever: lever for lever in lever_store.readings(connection)}
    assert known["active_users_cap"].at_baseline is False
    assert known["admission_rate"].at_baseline is True
    assert known["active_users_cap"].reading is not None
    assert known["active_users_cap"].reading.lease is not None


def test_a_lever_that_does_not_answer_is_published_with_its_error(world: Scene) -> None:
    world.incidents.firing = ()
    world.tick()
    world.lever.read_mode = Mode.FAIL
    world.tick(6)
    with world.database.reading() as connection:
        known = {lever.lever: lever for lever in lever_store.readings(connection)}["active_users_cap"]
    assert known.error is not None
    assert "HTTP 500" in known.error
    assert known.reading is not None
    assert known.at_baseline is None


def test_an_alert_that_no_runbook_is_for_starts_nothing(world: Scene) -> None:
    world.incidents.firing = ("RedisDown",)
    world.tick(3)
    assert world.lever.posts == []
    assert world.rows() == []


def test_f46_two_alerts_of_one_incident_start_one_run(world: Scene) -> None:
    world.incidents.firing = ("PoolExhausted", "PoolBacklog")
    world.tick(3)
    assert len(world.runs()) == 1
    assert len(world.lever.changes()) == 1


def test_f46_two_loops_on_one_database_execute_once(world: Scene) -> None:
    one, other = world.new_loop(), world.new_loop()
    world.scrape()
    one.step(world.now, 0.0)
    other.step(world.now, 0.0)
    world.calm()
    for _ in range(15):
        world.scrape()
        one.step(world.now, 0.0)
        other.step(world.now, 0.0)
    assert len(world.runs()) == 1
    assert [effect.value for effect in world.lever.changes()].count(8) == 1


def test_f48_stale_facts_refuse_the_action_and_say_so_once(world: Scene) -> None:
    world.scraped = False
    world.warm(6)
    world.tick(10)
    assert world.lever.posts == []
    refused = world.rows(TimelineKind.RUN_REFUSED)
    assert [row.reason for row in refused] == ["guard_facts"]
    assert "facts are 7.0 s old (at most 5 s)" in refused[0].text


def test_f48_facts_that_come_back_let_it_act(world: Scene) -> None:
    world.scraped = False
    world.warm(6)
    world.tick(2)
    assert world.lever.posts == []
    world.scraped = True
    world.tick(2)
    assert world.lever.value == 8


def test_a_loop_late_by_more_than_half_a_second_starts_nothing(world: Scene) -> None:
    world.tick(3, lag=0.6)
    assert world.lever.posts == []
    assert decision(world) is DecisionReason.GUARD_FACTS
    world.tick(lag=0.4)
    assert world.lever.value == 8


def test_a_guard_that_says_no_refuses_with_its_reason(world: Scene) -> None:
    world.facts = replace(world.facts, redis_up=0.0)
    world.tick(3)
    assert world.lever.posts == []
    refused = world.rows(TimelineKind.RUN_REFUSED)
    assert len(refused) == 1
    assert "guard queue_store_up says no" in refused[0].text
    assert "which lives in Redis" in refused[0].text


def test_f54_observe_mode_plans_and_sends_nothing(tmp_path: Path) -> None:
    with scene(tmp_path, RunbookMode.OBSERVE) as world:
        world.tick(5)
        assert world.lever.posts == []
        assert world.lever.ledger == []
        observed = world.rows(TimelineKind.RUN_OBSERVED)
        assert len(observed) == 1
        assert "Cap on active users: 1000 -> 8 users" in observed[0].text
        assert observed[0].details["guards"]
        assert world.runs() == []


def test_f47_a_runbook_cools_down_before_it_acts_again(world: Scene) -> None:
    world.tick(4)
    world.over()
    while world.run.ended_at is None:
        world.tick()
    ended = world.run.ended_at
    world.facts = replace(world.facts, pending=20.0, completions=4.8, active=40.0, waiting=30.0)
    world.incidents.firing = ("PoolExhausted",)
    world.tick(4)
    assert decision(world) is DecisionReason.COOLDOWN
    world.tick(40)
    assert len(world.runs()) == 2
    started = world.run.started_at
    assert started is not None
    assert started - ended >= 30


def test_f47_the_hourly_limit_survives_a_restart(world: Scene) -> None:
    runbook = world.catalog.runbooks[0]
    limits = replace(runbook.limits, cooldown=0.0, per_hour=1)
    world.catalog = replace(world.catalog, runbooks=(replace(runbook, limits=limits),))
    world.tick(4)
    world.over()
    world.tick(70)
    assert world.run.state is RunState.SUCCEEDED
    world.restart()
    world.facts = replace(world.facts, pending=20.0, completions=4.8, active=40.0)
    world.incidents.firing = ("PoolExhausted",)
    world.tick(4)
    assert len(world.runs()) == 1
    assert decision(world) is DecisionReason.PER_HOUR


def test_a_second_incident_waits_for_the_run_that_holds_the_lever(world: Scene) -> None:
    world.tick()
    first = world.incidents.unresolved()[0]

    class Both:
        def unresolved(self) -> list[object]:
            return [first, replace(first, incident_id=2)]

    world.incidents = Both()  # type: ignore[assignment]  # two incidents instead of one
    world.restart()
    world.tick(3)
    with world.database.reading() as connection:
        known = decision_store.get(connection, "throttle_queue", 2)
    assert known is not None
    assert known.decision.reason is DecisionReason.LEVER_BUSY
    assert len(world.lever.changes()) == 1


def test_a_backlog_that_comes_back_during_the_ramp_is_cut_again_in_the_same_run(world: Scene) -> None:
    world.tick(4)
    world.calm()
    world.tick(12)
    world.facts = replace(world.facts, active=0.0, waiting=0.0)
    world.tick(28)
    assert world.lever.value > 10
    world.facts = replace(world.facts, pending=14.0, active=float(world.lever.value), waiting=50.0)
    world.tick()
    assert world.lever.value == 8
    assert world.run.state is RunState.HOLDING
    assert len(world.runs()) == 1


def test_measured_harm_undoes_the_throttle_by_ramp(world: Scene) -> None:
    world.tick(2)
    world.harm()
    world.tick(25)
    assert [row.reason for row in world.rows(TimelineKind.UNDONE)] == ["harm"]
    world.tick(30)
    assert world.lever.value == 1000
    assert [run.state for run in world.runs()] == [RunState.UNDONE]
    world.incidents.firing = ("PoolExhausted",)
    world.facts = replace(world.facts, pending=20.0)
    world.tick(40)
    assert [run.state for run in world.runs()] == [RunState.UNDONE, RunState.ASKED]


def test_a_database_that_became_slower_by_itself_keeps_its_protection(world: Scene) -> None:
    world.tick(2)
    world.facts = replace(world.facts, pending=0.0, completions=1.0, active=8.0, waiting=50.0, busy=7.0)
    world.tick(40)
    assert world.rows(TimelineKind.UNDONE) == []
    assert world.run.state is RunState.HOLDING


def test_f45_a_throttle_without_any_effect_is_told_and_then_given_back(world: Scene) -> None:
    world.tick(70)
    reasons = [row.reason for row in world.rows(TimelineKind.NOT_EFFECTIVE)]
    assert reasons == ["not_effective_yet", "no_effect"]
    assert [row.reason for row in world.rows(TimelineKind.UNDONE)] == ["no_effect"]
    assert len(world.runs()) == 1


def test_started_in_the_middle_of_an_incident_it_acts_as_soon_as_the_facts_are_there(world: Scene) -> None:
    world.store = Store()
    world.tick(4)
    assert world.lever.value == 8
    assert len(world.runs()) == 1
    assert len(world.lever.changes()) == 1
