"""Why a rule does not fire, over a real evaluator, a real store and a real database."""

from collections.abc import Callable

import pytest

from alerts.alert_state import Alert
from alerts.why_not import NotFiringReason, RuleFacts, about_alert, why_not
from alerts.why_not_facts import gather
from metrics.errors import ErrorKind, QueryError
from metrics.values import QueryResult
from tests.alerts.alert_rig import Rig

MakeRig = Callable[..., Rig]

POOL = """
- alert: Pool
  expr: active == limit and pending >= limit
  for: 3s
  keep_firing_for: 10s
  labels: {severity: critical}
  annotations:
    summary: Pool exhausted
    clear_if: pending == 0
"""
SLOW = """
- alert: Slow
  expr: latency_seconds{quantile="0.95"} > 2.5
"""


def facts(up: Rig, down: dict[str, str] | None = None, later: float = 0.0) -> RuleFacts:
    return gather(up.evaluator.rules[0], up.store, down or {}, up.at + later)


def line(up: Rig, down: dict[str, str] | None = None, later: float = 0.0) -> tuple[NotFiringReason, str]:
    found = why_not(facts(up, down, later))
    assert found is not None
    return found.reason, found.text


def pool(up: Rig, active: float, pending: float) -> None:
    up.says(
        "concert",
        {
            'active{job="concert"}': active,
            'limit{job="concert"}': 10.0,
            'pending{job="concert"}': pending,
        },
    )


def alert_of(up: Rig) -> Alert:
    return up.evaluator.rules[0].alerts[0]


def test_the_condition_that_fails_is_named_with_its_value_threshold_and_age(rig: MakeRig) -> None:
    up = rig(POOL)
    pool(up, active=10, pending=4)
    up.round()
    reason, text = line(up)
    assert reason is NotFiringReason.THRESHOLD
    assert text == "1 of 2 conditions hold: pending is 4, wanted >= 10 (limit); oldest input 300 ms old"


def test_a_value_has_the_unit_that_its_metric_names_and_the_nearest_series_is_shown(rig: MakeRig) -> None:
    up = rig(SLOW)
    up.says(
        "concert",
        {
            'latency_seconds{quantile="0.95",uri="/a"}': 0.41,
            'latency_seconds{quantile="0.95",uri="/b"}': 1.9,
        },
    )
    up.round()
    reason, text = line(up)
    assert reason is NotFiringReason.THRESHOLD
    assert 'is 1.9 s, wanted > 2.5 s, the nearest of 2 series (quantile="0.95", uri="/b")' in text


def test_what_divides_nothing_by_nothing_is_not_a_number_and_not_missing(rig: MakeRig) -> None:
    up = rig("- {alert: Ratio, expr: failed / asked > 0.05}")
    up.shows(failed=0.0, asked=0.0)
    up.round()
    assert line(up)[1].startswith("failed / asked is not a number, wanted > 0.05")


def test_a_pending_rule_says_how_much_of_its_hold_is_left(rig: MakeRig) -> None:
    up = rig(POOL)
    pool(up, active=10, pending=27)
    up.rounds(2)
    reason, text = line(up, later=0.5)
    assert reason is NotFiringReason.PENDING
    assert text == "its condition holds for 1.5 s of 3.0 s; it fires in 1.5 s if it stays so"
    assert about_alert(alert_of(up), facts(up, later=0.5)) == text


def test_f17_a_rule_without_a_single_series_shows_no_data_and_names_the_selectors(rig: MakeRig) -> None:
    up = rig(POOL)
    up.shows(active=3.0)
    up.round()
    assert line(up) == (NotFiringReason.NO_SERIES, "no series for limit, pending; oldest input 300 ms old")
    silent = rig(SLOW)
    silent.shows(up=1.0)
    silent.round()
    reason, text = line(silent)
    assert reason is NotFiringReason.NO_DATA
    assert text == 'shows no data, not OK: no series for latency_seconds{quantile="0.95"}'


def test_a_target_that_is_down_is_named_and_nothing_is_claimed_about_the_value(rig: MakeRig) -> None:
    up = rig(POOL)
    pool(up, active=3, pending=0)
    up.rounds(2)
    up.rounds(2, down=["concert"])
    reason, text = line(up, {"concert": "is down: nothing listens"})
    assert reason is NotFiringReason.TARGET_DOWN
    assert text.startswith("target concert is down: nothing listens; until it reports again")


def test_an_unknown_alert_says_what_it_was_and_what_is_down(rig: MakeRig) -> None:
    up = rig(POOL)
    pool(up, active=10, pending=27)
    up.rounds(2)
    up.rounds(3, down=["concert"])
    said = about_alert(alert_of(up), facts(up, {"concert": "is down"}))
    assert said.startswith("was pending, cannot be judged for 1.0 s: target concert is down;")


def test_a_firing_rule_has_no_line_and_its_alert_says_what_holds_it(rig: MakeRig) -> None:
    up = rig(POOL)
    pool(up, active=10, pending=27)
    up.rounds(5)
    assert why_not(facts(up)) is None
    pool(up, active=10, pending=4)
    up.rounds(3)
    said = about_alert(alert_of(up), facts(up))
    assert said == (
        "its condition is over for 2.0 s; keep_firing_for holds it 8.0 s more; clears when pending == 0"
    )


def test_a_broken_rule_says_that_nothing_is_known_and_why(rig: MakeRig) -> None:
    up = rig("""
- alert: Twice
  expr: label_replace(active, "pool", "", "pool", ".*") > 0
""")
    up.says("concert", {'active{pool="a"}': 1.0, 'active{pool="b"}': 1.0})
    up.round()
    reason, text = line(up)
    assert reason is NotFiringReason.BROKEN
    assert "same labelset" in text


def test_a_rule_that_was_never_or_long_ago_evaluated_says_so(rig: MakeRig) -> None:
    up = rig(POOL)
    assert line(up)[0] is NotFiringReason.NOT_EVALUATED
    pool(up, active=3, pending=0)
    up.round()
    assert line(up, later=42.0) == (
        NotFiringReason.LATE,
        "it was last evaluated 42.0 s ago instead of every 1.0 s",
    )


def test_conditions_that_hold_for_different_series_are_told_apart_from_those_that_fail(rig: MakeRig) -> None:
    up = rig("- {alert: Both, expr: active > 5 and pending > 5}")
    up.says(
        "concert",
        {'active{p="a"}': 9.0, 'active{p="b"}': 1.0, 'pending{p="a"}': 1.0, 'pending{p="b"}': 9.0},
    )
    up.round()
    assert line(up)[0] is NotFiringReason.DIFFERENT_SERIES


def test_a_rule_without_a_comparison_says_that_it_returns_nothing(rig: MakeRig) -> None:
    up = rig("- {alert: Gone, expr: absent(active)}")
    up.shows(active=1.0)
    up.round()
    reason, text = line(up)
    assert (reason, text) == (
        NotFiringReason.NO_SERIES,
        "absent(active) returns no series; oldest input 300 ms old",
    )


def test_a_condition_that_came_true_after_the_last_evaluation_waits_for_the_next(rig: MakeRig) -> None:
    up = rig(POOL)
    pool(up, active=3, pending=0)
    up.round()
    before = up.evaluator.rules[0]
    pool(up, active=10, pending=27)
    up.round()
    found = why_not(gather(before, up.store, {}, up.at))
    assert found is not None
    assert found.reason is NotFiringReason.TRUE_NOW


def test_a_recording_rule_never_fires_and_says_when_it_records_nothing(rig: MakeRig) -> None:
    up = rig("- {record: 'job:gone', expr: gone}")
    up.shows(active=1.0)
    up.round()
    assert line(up) == (NotFiringReason.RECORDS, "it records nothing: its expression returns no series")


class _Broken:
    def query(self, expr: str, at: float) -> QueryResult:
        raise QueryError(ErrorKind.TIMEOUT, "query timed out")


def test_facts_that_cannot_be_asked_are_said_to_be_missing(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = rig(POOL)
    pool(up, active=3, pending=0)
    up.round()
    monkeypatch.setattr(up.store, "query", _Broken().query)
    assert line(up) == (NotFiringReason.CANNOT_ASK, "its parts cannot be asked now: query timed out")
