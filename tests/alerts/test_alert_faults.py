"""Rules while the database takes nothing, while the clock is set, and while one of them fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from alerts.alert_state import AlertState
from alerts.rule_outcome import RuleHealth, RuleStatus
from alerts.timeline import TimelineKind
from metrics.values import QueryResult, Vector
from tests.alerts.alert_rig import Rig

MakeRig = Callable[..., Rig]

SLOW = """
- alert: Slow
  expr: load > 1
  for: 5s
  annotations: {component: pool}
"""


@contextmanager
def full(rig: Rig) -> Iterator[None]:
    """The database takes nothing."""

    def refused(_tx: Connection, *_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("alerts.evaluator.store", refused)
        yield


def shown(statuses: tuple[RuleStatus, ...]) -> dict[str, str]:
    """What pages and the API show of each alert."""
    return {alert.rule: alert.state.value for status in statuses for alert in status.alerts}


def in_memory(rig: Rig) -> set[str]:
    """The states that ``ALERTS`` has now."""
    found = rig.store.query("ALERTS", rig.at)
    assert isinstance(found, Vector)
    return {dict(sample.labels)["alertstate"] for sample in found.samples}


def test_f22_while_nothing_can_be_stored_an_alert_goes_on_in_memory_and_is_told_once_afterwards(
    rig: MakeRig,
) -> None:
    up = rig(SLOW)
    up.shows(load=2.0)
    with full(up):
        first = up.round()
        assert first.problem is not None
        assert (shown(first.rules), in_memory(up)) == ({"Slow": "pending"}, {"pending"})
        last = up.rounds(6)[-1]
        assert (shown(last.rules), in_memory(up)) == ({"Slow": "firing"}, {"firing"})
        assert up.rows() == []
    up.round()
    assert up.states() == {"Slow": "firing"}
    assert up.kinds() == ["alert_firing", "incident_opened"]
    up.rounds(3)
    assert up.kinds().count("alert_firing") == 1


def test_f22_a_for_that_began_while_nothing_could_be_stored_is_not_begun_again(rig: MakeRig) -> None:
    up = rig(SLOW)
    up.shows(load=2.0)
    with full(up):
        up.rounds(3)
    up.rounds(2)
    assert up.states() == {"Slow": "pending"}
    up.round()
    assert up.states() == {"Slow": "firing"}


def test_f22_a_group_that_is_seldom_due_counts_its_for_as_well(rig: MakeRig) -> None:
    up = rig(SLOW)
    object.__setattr__(up.rules.groups[0], "interval", 3.0)
    up.restart()
    up.shows(load=2.0)
    with full(up):
        up.rounds(4)
    up.rounds(3)
    assert up.states() == {"Slow": "firing"}


def test_f22_a_condition_that_went_away_while_nothing_could_be_stored_begins_anew(rig: MakeRig) -> None:
    up = rig(SLOW)
    up.shows(load=2.0)
    with full(up):
        up.rounds(4)
        up.shows(load=0.0)
        up.round()
        up.shows(load=2.0)
    up.rounds(5)
    assert up.states() == {"Slow": "pending"}
    up.round()
    assert up.states() == {"Slow": "firing"}


@pytest.mark.parametrize("jump", [-86_400.0, -3600.0, -120.0, 120.0, 3600.0, 86_400.0])
def test_f11_a_clock_that_is_set_fires_no_alert_twice_loses_none_and_leaves_no_rule_stuck(
    rig: MakeRig, jump: float
) -> None:
    up = rig(SLOW + "- alert: Fires\n  expr: load > 1\n- record: twice\n  expr: load * 2\n")
    up.shows(load=2.0)
    up.rounds(3)
    up.round(seconds=jump)
    up.rounds(1)
    assert up.states() == {"Slow": "pending", "Fires": "firing"}, "no for is over early"
    up.rounds(5)
    assert up.states() == {"Slow": "firing", "Fires": "firing"}, "and none waits for the old clock"
    up.shows(load=0.0)
    up.rounds(60)
    assert up.states() == {}
    kinds = [row.kind for row in up.rows()]
    assert (kinds.count(TimelineKind.ALERT_FIRING), kinds.count(TimelineKind.ALERT_RESOLVED)) == (2, 2)
    assert {status.at for status in up.evaluator.rules} == {up.at}
    found = up.store.query("twice", up.at)
    assert isinstance(found, Vector)
    assert [sample.value for sample in found.samples] == [0.0]


def test_f11_a_clock_that_is_set_to_and_fro_changes_nothing(rig: MakeRig) -> None:
    up = rig(SLOW)
    up.shows(load=2.0)
    up.rounds(8)
    for jump in (7200.0, -7200.0, -90.0, 90.0):
        up.round(seconds=jump)
        up.rounds(3)
        assert up.states() == {"Slow": "firing"}
    assert up.kinds().count("alert_firing") == 1
    assert up.incident().resolved_at is None


FAILING = {
    "many to many": ("load * on (zone) load", "many-to-many matching not allowed"),
    "one label set twice": ('label_replace(load, "n", "", "n", ".*")', "same labelset"),
    "a regular expression that is none": ('label_replace(load, "x", "", "n", "(")', "regular expression"),
    "of a group without an end": ("load / on (zone) group_left load", "many-to-many matching not allowed"),
}


@pytest.mark.parametrize(("expr", "error"), FAILING.values(), ids=FAILING.keys())
def test_f31_whatever_a_rule_fails_of_it_says_so_and_starts_nothing_and_the_others_go_on(
    rig: MakeRig, expr: str, error: str
) -> None:
    up = rig(
        f"- alert: Wrong\n  expr: {expr}\n- record: wrong\n  expr: {expr}\n- alert: Right\n  expr: load > 1"
    )
    up.says("concert", {'load{zone="a",n="1"}': 2.0, 'load{zone="a",n="2"}': 1.0})
    statuses = up.rounds(3)[-1].rules
    assert [status.health for status in statuses] == [RuleHealth.ERR, RuleHealth.ERR, RuleHealth.OK]
    assert [error in (status.error or "") for status in statuses] == [True, True, False]
    assert {alert.rule for alert in up.active()} == {"Right"}
    reasons = [row.reason for row in up.rows() if row.kind is TimelineKind.SHOWCALL]
    assert reasons == ["rule_failed"] * 2


def test_f31_a_fault_of_ours_that_one_rule_meets_ends_none_of_the_others(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = rig(
        "- alert: Wrong\n  expr: load > 0\n- record: wrong\n  expr: load > 0\n"
        "- alert: Right\n  expr: load > 1"
    )
    up.shows(load=2.0)
    up.rounds(2)
    answers = up.store.query

    def broken(expr: str, at: float) -> QueryResult:
        if expr == "load > 0":
            raise IndexError("list index out of range")
        return answers(expr, at)

    monkeypatch.setattr(up.store, "query", broken)
    up.shows(load=0.5)
    statuses = up.rounds(3)[-1].rules
    assert [status.health for status in statuses] == [RuleHealth.ERR, RuleHealth.ERR, RuleHealth.OK]
    assert {status.error for status in statuses[:2]} == {
        "unexpected error: IndexError: list index out of range"
    }
    assert up.states() == {"Wrong": "firing"}
    monkeypatch.undo()
    assert {status.health for status in up.rounds(2)[-1].rules} == {RuleHealth.OK}


def test_f31_a_rule_that_fails_keeps_the_alert_that_it_had(rig: MakeRig) -> None:
    up = rig("- alert: Wide\n  expr: load * on (zone) group_left other > 1\n  annotations: {component: pool}")
    up.says("concert", {'load{zone="a",n="1"}': 2.0, 'other{zone="a"}': 1.0})
    up.rounds(2)
    up.says("concert", {'other{zone="a",n="2"}': 1.0})
    (status,) = up.rounds(5)[-1].rules
    assert status.health is RuleHealth.ERR
    (alert,) = up.active()
    assert alert.state is AlertState.FIRING
    up.says("concert", {'other{zone="a",n="2"}': None, 'load{zone="a",n="1"}': 0.0})
    up.rounds(2)
    assert up.states() == {}


def test_f11_what_cannot_be_seen_yet_after_a_clock_was_set_back_ends_no_alert(rig: MakeRig) -> None:
    """A rate needs two looks, and a target with a long interval is looked at late."""
    up = rig(
        """
- alert: Grows
  expr: rate(total[10s]) > 0.5
- alert: Seldom
  expr: sum(slow) > 0
"""
    )
    for second in range(20):
        up.shows(total=float(second))
        up.shows("slow", slow=1.0)
        up.round()
    assert up.states() == {"Grows": "firing", "Seldom": "firing"}
    up.shows(total=20.0)
    slow = up.values.pop("slow")
    up.round(seconds=-7200.0)
    for second in range(21, 41):
        up.shows(total=float(second))
        if second in (30, 40):
            up.values["slow"] = slow
        up.round()
        up.values.pop("slow", None)
        assert up.states() == {"Grows": "firing", "Seldom": "firing"}, second
    assert up.kinds().count("alert_firing") == 2
