"""Levers that fail, hang, lose answers, lose leases or change hands: at most one effect, and a known end."""

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.timeline import TimelineKind
from runbooks import intent_store, lease_store
from runbooks.intent import IntentState, Purpose
from runbooks.lease import LeasePhase
from runbooks.request import RequestKind
from runbooks.run import RunState
from tests.runbooks.fake_lever import FakeLever, Mode
from tests.runbooks.scene import Scene, scene


def cuts(world: Scene) -> int:
    return [effect.value for effect in world.lever.changes()].count(8)


def kinds(world: Scene) -> list[TimelineKind]:
    return [row.kind for row in world.rows()]


def phases(world: Scene) -> list[LeasePhase]:
    with world.database.reading() as connection:
        return [lease.phase for lease in lease_store.held(connection)]


def test_f41_a_hanging_lever_is_unknown_then_read_then_asked_again_with_the_same_id(world: Scene) -> None:
    world.lever.modes = [Mode.HANG]
    world.tick()
    assert world.rows(TimelineKind.LEVER_UNKNOWN)[0].reason == "timeout"
    assert [run.state for run in world.runs()] == [RunState.ACTING]
    world.tick()
    assert world.lever.value == 8
    assert [run.state for run in world.runs()] == [RunState.HOLDING]
    assert len({post["requestId"] for post in world.lever.posts}) == 1


def test_f41_a_lever_that_applied_and_hung_is_found_set_and_not_sent_to_again(world: Scene) -> None:
    world.lever.modes = [Mode.APPLY_THEN_HANG]
    world.tick(2)
    assert world.run.state is RunState.HOLDING
    assert len(world.lever.posts) == 1
    assert cuts(world) == 1


def test_f42_a_lever_that_fails_once_is_set_at_the_second_attempt(world: Scene) -> None:
    world.lever.modes = [Mode.FAIL]
    world.tick(2)
    assert world.lever.value == 8
    assert len({post["requestId"] for post in world.lever.posts}) == 1


def test_f42_a_lever_that_always_fails_is_tried_three_times_and_then_a_person_is_asked(world: Scene) -> None:
    world.lever.mode = Mode.FAIL
    world.tick(40)
    assert len(world.lever.posts) == 3
    assert [run.state for run in world.runs()] == [RunState.FAILED, RunState.ASKED]
    assert kinds(world).count(TimelineKind.LEVER_FAILED) == 1
    failed = world.rows(TimelineKind.LEVER_FAILED)[0]
    assert "out of order (HTTP 500)" in failed.text
    assert "tried 3 times" in failed.text
    assert world.rows(TimelineKind.RUN_ASKED)[0].reason == "last_run_failed"


def test_f43_an_answer_lost_after_the_effect_is_found_by_reading(world: Scene) -> None:
    world.lever.modes = [Mode.APPLY_THEN_RESET]
    world.tick(2)
    assert kinds(world)[-2:] == [TimelineKind.LEVER_UNKNOWN, TimelineKind.LEVER_SET]
    assert len(world.lever.posts) == 1
    assert cuts(world) == 1


def test_f43_a_step_of_the_ramp_whose_answer_is_lost_has_one_effect(world: Scene) -> None:
    world.tick(4)
    world.over()
    while world.lever.value == 8:
        world.lever.modes = [Mode.APPLY_THEN_FAIL]
        world.tick()
    world.lever.modes = []
    world.tick(40)
    values = [effect.value for effect in world.lever.changes()]
    assert values == [8, 16, 32, 64, 128, 256, 512, 1000]
    assert world.run.state is RunState.SUCCEEDED


def test_f44_a_person_who_was_quicker_is_respected(world: Scene) -> None:
    read = world.lever.shape

    def read_then_turned() -> dict[str, object]:
        seen = read()
        if world.lever.value == 1000:
            world.lever.turn_by_hand(500)
        return seen

    world.lever.shape = read_then_turned  # type: ignore[method-assign]  # a person between our read and write
    world.tick(3)
    assert world.lever.value == 500
    assert cuts(world) == 0
    assert world.run.state is RunState.EXPIRED
    assert "somebody else" in world.rows(TimelineKind.LEVER_UNKNOWN)[0].text
    assert world.rows(TimelineKind.RUN_REFUSED)[-1].reason == "held_by_another"


def test_a_refused_write_fails_at_once_with_the_targets_words(world: Scene) -> None:
    world.lever.mode = Mode.REFUSE
    world.tick(2)
    assert len(world.lever.posts) == 1
    assert world.runs()[0].state is RunState.FAILED
    assert "value: out of bounds" in world.rows(TimelineKind.LEVER_FAILED)[0].text


def test_f45_a_lever_that_says_yes_and_does_nothing_is_seen_through(world: Scene) -> None:
    world.lever.mode = Mode.LIE
    world.tick(3)
    assert world.run.state is not RunState.HOLDING
    assert cuts(world) == 0


def test_an_unreadable_lever_waits_and_acts_when_it_can_be_read(world: Scene) -> None:
    world.lever.read_mode = Mode.FAIL
    world.tick(2)
    assert world.lever.posts == []
    assert world.rows(TimelineKind.RUN_REFUSED)[0].reason == "lever_unreadable"
    world.lever.read_mode = Mode.GOOD
    world.tick()
    assert world.lever.value == 8


def test_a_held_lever_that_cannot_be_read_is_left_alone_and_told_once(world: Scene) -> None:
    world.tick(2)
    posts = len(world.lever.posts)
    world.lever.read_mode = Mode.FAIL
    world.tick(12)
    assert len(world.lever.posts) == posts
    assert [row.reason for row in world.rows(TimelineKind.LEVER_UNKNOWN)] == ["unreadable"]
    world.lever.read_mode = Mode.GOOD
    world.tick(2)
    assert len(world.lever.posts) == posts + 1
    assert world.run.state is RunState.HOLDING


def test_f48_stale_facts_hold_the_value_without_renewing_until_the_targets_own_ramp(world: Scene) -> None:
    world.tick(2)
    posts = len(world.lever.posts)
    world.scraped = False
    world.tick(20)
    assert (world.lever.value, len(world.lever.posts)) == (8, posts)
    assert phases(world) == [LeasePhase.UNRENEWED]
    assert world.rows(TimelineKind.LEVER_HELD)[-1].reason == "stale_facts"
    world.tick(45)
    assert world.lever.value > 8
    assert [row.reason for row in world.rows(TimelineKind.LEASE_LOST)] == ["expired"]
    assert phases(world) == [LeasePhase.TARGET_RAMP]
    world.tick(30)
    assert world.lever.value == 1000
    assert len(world.lever.posts) == posts
    ended = world.rows(TimelineKind.LEASE_ENDED)[-1]
    assert (ended.actor, ended.reason) == ("target", "expired")
    assert world.run.state is RunState.LET_GO


def test_a_lost_lease_is_taken_back_when_facts_and_backlog_are_back(world: Scene) -> None:
    world.tick(2)
    world.scraped = False
    world.tick(65)
    assert world.run.state is RunState.TARGET_RAMP
    world.lever.pool_waits = True
    world.scraped = True
    world.tick(3)
    assert world.lever.value == 8
    assert [run.state for run in world.runs()] == [RunState.HOLDING]
    assert "taken back" in world.rows(TimelineKind.LEVER_STEPPED)[-1].text


def test_a_dead_showcall_leaves_the_way_back_to_the_target(world: Scene) -> None:
    world.tick(2)
    world.warm(90)
    assert (world.lever.value, world.lever.lease) == (1000, None)
    assert world.lever.changes()[0].what == "set"
    assert {effect.what for effect in world.lever.changes()[1:]} == {"ramp"}


def test_a_person_who_takes_the_lever_keeps_it(world: Scene) -> None:
    world.tick(2)
    world.lever.turn_by_hand(300)
    world.tick(40)
    assert world.lever.value == 300
    lost = world.rows(TimelineKind.LEASE_LOST)[0]
    assert lost.reason == "taken_by_another"
    assert "it is at 300 (we had set 8)" in lost.text
    assert world.run.state is RunState.NEEDS_PERSON
    assert world.rows(TimelineKind.RUN_REFUSED)[-1].reason in {"held_by_another", "cooldown"}


def test_another_owners_lease_is_shown_and_never_overwritten(world: Scene) -> None:
    world.lever.value = 200
    world.lever.lease = {"owner": "night-watch", "runId": "n1", "until": world.now + 300}
    world.tick(5)
    assert world.lever.posts == []
    shown = [row for row in world.rows(TimelineKind.LEVER_HELD) if row.reason == "unknown_lease"]
    assert len(shown) == 1
    assert "night-watch, run n1" in shown[0].text
    assert world.rows(TimelineKind.RUN_REFUSED)[0].reason == "held_by_another"


def test_a_lease_of_ours_that_this_database_does_not_know_is_left_alone(world: Scene) -> None:
    world.lever.value = 8
    world.lever.lease = {"owner": "showcall", "runId": "throttle_queue-99-1", "until": world.now + 300}
    world.tick(3)
    assert world.lever.posts == []
    assert world.runs() == []


def test_a_write_of_ours_that_comes_late_is_adopted_and_let_go(world: Scene) -> None:
    world.lever.mode = Mode.FAIL
    world.tick(4)
    assert world.runs()[0].state is RunState.FAILED
    late = world.lever.posts[0]
    world.lever.mode = Mode.GOOD
    assert world.lever.post("", late)[0] == 200
    world.calm()
    world.tick(2)
    assert world.runs()[0].state is RunState.HOLDING
    assert world.rows(TimelineKind.LEVER_HELD)[0].reason == "adopted"
    world.over()
    world.tick(70)
    assert world.lever.value == 1000
    assert world.runs()[0].state is RunState.SUCCEEDED


def test_a_target_that_restarts_at_its_baseline_ends_the_run(world: Scene) -> None:
    world.tick(2)
    fresh = FakeLever()
    world.lever.value, world.lever.lease, world.lever.version = fresh.value, None, 1
    world.tick()
    assert world.rows(TimelineKind.LEASE_ENDED)[0].reason == "back_at_baseline"
    assert world.runs()[0].state is RunState.LET_GO


def test_the_journal_has_every_write_with_its_outcome(world: Scene) -> None:
    world.lever.modes = [Mode.FAIL]
    world.tick(2)
    with world.database.reading() as connection:
        intents = intent_store.of_run(connection, world.run.key)
    assert [(each.purpose, each.state, each.attempts) for each in intents] == [
        (Purpose.FIRST, IntentState.APPLIED, 2)
    ]


def test_a_failing_renewal_is_told_and_tried_again_before_the_lease_ends(world: Scene) -> None:
    world.tick(2)
    world.calm()
    world.lever.modes = [Mode.FAIL] * 3
    world.tick(30)
    assert world.run.state is RunState.HOLDING
    assert kinds(world).count(TimelineKind.LEVER_FAILED) == 1
    assert world.rows(TimelineKind.LEASE_LOST) == []


def test_where_the_target_has_no_ramp_our_own_ramp_brings_it_back(tmp_path: Path) -> None:
    with scene(tmp_path) as world:
        world.lever.has_release = False
        world.tick(2)
        world.harm()
        world.tick(60)
        assert world.lever.value == 1000
        assert world.run.state is RunState.UNDONE


@pytest.mark.parametrize("mode", [Mode.FAIL, Mode.APPLY_THEN_RESET])
def test_a_release_that_fails_is_tried_again_and_never_steered_against(world: Scene, mode: Mode) -> None:
    world.tick(2)
    world.harm()
    while not world.rows(TimelineKind.UNDONE):
        world.lever.modes = [mode]
        world.tick()
    world.lever.modes = []
    world.tick(40)
    assert world.lever.value == 1000
    assert world.runs()[0].state is RunState.UNDONE


def test_a_runbook_that_left_the_catalog_leaves_its_lever_to_the_targets_ramp(world: Scene) -> None:
    world.tick(2)
    posts = len(world.lever.posts)
    world.catalog = replace(world.catalog, runbooks=())
    world.restart()
    world.tick(12)
    assert len(world.lever.posts) == posts
    assert [row.reason for row in world.rows(TimelineKind.LEVER_UNKNOWN)] == ["no_runbook"]


def test_a_lever_that_left_the_configuration_is_told_once_and_stops_nothing(world: Scene) -> None:
    world.tick(2)
    world.levers = world.levers[1:]
    world.catalog = replace(world.catalog, runbooks=())
    world.restart()
    world.tick(5)
    assert [row.reason for row in world.rows(TimelineKind.LEVER_UNKNOWN)] == ["no_lever"]


def test_a_renewal_that_is_not_wanted_any_more_leaves_the_runs_beginning_as_it_is(world: Scene) -> None:
    world.tick(3)
    began = world.run.started_at
    assert began is not None
    posts = len(world.lever.posts)
    while len(world.lever.posts) == posts:
        world.lever.modes = [Mode.FAIL]
        world.tick()
    world.request(RequestKind.STOP, run_key=world.run.key)
    world.tick(2)
    assert (world.run.started_at, world.run.state) == (began, RunState.HOLDING)
