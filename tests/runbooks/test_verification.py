"""Verification has a direction."""

from dataclasses import replace

import pytest

from runbooks.runbook import Verify, VerifyDirection
from runbooks.verification import UNDOES, Before, Finding, Measured, Verdict, Watch, begin, verify

NOW = 1_800_000_000.0
SAFE = Verify(
    expr="backlog",
    below=0.25,
    unit="s",
    direction=VerifyDirection.SAFE,
    effect_delay=5,
    deadline=60,
    throughput="completions",
    waiting="waiting",
    title="backlog",
)
OTHER = replace(SAFE, direction=VerifyDirection.OTHER, throughput=None, waiting=None)
BEFORE = Before(at=NOW, signal=5.0, slope=0.5, throughput=4.8)


def look(
    rule: Verify,
    signals: dict[float, float],
    *,
    watch: Watch | None = None,
    throughput: float | None = None,
    waiting: float | None = None,
) -> list[Finding]:
    """The findings of a series of looks, by seconds after the action."""
    watch, found = watch or begin(BEFORE), []
    for seconds, signal in signals.items():
        watch, finding = verify(rule, watch, Measured(signal, throughput, waiting), NOW + seconds)
        if finding is not None:
            found.append(finding)
    return found


def verdicts(rule: Verify, signals: dict[float, float]) -> list[Verdict]:
    return [finding.verdict for finding in look(rule, signals)]


def test_before_the_effect_delay_nothing_is_judged() -> None:
    assert verdicts(SAFE, {1: 0.0, 4.9: 90.0}) == []


def test_effective_is_told_once_with_before_after_and_time_to_effect() -> None:
    findings = look(SAFE, {5: 4.0, 9: 0.1, 10: 0.0})
    assert [finding.verdict for finding in findings] == [Verdict.NOT_WORSE, Verdict.EFFECTIVE]
    told = findings[-1]
    assert (told.before, told.after, told.seconds) == (5.0, 0.1, 9)
    assert told.text == "effective 9 s after the change: backlog 5.0 -> 0.1 s"


def test_f45_in_the_safe_direction_not_effective_yet_holds_and_tells_after_one_and_a_half_backlogs() -> None:
    assert verdicts(SAFE, {5: 4.0, 12: 4.0, 13: 4.0}) == [Verdict.NOT_WORSE, Verdict.NOT_EFFECTIVE_YET]
    assert Verdict.NOT_EFFECTIVE_YET not in UNDOES


def test_a_backlog_that_still_grew_after_the_action_is_given_its_own_time() -> None:
    assert verdicts(SAFE, {1: 8.0, 5: 7.0, 13: 6.0, 17: 5.5}) == [
        Verdict.NOT_WORSE,
        Verdict.NOT_EFFECTIVE_YET,
    ]


def test_worse_than_the_trend_is_told_and_still_held() -> None:
    assert verdicts(SAFE, {5: 12.0}) == [Verdict.WORSE_THAN_TREND]
    assert Verdict.WORSE_THAN_TREND not in UNDOES


def test_what_rises_no_faster_than_before_is_not_worse() -> None:
    assert verdicts(SAFE, {5: 7.4}) == [Verdict.NOT_WORSE]


def test_effective_after_all_is_told_too() -> None:
    assert verdicts(SAFE, {5: 4.0, 13: 4.0, 40: 0.2}) == [
        Verdict.NOT_WORSE,
        Verdict.NOT_EFFECTIVE_YET,
        Verdict.EFFECTIVE,
    ]


def test_no_fall_at_all_by_the_deadline_gives_the_lever_back() -> None:
    assert verdicts(SAFE, {5: 5.0, 13: 5.0, 60: 5.2})[-1] is Verdict.NO_EFFECT
    assert Verdict.NO_EFFECT in UNDOES


def test_a_fall_that_is_not_enough_by_the_deadline_is_held() -> None:
    assert verdicts(SAFE, {5: 5.0, 13: 4.0, 60: 3.0}) == [Verdict.NOT_WORSE, Verdict.NOT_EFFECTIVE_YET]


def test_completions_under_half_while_somebody_waits_are_measured_harm() -> None:
    findings = look(SAFE, {15: 0.0}, throughput=2.3, waiting=50)
    assert [finding.verdict for finding in findings] == [Verdict.HARM]
    assert findings[0].text.endswith("completions 4.8 -> 2.3 a second")
    assert Verdict.HARM in UNDOES


@pytest.mark.parametrize(
    ("seconds", "throughput", "waiting"),
    [(14, 2.3, 50), (15, 2.5, 50), (15, 0.1, 0)],
    ids=["the rate still looks back", "over half", "nobody waits"],
)
def test_fewer_completions_are_not_harm_by_themselves(
    seconds: float, throughput: float, waiting: float
) -> None:
    findings = look(SAFE, {seconds: 0.0}, throughput=throughput, waiting=waiting)
    assert [finding.verdict for finding in findings] == [Verdict.EFFECTIVE]


def test_harm_is_watched_for_until_the_deadline_and_no_longer() -> None:
    watch = begin(BEFORE)
    for seconds in (5.0, 60.0):
        watch, _ = verify(SAFE, watch, Measured(0.0, 4.8, 50), NOW + seconds)
    assert watch.over
    assert look(SAFE, {61: 0.0}, watch=watch, throughput=1.0, waiting=50) == []


def test_in_the_other_direction_not_effective_undoes() -> None:
    assert verdicts(OTHER, {5: 4.0, 59: 4.0}) == []
    assert verdicts(OTHER, {5: 4.0, 60: 4.0}) == [Verdict.NOT_EFFECTIVE]
    assert Verdict.NOT_EFFECTIVE in UNDOES


def test_f48_missing_facts_say_nothing() -> None:
    watch, finding = verify(SAFE, begin(BEFORE), Measured(None), NOW + 90)
    assert finding is None
    assert not watch.over
