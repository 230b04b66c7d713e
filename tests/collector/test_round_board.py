"""When a round is whole, and what is in it."""

import pytest

from collector.round import TargetReport
from collector.round_board import RoundBoard, Timing


def report(target: str, at: float, up: bool = True) -> TargetReport:
    return TargetReport(target, "actuator", at, 0.01, up, 1, None, None, at)


def board(*due: str, started: float = 1000.0) -> RoundBoard:
    made = RoundBoard(Timing.of(1.0))
    made.open(started, 1, lag=0.002, jump=0.0, due=due)
    return made


def test_a_round_is_whole_when_the_last_target_has_reported() -> None:
    one = board("a", "b")
    assert [one.report("a"), one.report("a"), one.report("b")] == [False, False, True]


def test_rules_are_evaluated_at_a_constant_phase_of_the_tick() -> None:
    one = board("a", "b")
    reports = {"a": report("a", 1000.01), "b": report("b", 1000.02)}
    one.report("a")
    one.report("b")
    whole = one.close(reports, frozenset())
    assert (whole.tick, whole.at, whole.interval, whole.lag) == (0, 1000.3, 1.0, 0.002)
    assert whole.late == ()
    assert {one.target for one in whole.reports} == {"a", "b"}


def test_a_newer_sample_moves_the_evaluation_behind_it() -> None:
    one = board("a")
    one.report("a")
    assert one.close({"a": report("a", 1000.45)}, frozenset()).at == 1000.45


def test_f11_a_report_from_before_a_jump_does_not_move_the_evaluation() -> None:
    one = board("a")
    one.report("a")
    assert one.close({"a": report("a", 4600.0)}, frozenset()).at == 1000.3


def test_who_has_not_reported_is_late_and_its_old_report_left_out() -> None:
    one = board("a", "b")
    one.report("a")
    whole = one.close({"a": report("a", 1000.0), "b": report("b", 999.0)}, frozenset())
    assert whole.late == ("b",)
    assert [one.target for one in whole.reports] == ["a"]


def test_a_slow_target_is_not_late_and_stays_what_it_was() -> None:
    whole = board("a", "slow").close({"slow": report("slow", 990.0, up=False)}, frozenset({"slow"}))
    assert whole.late == ("a",)
    assert [(one.target, one.up) for one in whole.reports] == [("slow", False)]


def test_missed_ticks_leave_a_gap_in_the_numbers() -> None:
    one = board("a")
    one.close({}, frozenset())
    one.open(1010.0, ticks=10, lag=9.0, jump=0.0, due=())
    assert one.close({}, frozenset()).tick == 10


@pytest.mark.parametrize(
    ("interval", "phase", "close"), [(1.0, 0.3, 0.6), (15.0, 0.3, 0.6), (0.1, 0.03, 0.06)]
)
def test_a_short_interval_shortens_both_times(interval: float, phase: float, close: float) -> None:
    timing = Timing.of(interval)
    assert timing.phase == pytest.approx(phase)
    assert timing.close == pytest.approx(close)
