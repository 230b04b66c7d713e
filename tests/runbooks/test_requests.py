"""What people ask for: approvals, stop, release, and the kill switch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.timeline import TimelineKind
from runbooks import kill_switch_store, lease_store
from runbooks.lease import LeasePhase
from runbooks.request import RequestKind, RequestOutcome
from runbooks.request_desk import RequestDesk
from runbooks.run import RunState
from settings.schema import RunbookMode
from tests.runbooks.fake_lever import Mode
from tests.runbooks.scene import Scene, scene


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, RunbookMode.ASK) as made:
        made.tick()
        yield made


def approve(world: Scene, plan_hash: str | None = None) -> int:
    return world.request(
        RequestKind.APPROVE, run_key=world.run.key, plan_hash=plan_hash or world.run.plan.hash
    )


def kill_switch_is_on(world: Scene) -> bool:
    with world.database.reading() as connection:
        return kill_switch_store.read(connection).engaged


def test_ask_mode_asks_once_and_moves_nothing(asking: Scene) -> None:
    asking.tick(5)
    assert asking.lever.posts == []
    asked = asking.rows(TimelineKind.RUN_ASKED)
    assert len(asked) == 1
    assert "Cap on active users: 1000 -> 8 users" in asked[0].text
    assert asking.run.state is RunState.ASKED
    assert asking.run.expires_at == asking.run.asked_at + 600  # type: ignore[operator]  # both are set


def test_an_approval_begins_the_run_under_the_persons_name(asking: Scene) -> None:
    request = approve(asking)
    asking.tick()
    assert asking.answered(request).outcome is RequestOutcome.DONE
    assert asking.lever.value == 8
    assert asking.run.decided_by == "user:min"
    assert asking.rows(TimelineKind.RUN_APPROVED)[0].actor == "user:min"


def test_f51_the_same_approval_twice_is_one_run(asking: Scene) -> None:
    first, second = approve(asking), approve(asking)
    asking.tick(2)
    assert asking.answered(first).outcome is RequestOutcome.DONE
    assert asking.answered(second).outcome is RequestOutcome.ALREADY_DECIDED
    assert len(asking.lever.changes()) == 1


def test_f51_an_approval_after_the_question_expired_changes_nothing(asking: Scene) -> None:
    asking.now += 600
    asking.warm(3)
    request = approve(asking)
    asking.tick()
    assert asking.answered(request).outcome is RequestOutcome.EXPIRED
    assert asking.lever.posts == []
    assert asking.runs()[0].state is RunState.EXPIRED


def test_f51_an_approval_binds_to_the_plan_that_was_shown(asking: Scene) -> None:
    request = approve(asking, plan_hash="another")
    asking.tick(2)
    assert asking.answered(request).outcome is RequestOutcome.PLAN_CHANGED
    assert asking.lever.posts == []
    assert [run.state for run in asking.runs()] == [RunState.EXPIRED, RunState.ASKED]


def test_a_lever_that_moved_since_makes_another_plan(asking: Scene) -> None:
    asking.lever.turn_by_hand(700)
    request = approve(asking)
    asking.tick()
    assert asking.answered(request).outcome is RequestOutcome.PLAN_CHANGED
    assert asking.lever.value == 700


def test_an_approval_does_not_overrule_a_guard(asking: Scene) -> None:
    asking.facts = replace(asking.facts, redis_up=0.0)
    request = approve(asking)
    asking.tick()
    assert asking.answered(request).outcome is RequestOutcome.GUARDS_REFUSE
    assert asking.lever.posts == []
    assert asking.run.state is RunState.ASKED


def test_an_approval_does_not_overrule_the_kill_switch(asking: Scene) -> None:
    asking.request(RequestKind.KILL_SWITCH_ON)
    request = approve(asking)
    asking.tick()
    assert asking.answered(request).outcome is RequestOutcome.KILL_SWITCH
    assert asking.lever.posts == []


def test_a_no_is_final_for_this_incident(asking: Scene) -> None:
    asking.request(RequestKind.REFUSE, run_key=asking.run.key, note="we sell on")
    asking.tick(5)
    assert [run.state for run in asking.runs()] == [RunState.DECLINED]
    assert "we sell on" in asking.rows(TimelineKind.RUN_ENDED)[0].text
    assert asking.rows(TimelineKind.RUN_REFUSED)[-1].reason == "person_decided"


def test_a_question_is_withdrawn_when_its_incident_is_over(asking: Scene) -> None:
    asking.incidents.resolved = True
    asking.tick()
    assert (asking.run.state, asking.run.reason) == (RunState.EXPIRED, "incident_over")


def test_a_request_for_no_run_says_so(world: Scene) -> None:
    request = world.request(RequestKind.STOP, run_key="nothing-1-1")
    world.tick()
    answer = world.answered(request)
    assert (answer.outcome, answer.outcome_text) == (
        RequestOutcome.NO_SUCH_RUN,
        "there is no run 'nothing-1-1'",
    )


def test_f50_stop_takes_no_further_step_and_the_lease_runs_out(world: Scene) -> None:
    world.tick(3)
    posts = len(world.lever.posts)
    request = world.request(RequestKind.STOP, run_key=world.run.key)
    world.tick(30)
    assert world.answered(request).outcome is RequestOutcome.DONE
    assert (len(world.lever.posts), world.lever.value) == (posts, 8)
    world.tick(70)
    assert len(world.lever.posts) == posts
    assert world.lever.value == 1000
    assert [run.state for run in world.runs()] == [RunState.STOPPED]
    assert world.rows(TimelineKind.RUN_REFUSED)[-1].reason == "person_decided"


def test_release_now_goes_by_the_targets_ramp_and_is_not_taken_back(world: Scene) -> None:
    world.tick(3)
    request = world.request(RequestKind.RELEASE)
    world.tick()
    assert world.answered(request).outcome is RequestOutcome.DONE
    assert world.lever.ramping
    assert world.run.state is RunState.TARGET_RAMP
    world.tick(30)
    assert world.lever.value == 1000
    assert [effect.value for effect in world.lever.changes()].count(8) == 1
    assert [run.state for run in world.runs()] == [RunState.STOPPED]
    released = world.rows(TimelineKind.RELEASING)
    assert (released[0].actor, released[0].reason) == ("user:min", "by_user")


def test_release_waits_for_a_lever_that_does_not_answer(world: Scene) -> None:
    world.tick(3)
    world.lever.read_mode = Mode.FAIL
    request = world.request(RequestKind.RELEASE, run_key=world.run.key)
    world.tick(2)
    assert world.answered(request).outcome is RequestOutcome.OPEN
    world.lever.read_mode = Mode.GOOD
    world.tick()
    assert world.answered(request).outcome is RequestOutcome.DONE


def test_release_with_nothing_held_says_so(world: Scene) -> None:
    world.incidents.firing = ()
    request = world.request(RequestKind.RELEASE)
    world.tick()
    assert world.answered(request).outcome is RequestOutcome.NOTHING_TO_DO


def test_the_kill_switch_begins_nothing_new(world: Scene) -> None:
    request = world.request(RequestKind.KILL_SWITCH_ON, note="drill in the hall")
    world.tick(3)
    assert world.answered(request).outcome is RequestOutcome.DONE
    assert world.lever.posts == []
    assert world.rows(TimelineKind.KILL_SWITCH)[0].actor == "user:min"
    assert "drill in the hall" in world.rows(TimelineKind.RUN_REFUSED)[0].text
    world.request(RequestKind.KILL_SWITCH_OFF)
    world.tick()
    assert world.lever.value == 8


def test_turning_the_kill_switch_twice_says_so(world: Scene) -> None:
    world.request(RequestKind.KILL_SWITCH_ON)
    again = world.request(RequestKind.KILL_SWITCH_ON)
    world.tick()
    assert world.answered(again).outcome is RequestOutcome.NOTHING_TO_DO
    assert len(world.rows(TimelineKind.KILL_SWITCH)) == 1


def test_the_kill_switch_freezes_a_held_lever_at_its_value_and_keeps_the_lease(world: Scene) -> None:
    world.tick(3)
    world.request(RequestKind.KILL_SWITCH_ON)
    world.over()
    world.tick(80)
    assert world.lever.value == 8
    assert world.lever.lease is not None
    with world.database.reading() as connection:
        assert [lease.phase for lease in lease_store.held(connection)] == [LeasePhase.FROZEN]
    assert {post["value"] for post in world.lever.posts} == {8}


def test_release_now_works_while_the_kill_switch_is_on(world: Scene) -> None:
    world.tick(3)
    world.request(RequestKind.KILL_SWITCH_ON)
    world.tick()
    world.request(RequestKind.RELEASE)
    world.tick(30)
    assert world.lever.value == 1000
    assert kill_switch_is_on(world)


def test_two_undone_runs_within_half_an_hour_engage_the_kill_switch(world: Scene) -> None:
    surged = world.facts
    for _ in range(2):
        world.facts = surged
        world.incidents.firing = ("PoolExhausted",)
        world.warm(15)
        world.tick(2)
        if world.run.state is RunState.ASKED:
            approve(world)
            world.tick(2)
        world.harm()
        world.tick(20)
        world.incidents.firing = ()
        world.tick(60)
    assert [run.state for run in world.runs()] == [RunState.UNDONE, RunState.UNDONE]
    assert kill_switch_is_on(world)
    turned = world.rows(TimelineKind.KILL_SWITCH)
    assert [(row.actor, row.reason) for row in turned] == [("showcall", "undone_runs")]


@pytest.mark.parametrize("kind", [RequestKind.RELEASE, RequestKind.STOP])
def test_a_request_for_a_lever_that_left_the_configuration_is_answered(
    world: Scene, kind: RequestKind
) -> None:
    world.tick(3)
    world.levers = world.levers[1:]
    world.restart()
    request = world.request(kind, run_key=world.run.key)
    world.tick()
    answer = world.answered(request)
    assert answer.outcome is RequestOutcome.NO_SUCH_LEVER
    assert "no such lever: 'active_users_cap'" in answer.outcome_text


def raising(*_args: object) -> None:
    raise RuntimeError("out of order")


def test_a_request_that_raises_is_answered_and_the_ones_after_it_too(
    world: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.tick(3)
    monkeypatch.setattr(RequestDesk, "_stopped", raising)
    first = world.request(RequestKind.STOP, run_key=world.run.key)
    second = world.request(RequestKind.KILL_SWITCH_ON)
    posts = len(world.lever.posts)
    world.tick(12)
    assert world.answered(first).outcome is RequestOutcome.FAILED
    assert world.answered(second).outcome is RequestOutcome.DONE
    assert len(world.lever.posts) > posts


def test_stop_while_the_first_answer_is_unknown_is_remembered_when_it_was_applied(world: Scene) -> None:
    world.lever.modes = [Mode.APPLY_THEN_RESET]
    world.tick()
    world.request(RequestKind.STOP, run_key=world.run.key)
    world.tick(100)
    assert len(world.lever.posts) == 1
    assert world.lever.value == 1000
    assert [(run.state, run.reason) for run in world.runs()] == [(RunState.STOPPED, "stopped_by_user")]


def test_stop_while_the_first_answer_is_unknown_sends_nothing_again(world: Scene) -> None:
    world.lever.modes = [Mode.FAIL]
    world.tick()
    world.request(RequestKind.STOP, run_key=world.run.key)
    world.tick(30)
    assert len(world.lever.posts) == 1
    assert [(run.state, run.reason) for run in world.runs()] == [(RunState.STOPPED, "stopped_by_user")]


def test_a_person_reads_on_the_timeline_why_their_yes_was_not_carried_out(asking: Scene) -> None:
    asking.facts = replace(asking.facts, redis_up=0.0)
    asking.warm(3)
    request = approve(asking)
    asking.tick()
    assert asking.answered(request).outcome is RequestOutcome.GUARDS_REFUSE
    told = [row for row in asking.rows(TimelineKind.RUN_REFUSED) if row.actor == "user:min"]
    assert [(row.reason, row.incident_id, row.run_key) for row in told] == [
        ("guards_refuse", 1, "throttle_queue-1-1")
    ]
    assert told[0].text.startswith("min asked to begin the run; not done: guard ")


def test_what_was_done_has_no_second_row_and_what_was_not_has_one(world: Scene) -> None:
    world.incidents.firing = ()
    world.request(RequestKind.KILL_SWITCH_ON)
    world.request(RequestKind.KILL_SWITCH_ON)
    world.request(RequestKind.RELEASE)
    world.tick(2)
    told = world.rows(TimelineKind.RUN_REFUSED)
    assert [(row.reason, row.incident_id) for row in told] == [("nothing_to_do", None)] * 2
    assert told[1].text == "min asked to release by ramp; not done: no lever is held"
