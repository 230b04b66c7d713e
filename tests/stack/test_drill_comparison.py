from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from stack.drills.comparison import Comparison, side_of, too_fast
from stack.drills.comparison_file import Made, load, save
from stack.drills.comparison_table import comparison_tables
from stack.drills.comparison_verdict import Conclusion, judge_comparison
from stack.drills.json_file import DrillFileError
from stack.drills.over_time import (
    latency,
    lease_bands,
    lever_value,
    pool_timeouts,
    served_per_second,
    users_so_far,
)
from stack.drills.plan import DrillPlan
from stack.drills.result import DrillResult, Ending, LogMark, LogStamp
from stack.load.outcome_kind import OutcomeKind
from tests.stack.comparison_story import (
    LINE,
    TIMEOUTS,
    USERS,
    acting,
    date_of,
    good_comparison,
    left_alone,
    visit_of,
)
from tests.stack.drill_story import START, with_pending

MADE = Made(START, "0.1.0", "showcall drill pool_exhaustion --compare")


def failed(comparison: Comparison) -> list[str]:
    return [each.name for each in judge_comparison(comparison).expectations if not each.passed]


def with_left_alone(drill: DrillResult) -> Comparison:
    return replace(good_comparison(), left_alone=drill)


def test_a_comparison_that_shows_the_failure_and_its_prevention_passes() -> None:
    verdict = judge_comparison(good_comparison())
    assert failed(good_comparison()) == []
    assert verdict.passed
    assert verdict.conclusion is Conclusion.SHOWN
    assert verdict.text.startswith(
        f"Left alone, {TIMEOUTS} requests got no database connection in time; acting, none."
    )


def test_every_user_of_the_surge_has_exactly_one_fate_in_both_runs() -> None:
    for drill in (left_alone(), acting()):
        users = side_of(drill, 40).users
        assert users.arrived == USERS == users.served + users.gave_up + users.failed


def test_users_without_an_answer_count_as_failed_and_as_having_waited() -> None:
    users = side_of(left_alone(), 40).users
    assert (users.served, users.within_objective, users.failed) == (40, 2, 560)
    assert users.still_waiting == 560
    assert users.saw_error == 65
    assert users.waited_long > 200


def test_a_visit_that_ends_after_the_watch_is_unfinished_in_both_runs_alike() -> None:
    late = replace(
        acting(), visits=(visit_of(0, 170, Ending.SERVED, 1.0), visit_of(1, 20, Ending.SERVED, 1.0))
    )
    users = side_of(late, 40).users
    assert (users.served, users.still_waiting, users.failed) == (1, 1, 1)


def test_an_error_that_comes_only_after_the_watch_is_not_counted() -> None:
    late = replace(acting(), requests=(date_of(0, 150, 40.0, OutcomeKind.HTTP_503),))
    assert side_of(late, 40).users.saw_error == 0
    assert side_of(late, 60).users.saw_error == 1


def test_both_runs_are_looked_at_in_the_same_windows_of_the_surge() -> None:
    def windows(drill: DrillResult) -> list[tuple[str, float, float]]:
        return [
            (each.window.name, each.window.since - drill.surge_from, each.window.until - drill.surge_from)
            for each in side_of(drill, 40).windows
        ]

    assert windows(left_alone()) == windows(acting())
    assert windows(acting()) == [
        ("before", -20, 0),
        ("first half", 0, 60),
        ("second half", 60, 120),
        ("afterwards", 120, 160),
    ]


def test_requests_that_had_no_answer_make_the_percentiles_lower_bounds() -> None:
    side = side_of(left_alone(), 40)
    assert side.second_half.cut_off > 0
    assert side.second_half.p95 is not None
    assert side.second_half.p95 > 30
    assert "≥ " in printed(good_comparison())


def test_pool_timeouts_are_counted_from_the_log_with_the_published_text() -> None:
    side = side_of(left_alone(), 40)
    assert side.timeouts == len(side.timeout_lines) == TIMEOUTS
    assert side.timeout_lines[0].text == LINE
    assert side.first_timeout == pytest.approx(70)


def test_a_log_line_of_another_text_is_not_the_published_failure() -> None:
    stamps = tuple(
        replace(each, text="HikariPool-1 - Connection is not available") if each.text else each
        for each in left_alone().log
    )
    assert failed(with_left_alone(replace(left_alone(), log=stamps))) == ["timeout_lines"]


def test_timeouts_while_the_stack_drains_afterwards_belong_to_nobody() -> None:
    drained = (*left_alone().log, LogStamp(START + 190, LogMark.POOL_TIMEOUT, LINE))
    assert side_of(replace(left_alone(), log=drained), 40).timeouts == TIMEOUTS


def without_timeouts(rate: float) -> DrillResult:
    drill = left_alone()
    samples = tuple(
        replace(each, pool_timeouts=0, pool_uses=rate * (each.at - START)) for each in drill.samples
    )
    return replace(drill, samples=samples, log=drill.log[:1])


def test_a_host_that_was_too_fast_makes_the_comparison_inconclusive() -> None:
    verdict = judge_comparison(with_left_alone(without_timeouts(6.8)))
    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert verdict.text == (
        "Inconclusive: the host was too fast. It served 6.80 queries/s, and from 6.33 queries/s on no pool "
        "timeout can appear. Play it again."
    )
    assert not verdict.passed


def test_a_failure_that_is_absent_at_a_speed_that_allows_it_is_a_failed_comparison() -> None:
    verdict = judge_comparison(with_left_alone(without_timeouts(4.8)))
    assert verdict.conclusion is Conclusion.NOT_SHOWN
    assert verdict.text.startswith("3 expectations failed: pool timeouts; ")


def test_a_fast_host_with_timeouts_all_the_same_is_judged_as_usual() -> None:
    drill = left_alone()
    fast = replace(drill, samples=tuple(replace(s, pool_uses=6.8 * (s.at - START)) for s in drill.samples))
    assert judge_comparison(with_left_alone(fast)).conclusion is Conclusion.SHOWN


def test_the_limit_of_speed_is_the_surplus_of_threads_over_the_pools_patience() -> None:
    assert too_fast(200, 10, 30.0) == pytest.approx(6.333, abs=1e-3)


def test_acting_in_the_run_that_shall_be_left_alone_fails() -> None:
    levered = replace(left_alone(), samples=acting().samples)
    assert "hands_off" in failed(with_left_alone(levered))


def test_a_platform_that_says_nothing_of_what_it_would_do_fails() -> None:
    silent = replace(left_alone(), events=left_alone().events[:2])
    assert failed(with_left_alone(silent)) == ["would_act"]


def test_one_pool_timeout_in_the_acting_run_fails() -> None:
    logged = (*acting().log, LogStamp(START + 61, LogMark.POOL_TIMEOUT, LINE))
    assert failed(replace(good_comparison(), acting=replace(acting(), log=logged))) == ["pool_timeouts"]


def test_slow_answers_in_the_acting_run_fail() -> None:
    slow = (*acting().requests, *(date_of(1, 90, 9.0) for _ in range(60)))
    names = failed(replace(good_comparison(), acting=replace(acting(), requests=slow)))
    assert "fast_p95" in names


def test_acting_that_serves_nobody_more_in_time_fails() -> None:
    slow = tuple(replace(each, answers=(9.0,) * 5) for each in acting().visits)
    names = failed(replace(good_comparison(), acting=replace(acting(), visits=slow)))
    assert names == ["more_in_time"]


def test_runs_with_different_users_are_not_compared() -> None:
    fewer = replace(left_alone(), visits=left_alone().visits[:-5])
    assert failed(with_left_alone(fewer)) == ["same_users"]


def test_the_served_rate_is_measured_only_while_the_pool_is_saturated() -> None:
    side = side_of(left_alone(), 40)
    assert side.rate.per_second == pytest.approx(4.8)
    assert 140 < side.rate.seconds < 160
    assert side_of(with_pending(left_alone(), 0, 400, 0), 40).rate.per_second is None


def test_a_comparison_comes_back_from_its_file_with_the_same_verdict(tmp_path: Path) -> None:
    save(good_comparison(), MADE, tmp_path / "both.json")
    again, made = load(tmp_path / "both.json")
    assert made == MADE
    assert judge_comparison(again).text == judge_comparison(good_comparison()).text
    assert side_of(again.left_alone, again.watch_after).users == side_of(left_alone(), 40).users


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "is not JSON"), ('{"format": "drill/1"}', "is not a comparison of format 'comparison/1'")],
)
def test_a_file_that_is_no_comparison_says_so(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "both.json").write_text(content)
    with pytest.raises(DrillFileError, match=r"both\.json: ") as caught:
        load(tmp_path / "both.json")
    assert says in str(caught.value)


def test_the_left_alone_run_ends_after_its_watch_and_the_acting_one_when_all_is_over() -> None:
    comparison = good_comparison()
    assert (comparison.left_alone.plan.watch_after, comparison.acting.plan.watch_after) == (40, None)
    assert comparison.left_alone.plan.surge_seconds == comparison.acting.plan.surge_seconds == 120
    assert comparison.left_alone.plan.seed == comparison.acting.plan.seed == DrillPlan().seed


def printed(comparison: Comparison) -> str:
    console = Console(width=130, record=True, force_terminal=False, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(comparison_tables(comparison, judge_comparison(comparison)))
    return console.export_text()


def test_the_tables_put_both_runs_side_by_side() -> None:
    lines = [" ".join(line.split()) for line in printed(good_comparison()).splitlines()]
    for wanted in (
        "users who arrived in the surge 600 600",
        "every page within 2.5 s 2 120",
        "still without an answer when the watch ended 560 0",
        "pool timeouts 65 0",
        "first pool timeout after the surge began 70.0 s –",
        "acts would have at 13.2 s 13.4 s",
        "served while saturated 4.80 queries/s over 150 s saturated for 12 s only",
        "served in the second half of the surge 4.80 queries/s 4.80 queries/s",
    ):
        assert wanted in lines, wanted


def test_the_curves_start_at_the_surge_and_end_where_their_run_ends() -> None:
    drill = left_alone()
    assert pool_timeouts(drill)[-1] == (160.0, TIMEOUTS)
    assert users_so_far(drill, Ending.SERVED)[-1] == (160.0, 40.0)
    assert max(value for _, value in latency(drill, 95)) >= 60
    assert {round(value, 3) for _, value in served_per_second(drill)} == {4.8}
    assert lever_value(acting(), "active_users_cap")[0] == (-20.0, 1000.0)
    assert lease_bands(acting(), "active_users_cap") == ((13.5, 159.0),)
    assert lease_bands(drill, "active_users_cap") == ()
