from dataclasses import replace

import pytest

from stack.drills.figures import Window, date_latencies, figures, within_objective
from stack.drills.outcome import compute_outcome
from stack.drills.plan import DrillPlan
from stack.drills.result import Ending, LogMark, LogStamp
from stack.load.outcome_kind import OutcomeKind
from tests.stack.drill_story import START, date, good_drill, visit, with_caps, with_pending

PLAN = DrillPlan()


def test_the_windows_are_before_during_after_and_the_tail() -> None:
    outcome = compute_outcome(good_drill())
    assert [
        (part.window.name, part.window.since - START, part.window.until - START) for part in outcome.columns
    ] == [
        ("before", 0, 20),
        ("during", 20, 51),
        ("after", 61, 110),
        ("tail", 110, 205),
    ]


def test_requests_belong_to_the_window_they_were_issued_in() -> None:
    drill = replace(good_drill(), requests=(date(19.9, 8.0), date(20.0, 1.0), date(60.9, 9.0), date(61, 2.0)))
    outcome = compute_outcome(drill)
    assert (outcome.before.p95, outcome.during.p95) == (8.0, 1.0)
    assert outcome.after is not None
    assert outcome.after.p95 == 2.0


def test_users_are_counted_where_their_visit_ended() -> None:
    outcome = compute_outcome(good_drill())
    assert outcome.after is not None
    assert (outcome.before.served, outcome.before.within_objective) == (1, 1)
    assert (outcome.during.served, outcome.during.within_objective, outcome.during.gave_up) == (1, 0, 1)
    assert (outcome.after.served, outcome.after.within_objective) == (1, 1)
    assert (outcome.after.gave_up, outcome.after.failed) == (1, 1)


def test_five_good_answers_are_not_within_the_objective_if_one_was_late() -> None:
    assert within_objective(visit(1, Ending.SERVED, 1, 1, 2.5, 1, 1), PLAN)
    assert not within_objective(visit(1, Ending.SERVED, 1, 1, 2.51, 1, 1), PLAN)
    assert not within_objective(visit(1, Ending.GAVE_UP, 1, 1), PLAN)


def test_a_failed_request_counts_as_the_clients_whole_timeout() -> None:
    assert date_latencies([date(1, 0.01, OutcomeKind.HTTP_503, 503)], PLAN) == [60.0]
    assert date_latencies([date(1, 60.2, OutcomeKind.TIMEOUT, 0)], PLAN) == [60.2]


def test_being_sent_back_is_no_answer_and_no_failure() -> None:
    drill = replace(good_drill(), requests=(date(65, 0.02, status=403), date(66, 1.5)))
    found = figures(drill, Window("after", START + 62, START + 110))
    assert (found.dates, found.p95, found.put_back, dict(found.failures)) == (1, 1.5, 1, {})


def test_a_request_cut_off_by_the_end_counts_only_when_it_is_late_already() -> None:
    open_requests = [date(1, 2.4, OutcomeKind.UNFINISHED, 0), date(1, 30.0, OutcomeKind.UNFINISHED, 0)]
    assert date_latencies(open_requests, PLAN) == [30.0]


def test_failures_of_every_sort_of_request_are_counted_by_kind() -> None:
    refused = [replace(date(25, 0.1, OutcomeKind.HTTP_429, 429), name="issue") for _ in range(3)]
    drill = replace(good_drill(), requests=(*good_drill().requests, *refused))
    assert list(compute_outcome(drill).during.failures.items()) == [
        (OutcomeKind.HTTP_429, 3),
        (OutcomeKind.HTTP_503, 1),
    ]


def test_without_recovery_there_is_no_after_and_during_lasts_the_whole_surge() -> None:
    outcome = compute_outcome(with_pending(good_drill(), 31, 205, 60))
    assert outcome.after is None
    assert outcome.during.window.until == START + 110
    assert outcome.cap_reversals is None


def test_a_recovery_in_the_last_seconds_of_the_surge_leaves_no_time_to_judge() -> None:
    outcome = compute_outcome(with_pending(good_drill(), 31, 95, 60))
    assert outcome.instants.recovered is not None
    assert outcome.after is None


def test_pool_timeouts_are_taken_from_the_counter_or_the_log_whichever_says_more() -> None:
    drill = good_drill()
    counted = tuple(replace(s, pool_timeouts=7 if s.at < START + 90 else 10) for s in drill.samples)
    assert compute_outcome(replace(drill, samples=counted)).pool_timeouts == 3
    logged = tuple(LogStamp(START + 90, LogMark.POOL_TIMEOUT) for _ in range(5))
    assert compute_outcome(replace(drill, samples=counted, log=logged)).pool_timeouts == 5
    assert compute_outcome(replace(drill, samples=counted)).during.pool_timeouts == 0
    after = compute_outcome(replace(drill, samples=counted)).after
    assert after is not None
    assert after.pool_timeouts == 3


def test_reversals_count_from_recovery_to_release_and_the_ramp_is_none() -> None:
    assert compute_outcome(good_drill()).cap_reversals == 0
    assert compute_outcome(with_caps(good_drill(), 60, 9, 8, 9, 8, 7)).cap_reversals == 4
    assert compute_outcome(with_caps(good_drill(), 36, 7, 9, 7, 8)).cap_reversals == 0
    assert compute_outcome(with_caps(good_drill(), 164, 20, 40, 20, 80)).cap_reversals == 0


def test_the_most_waiting_during_release_is_taken_from_the_ramp_alone() -> None:
    assert compute_outcome(with_pending(good_drill(), 150, 159, 40)).release_pending == 0
    assert compute_outcome(with_pending(good_drill(), 170, 171, 9)).release_pending == 9


def test_each_lever_tells_where_it_went_and_that_it_came_back() -> None:
    cap, rate, breaker = compute_outcome(good_drill()).levers
    assert (cap.name, cap.baseline, cap.lowest, cap.highest, cap.back) == (
        "active_users_cap",
        1000,
        8,
        640,
        True,
    )
    assert cap.visited == (1000, 8, 9, 10, 20, 40, 80, 160, 320, 640, 1000)
    assert (rate.visited, rate.lowest, rate.back) == ((100,), None, True)
    assert breaker.visited == ("METRICS_ONLY",)


def test_a_lever_still_on_its_way_is_not_back() -> None:
    drill = good_drill()
    early_end = replace(drill, samples=tuple(s for s in drill.samples if s.at < START + 170))
    assert not compute_outcome(early_end).levers[0].back


def test_figures_of_an_empty_window_are_unknown_not_zero() -> None:
    found = figures(replace(good_drill(), samples=()), Window("nothing", START + 1000, START + 1001))
    assert (found.dates, found.p50, found.p95, found.pending_mean) == (0, None, None, None)
    assert found.pool_timeouts == 0


def test_percentiles_of_the_good_drill() -> None:
    outcome = compute_outcome(good_drill())
    assert outcome.after is not None
    assert outcome.during.p50 == 6.0
    assert outcome.during.p95 == 6.0
    assert outcome.after.p95 == pytest.approx(1.53, abs=0.02)
