from dataclasses import replace

import pytest
from rich.console import Console

from stack.drills.outcome import compute_outcome
from stack.drills.result import DrillResult, LogMark, LogStamp
from stack.drills.table import drill_tables
from stack.drills.verdict import Verdict, judge_drill
from stack.load.outcome_kind import OutcomeKind
from tests.stack.drill_story import START, date, event, good_drill, with_caps, with_pending, without_events


def judged(drill: DrillResult) -> Verdict:
    return judge_drill(drill, compute_outcome(drill))


def failed(drill: DrillResult) -> list[str]:
    return [expectation.name for expectation in judged(drill).failed]


def late(drill: DrillResult, kind: str, offset: float) -> DrillResult:
    events = [
        replace(seen, event=replace(seen.event, at=START + offset)) if seen.event.kind == kind else seen
        for seen in drill.events
    ]
    return replace(drill, events=tuple(events))


def test_a_good_drill_passes_every_expectation() -> None:
    verdict = judged(good_drill())
    assert verdict.failed == ()
    assert verdict.passed
    assert verdict.comparable


def test_an_alert_more_than_three_seconds_after_the_stamp_fails() -> None:
    drill = late(late(good_drill(), "alert_firing", 34.2), "lever_set", 34.9)
    assert failed(drill) == ["alert_within"]


def test_an_action_more_than_a_second_after_the_alert_fails() -> None:
    assert failed(late(good_drill(), "lever_set", 34.1)) == ["act_within"]


def test_an_action_that_the_service_logged_late_fails_whatever_the_platform_says() -> None:
    changed = LogStamp(START + 34.2, LogMark.LEVER_CHANGED)
    drill = replace(late(good_drill(), "lever_set", 33.0), log=(*good_drill().log, changed))
    assert failed(drill) == ["act_within"]
    assert "from the alert to the lever set (service's log)" in printed(drill)
    assert "action: first cut (service's log)" in printed(drill)


def test_an_action_that_another_alert_led_to_before_is_not_late() -> None:
    assert failed(late(good_drill(), "lever_set", 32.5)) == []


def test_no_alert_and_no_action_say_what_is_missing() -> None:
    silent = without_events(good_drill(), "alert_firing", "lever_set")
    missing = {each.name: each.why for each in judged(silent).failed}
    assert missing == {"alert_within": "no alert fired", "act_within": "no alert fired"}
    idle = without_events(good_drill(), "lever_set")
    assert {each.name: each.why for each in judged(idle).failed} == {"act_within": "no lever was set"}
    assert failed(replace(good_drill(), log=())) == ["alert_within"]


def test_recovery_after_a_minute_fails_and_so_does_one_after_the_surge() -> None:
    assert "recover_within" in failed(with_pending(good_drill(), 31, 86, 20))
    long = replace(good_drill(), surge_until=START + 50)
    found = {each.name: each.why for each in judged(long).failed}
    assert found["recover_within"] == "only after the surge had ended"


def test_a_drill_that_never_recovers_cannot_pass_by_having_no_figures() -> None:
    names = failed(with_pending(good_drill(), 31, 205, 60))
    assert {"recover_within", "after_p90", "after_p95", "cap_reversals"} <= set(names)


def test_slow_dates_after_recovery_fail() -> None:
    slow = replace(good_drill(), requests=(*good_drill().requests, *(date(70, 2.5) for _ in range(12))))
    assert failed(slow) == ["after_p90", "after_p95"]
    some = replace(good_drill(), requests=(*good_drill().requests, *(date(70, 2.5) for _ in range(6))))
    assert failed(some) == ["after_p95"]


def test_refusing_quickly_is_not_serving_in_time() -> None:
    refused = [date(70 + number / 10, 0.01, OutcomeKind.HTTP_503, 503) for number in range(20)]
    assert failed(replace(good_drill(), requests=(*good_drill().requests, *refused))) == [
        "after_p90",
        "after_p95",
    ]


def test_one_pool_timeout_is_too_many() -> None:
    logged = (*good_drill().log, LogStamp(START + 61, LogMark.POOL_TIMEOUT))
    assert failed(replace(good_drill(), log=logged)) == ["pool_timeouts"]


def test_the_cap_may_turn_twice_but_not_three_times() -> None:
    assert failed(with_caps(good_drill(), 60, 9, 10, 9)) == []
    assert failed(with_caps(good_drill(), 60, 9, 10, 9, 10)) == ["cap_reversals"]


def test_ten_waiting_during_release_fail_and_nine_do_not() -> None:
    assert failed(with_pending(good_drill(), 170, 171, 10)) == ["release_pending"]
    assert failed(with_pending(good_drill(), 170, 171, 9)) == []


def test_a_second_incident_fails_even_when_both_are_resolved() -> None:
    drill = good_drill()
    second = replace(drill.incidents[0], id=2)
    assert failed(replace(drill, incidents=(*drill.incidents, second))) == ["one_incident"]


def reopened(offset: float, *alerts: str) -> DrillResult:
    row = event(9, offset, "incident_reopened", f"Reopened, firing again: {', '.join(alerts)}", alerts=alerts)
    return replace(good_drill(), events=(*good_drill().events, row))


@pytest.mark.parametrize("alert", ['PoolExhausted{pool="HikariPool-1"}', 'PoolBacklog{pool="HikariPool-1"}'])
def test_a_release_that_exhausts_the_pool_again_fails_though_the_incident_is_the_same(alert: str) -> None:
    drill = reopened(172, "DatabaseCpuHigh", alert)
    assert failed(drill) == ["reopened"]
    assert judged(drill).failed[0].why.startswith("Reopened, firing again: DatabaseCpuHigh, Pool")


def test_a_reopening_at_the_very_moment_of_the_release_counts_and_one_before_does_not() -> None:
    assert failed(reopened(160, "PoolExhausted{}")) == ["reopened"]
    assert failed(reopened(159, "PoolExhausted{}")) == []


def test_slow_answers_that_reopen_the_incident_in_the_tail_are_told_and_not_failed() -> None:
    drill = reopened(172, 'EndpointLatencyHigh{uri="/date"}')
    assert failed(drill) == []
    assert "not counted: EndpointLatencyHigh" in " ".join(printed(drill).split())


def test_without_a_release_nothing_can_be_said_of_reopenings() -> None:
    found = {each.name: each.why for each in judged(with_pending(good_drill(), 31, 205, 60)).failed}
    assert found["reopened"] == "no release was seen"


def test_no_incident_or_an_open_one_fails() -> None:
    drill = good_drill()
    assert failed(replace(drill, incidents=())) == ["one_incident", "resolved"]
    still_open = replace(drill.incidents[0], state="mitigated", resolved_at=None)
    assert failed(replace(drill, incidents=(still_open,))) == ["resolved"]


def test_a_lever_that_is_not_back_is_named() -> None:
    drill = good_drill()
    cut_short = replace(drill, samples=tuple(s for s in drill.samples if s.at < START + 170))
    away = {each.name: each.why for each in judged(cut_short).failed}
    assert away["levers_at_baseline"] == "active_users_cap"
    unread = replace(drill, samples=tuple(replace(s, levers=()) for s in drill.samples))
    assert {each.name: each.why for each in judged(unread).failed}[
        "levers_at_baseline"
    ] == "no lever could be read"


@pytest.mark.parametrize(("rate", "ok"), [(4.4, True), (5.3, True), (4.8, False)])
def test_a_stack_that_was_not_calibrated_makes_the_figures_not_comparable(rate: float, ok: bool) -> None:
    drill = good_drill()
    verdict = judged(
        replace(
            drill, capacity=replace(drill.capacity, queries_per_second=rate, ok=ok, reason="too much steal")
        )
    )
    assert [each.name for each in verdict.failed] == ["capacity"]
    assert not verdict.comparable
    assert verdict.failed[0].why == "figures cannot be compared: too much steal"


def test_a_generator_that_dropped_arrivals_and_a_stopped_drill_fail() -> None:
    drill = good_drill()
    short = replace(drill, generator=replace(drill.generator, dropped=3), complete=False)
    assert failed(short) == ["complete", "dropped_arrivals"]


def printed(drill: DrillResult) -> str:
    console = Console(width=120, record=True, force_terminal=False, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    outcome = compute_outcome(drill)
    console.print(drill_tables(drill, outcome, judge_drill(drill, outcome)))
    return console.export_text()


def test_the_tables_tell_the_whole_story_in_plain_text() -> None:
    text = printed(good_drill())
    for words in (
        "4.80 queries/s measured",
        "3.4 % stolen",
        "first waiting request",
        "recovered",
        "before",
        "during",
        "after",
        "failures by kind",
        "http_503 1",
        "users who gave up",
        "1000 > 8 > 9 > 10 > 20",
        "Every step happened",
    ):
        assert words in text, words
    assert "FAILED" not in text
    assert "not seen" not in text


def test_the_tables_of_a_drill_left_alone_say_what_was_not_seen() -> None:
    alone = replace(with_pending(good_drill(), 31, 205, 60), events=(), incidents=(), observed=False)
    text = printed(alone)
    assert "not seen" in text
    assert "FAILED" in text
    assert "expectations failed" in text


def test_a_timeline_row_about_another_lever_does_not_hide_the_first_cut() -> None:
    later = event(9, 50, "lever_set", "active_users_cap 8 to 9")
    assert failed(replace(good_drill(), events=(*good_drill().events, later))) == []
