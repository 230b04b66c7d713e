"""Why a runbook does not act, beside the real run loop: what is told is what the loop decides."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts import alert_store
from alerts.alert_state import Alert, AlertState
from metrics.promql.ast import Matcher, MatchOp
from metrics.values import labels_of
from runbooks import decision_store, kill_switch_store, run_store
from runbooks.decision import DecisionReason
from runbooks.kill_switch import KillSwitch
from runbooks.lever import Refused
from runbooks.onlooker import Onlooker
from runbooks.remembered_lever import RememberedLever
from runbooks.request import RequestKind
from runbooks.runbook_look import RunbookLook
from runbooks.why_not import (
    NotActingReason,
    WhyNotActing,
    acts,
    guard_text,
    if_it_matched,
    why_not,
    why_not_in_incident,
)
from settings.schema import RunbookMode
from tests.runbooks.fake_lever import Mode
from tests.runbooks.scene import START, Scene, alert, scene


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, RunbookMode.ASK) as made:
        yield made


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, RunbookMode.OBSERVE) as made:
        yield made


def look(world: Scene, lag: float = 0.0) -> RunbookLook:
    onlooker = Onlooker(
        world.database,
        world.settings,
        catalog=world.catalog,
        levers=world.levers,
        asker=world.store,
        incidents=world.incidents,
    )
    return onlooker.look(world.catalog.runbooks[0], world.now, lag)


def line(world: Scene) -> WhyNotActing:
    (found,) = why_not(look(world))
    return found


def quiet(world: Scene, seconds: int = 1) -> None:
    """The loop turns and nothing fires."""
    world.incidents.firing = ()
    world.tick(seconds)


def fires(world: Scene) -> None:
    """The alert is there and the loop has not had its step yet."""
    world.incidents.firing = ("PoolExhausted",)


def known(world: Scene, *alerts: Alert) -> None:
    with world.database.transaction() as tx:
        alert_store.add_all(tx, alerts)


def test_nothing_fires_and_the_line_says_what_it_waits_for(world: Scene) -> None:
    quiet(world)
    assert line(world) == WhyNotActing(
        "throttle_queue",
        NotActingReason.NO_ALERT,
        "no alert fires; it is for PoolExhausted or PoolBacklog",
    )


def test_the_nearest_alert_is_named_with_what_it_lacks(world: Scene) -> None:
    quiet(world)
    known(world, replace(alert("RedisDown"), labels=labels_of({"severity": "critical"})))
    severe = Matcher("severity", MatchOp.EQUAL, "critical")
    named = Matcher("alertname", MatchOp.EQUAL, "PoolExhausted")
    runbook = replace(world.catalog.runbooks[0], when=((severe, named), (named,)))
    found = why_not(replace(look(world), runbook=runbook))[0]
    assert found.reason is NotActingReason.NO_MATCHING_ALERT
    assert "the nearest is RedisDown, which fits 1 of 2 matchers (wanted PoolExhausted)" in found.text


def test_where_nothing_fits_at_all_the_firing_alerts_are_named(world: Scene) -> None:
    quiet(world)
    known(world, alert("RedisDown"), alert("TargetDown"))
    found = line(world)
    assert found.text == (
        "no alert that fires matches: it is for PoolExhausted or PoolBacklog; firing: RedisDown, TargetDown"
    )


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (AlertState.PENDING, NotActingReason.ALERT_PENDING, "is pending for"),
        (AlertState.UNKNOWN, NotActingReason.ALERT_UNKNOWN, "cannot be judged for"),
    ],
)
def test_an_alert_that_matches_and_does_not_fire_is_named(
    world: Scene, state: AlertState, reason: NotActingReason, said: str
) -> None:
    quiet(world)
    known(world, replace(alert("PoolExhausted"), state=state, unknown_at=world.now - 3))
    found = line(world)
    assert found.reason is reason
    assert f"alert PoolExhausted {said}" in found.text


def test_an_alert_behind_a_held_lever_is_expected_and_says_which_run_holds_it(world: Scene) -> None:
    world.tick()
    world.incidents.firing = ()
    known(world, replace(alert("PoolBacklog"), expected=True))
    (found,) = why_not(replace(look(world), runs=()))
    assert found.reason is NotActingReason.EXPECTED
    assert "expected while active_users_cap is held by run throttle_queue-1-1" in found.text


def test_before_its_step_nothing_keeps_it_and_in_it_it_says_that_it_acts(world: Scene) -> None:
    quiet(world)
    fires(world)
    assert line(world).reason is NotActingReason.GUARDS_PASSED
    world.tick()
    found = line(world)
    assert found.reason is NotActingReason.IN_PROGRESS
    assert "it acts already: run throttle_queue-1-1 holds active_users_cap" in found.text
    assert acts(look(world))


def test_a_run_whose_alert_is_gone_still_says_that_it_acts_and_what_it_does(world: Scene) -> None:
    world.tick()
    world.incidents.firing = ()
    world.tick()
    found = line(world)
    assert found.reason is NotActingReason.IN_PROGRESS
    assert "it acts: run throttle_queue-1-1 holds active_users_cap for" in found.text
    assert "(holding): pool waiting 20" in found.text
    assert found.incident_id == 1


def test_the_kill_switch_is_named_with_who_why_and_how_long(world: Scene) -> None:
    quiet(world)
    with world.database.transaction() as tx:
        switch = KillSwitch(engaged=True, at=world.now - 190, who="user:mina", why="deploying")
        kill_switch_store.turn(tx, switch)
    fires(world)
    found = line(world)
    assert found.reason is NotActingReason.KILL_SWITCH
    assert found.text == "the kill switch is on (user:mina: deploying), for 3m 10s"


def test_a_failed_guard_shows_its_value_what_it_wants_and_why(world: Scene) -> None:
    world.facts = replace(world.facts, redis_up=0.0)
    quiet(world)
    fires(world)
    found = line(world)
    assert found.reason is NotActingReason.GUARD_SAYS_NO
    assert found.text.startswith("guard queue_store_up says no: redis_up is 0, wanted == 1, facts")
    assert found.text.endswith("which lives in Redis.")


def test_stale_facts_are_told_with_their_age(world: Scene) -> None:
    quiet(world)
    world.scraped = False
    world.warm(7)
    fires(world)
    found = line(world)
    assert found.reason is NotActingReason.GUARD_FACTS
    assert "facts are 7.0 s old (at most 5 s)" in found.text


def test_a_late_evaluation_counts_for_the_onlooker_as_it_does_for_the_loop(world: Scene) -> None:
    quiet(world)
    fires(world)
    assert "our own loop was 7.0 s late" in why_not(look(world, lag=7.0))[0].text


def test_observe_mode_says_whose_setting_it_is_and_what_would_be_done(watching: Scene) -> None:
    watching.tick()
    found = line(watching)
    assert found.reason is NotActingReason.OBSERVE_MODE
    assert "observe mode (runbooks.mode in config.yaml): nothing is sent" in found.text
    assert "Cap on active users: 1000 -> 8 users" in found.text
    assert watching.lever.posts == []


def test_a_waiting_run_says_for_whose_yes_and_how_long(asking: Scene) -> None:
    asking.tick()
    found = line(asking)
    assert found.reason is NotActingReason.WAITS_FOR_PERSON
    assert "run throttle_queue-1-1 waits for a responder's yes" in found.text
    assert "more: Throttle admission" in found.text


def test_a_declined_run_says_who_declined_it(asking: Scene) -> None:
    asking.tick()
    run = asking.run
    asking.request(RequestKind.REFUSE, run_key=run.key, plan_hash=run.plan.hash)
    asking.tick()
    found = line(asking)
    assert found.reason is NotActingReason.PERSON_DECIDED
    assert "user:min" in found.text


def test_the_cooldown_left_is_told(world: Scene) -> None:
    world.tick(4)
    world.over()
    world.tick(60)
    assert world.run.ended_at is not None
    world.now = world.run.ended_at + 12
    world.scrape()
    fires(world)
    found = line(world)
    assert found.reason is NotActingReason.COOLDOWN
    assert "cools down for 17 s more (cooldown 30 s)" in found.text
    assert look(world).usage.cooling_until == world.run.ended_at + 30


def test_a_used_up_hour_says_when_it_may_act_again(world: Scene) -> None:
    world.tick(4)
    world.over()
    world.tick(60)
    runbook = replace(world.catalog.runbooks[0], limits=replace(world.catalog.runbooks[0].limits, per_hour=1))
    world.catalog = replace(world.catalog, runbooks=(runbook,))
    world.now += 100
    world.scrape()
    world.act()
    fires(world)
    found = line(world)
    assert found.reason is NotActingReason.PER_HOUR
    assert "acted 1 times within the hour (at most 1); again in 5" in found.text


def test_a_lever_that_cannot_be_read_is_told_with_its_error(world: Scene) -> None:
    world.lever.read_mode = Mode.FAIL
    quiet(world, 2)
    fires(world)
    found = line(world)
    assert found.reason is NotActingReason.LEVER_UNREADABLE
    assert "HTTP 500" in found.text
    assert look(world).plan is None


def test_what_the_loop_last_learned_of_a_lever_says_nothing_half_a_minute_later(world: Scene) -> None:
    quiet(world)
    world.now += 30
    world.scrape()
    fires(world)
    found = line(world)
    assert (found.reason, found.text) == (
        NotActingReason.LEVER_UNREADABLE,
        "the lever was last read 31 s ago",
    )


def test_a_lever_that_somebody_else_holds_is_told_with_its_value(world: Scene) -> None:
    world.lever.turn_by_hand(500)
    quiet(world)
    fires(world)
    found = line(world)
    assert found.reason is NotActingReason.HELD_BY_ANOTHER
    assert "the lever is at 500 users, held by somebody who left no lease" in found.text


def test_the_incident_says_that_no_runbook_is_for_its_alerts(world: Scene) -> None:
    world.incidents.firing = ("RedisDown",)
    world.tick()
    known(world, alert("RedisDown"))
    (found,) = why_not_in_incident([look(world)], 1)
    assert found.text == ("no runbook is for RedisDown: throttle_queue is for PoolExhausted or PoolBacklog")
    (calm,) = why_not_in_incident([look(world)], 2)
    assert calm.reason is NotActingReason.NO_ALERT


def test_a_look_changes_nothing_and_asks_no_lever(world: Scene) -> None:
    quiet(world)
    fires(world)
    asked = world.lever.gets
    seen = look(world)
    assert seen.plan is not None
    assert seen.plan.main.text == "Cap on active users: 1000 -> 8 users"
    assert if_it_matched(seen).reason is NotActingReason.GUARDS_PASSED
    assert world.lever.posts == []
    assert world.lever.ledger == []
    assert world.lever.gets == asked
    with world.database.reading() as connection:
        assert run_store.recent(connection) == []
        assert decision_store.of_incident(connection, 1) == []


def test_a_remembered_lever_cannot_be_moved(world: Scene) -> None:
    lever = RememberedLever(world.levers[0], None)
    assert isinstance(lever.set(None, START), Refused)  # type: ignore[arg-type]  # it looks at nothing
    assert isinstance(lever.let_go(None, START), Refused)  # type: ignore[arg-type]  # as above


def test_every_guard_shows_its_value_whether_it_passes_or_not(world: Scene) -> None:
    quiet(world)
    texts = [guard_text(guard) for guard in look(world).guards]
    assert texts[0].startswith("queue_active_cap is 1,000, wanted > 0, facts")
    assert all("facts" in text for text in texts)


def test_every_reason_of_a_decision_has_a_line() -> None:
    assert {reason.value for reason in DecisionReason} <= {reason.value for reason in NotActingReason}


def test_a_cooldown_longer_than_an_hour_is_not_forgotten_after_an_hour(world: Scene) -> None:
    world.tick(4)
    world.over()
    world.tick(60)
    runbook = world.catalog.runbooks[0]
    runbook = replace(runbook, limits=replace(runbook.limits, cooldown=7200.0))
    world.catalog = replace(world.catalog, runbooks=(runbook,))
    world.restart()
    world.now += 4000
    world.facts = replace(world.facts, pending=20.0, active=40.0, waiting=30.0)
    world.warm()
    fires(world)
    world.tick()
    assert len(world.runs()) == 1
    assert line(world).reason is NotActingReason.COOLDOWN
