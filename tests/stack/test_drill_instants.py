from dataclasses import replace

import pytest

from stack.drills.instants import CutSource, Instants, find_instants, reversals
from stack.drills.result import DrillResult, LogMark, LogStamp
from tests.stack.drill_story import START, event, good_drill, with_pending, without_events


def offsets(drill: DrillResult) -> dict[str, float | None]:
    found = find_instants(drill)
    fields = [name for name in (*Instants.__dataclass_fields__, "first_cut") if name != "cut_source"]
    return {name: None if getattr(found, name) is None else getattr(found, name) - START for name in fields}


def test_the_instants_of_a_good_drill() -> None:
    assert offsets(good_drill()) == pytest.approx(
        {
            "first_waiting": 31.0,
            "rule_true": 31.1,
            "alert_firing": 33.0,
            "lever_set": 33.4,
            "first_cut": 33.4,
            "cut_seen": 33.5,
            "backlog_gone": 43.0,
            "recovered": 51.0,
            "release_began": 160.0,
            "levers_back": 179.0,
            "resolved": 200.0,
        }
    )


def test_recovery_is_told_only_at_the_end_of_a_whole_period_after_the_cut() -> None:
    quiet_at_once = with_pending(good_drill(), 33.5, 110, 0)
    assert offsets(quiet_at_once)["recovered"] == 43.5


def test_a_mean_of_just_under_one_waiting_counts_as_recovered() -> None:
    assert offsets(with_pending(good_drill(), 33.5, 110, 0.9))["recovered"] == 43.5
    assert offsets(with_pending(good_drill(), 33.5, 110, 1.0))["recovered"] == 110.0


def test_a_backlog_that_comes_back_after_recovery_does_not_undo_it() -> None:
    again = with_pending(good_drill(), 70, 75, 12)
    assert offsets(again)["recovered"] == 51.0
    assert offsets(again)["backlog_gone"] == 43.0


def test_a_period_with_too_few_samples_proves_nothing() -> None:
    blind = replace(
        good_drill(), samples=tuple(s for s in good_drill().samples if not 40 <= s.at - START < 60)
    )
    assert offsets(blind)["recovered"] == 64.5


def test_an_alert_that_fires_before_the_pool_is_exhausted_is_another_matter() -> None:
    earlier = event(0, 12, "alert_firing", "EndpointSlow fires", alert="EndpointSlow")
    drill = replace(good_drill(), events=(earlier, *good_drill().events))
    assert offsets(drill)["alert_firing"] == 33.0


def test_another_alert_that_fires_first_is_not_taken_for_the_one_that_is_timed() -> None:
    other = event(0, 32, "alert_firing", "Backlog fires", alert="Backlog")
    drill = replace(good_drill(), events=(other, *good_drill().events))
    assert offsets(drill)["alert_firing"] == 33.0


def test_without_a_log_the_first_waiting_request_is_the_sampled_one() -> None:
    found = offsets(replace(good_drill(), log=()))
    assert (found["first_waiting"], found["rule_true"], found["alert_firing"]) == (31.0, None, 33.0)


def test_the_first_stamp_counts_when_the_pool_saturates_twice() -> None:
    stamps = tuple(LogStamp(START + at, LogMark.POOL_SATURATED) for at in (90, 31.1))
    assert offsets(replace(good_drill(), log=stamps))["rule_true"] == pytest.approx(31.1)


def test_without_a_platform_the_cut_is_what_the_drill_itself_saw() -> None:
    unobserved = replace(good_drill(), events=(), incidents=(), observed=False)
    found = offsets(unobserved)
    assert (found["lever_set"], found["first_cut"], found["recovered"]) == (None, 33.5, 51.0)
    assert (found["alert_firing"], found["resolved"]) == (None, None)


def test_the_cut_is_timed_by_the_services_log_and_not_by_the_platforms_word() -> None:
    changes = tuple(LogStamp(START + at, LogMark.LEVER_CHANGED) for at in (12.0, 33.92, 60.0))
    drill = replace(good_drill(), log=(*good_drill().log, *changes))
    found = offsets(drill)
    assert (found["lever_set"], found["first_cut"]) == pytest.approx((33.92, 33.92))
    assert find_instants(drill).cut_source is CutSource.SERVICE_LOG


def test_without_a_change_in_the_log_the_cut_is_the_platforms_word() -> None:
    assert offsets(good_drill())["lever_set"] == pytest.approx(33.4)
    assert find_instants(good_drill()).cut_source is CutSource.TIMELINE


def test_a_lever_that_only_the_log_knows_of_was_not_set_by_the_platform() -> None:
    changed = LogStamp(START + 33.9, LogMark.LEVER_CHANGED)
    drill = without_events(replace(good_drill(), log=(*good_drill().log, changed)), "lever_set")
    assert offsets(drill)["lever_set"] is None
    assert find_instants(drill).cut_source is CutSource.SAMPLES


def test_release_is_seen_on_the_target_too() -> None:
    assert offsets(without_events(good_drill(), "releasing"))["release_began"] == 160.0


def test_nothing_is_resolved_while_one_incident_is_open() -> None:
    drill = good_drill()
    second = replace(drill.incidents[0], id=2, state="open", resolved_at=None)
    assert offsets(replace(drill, incidents=(*drill.incidents, second)))["resolved"] is None


def test_a_drill_left_alone_has_no_recovery() -> None:
    alone = replace(good_drill(), samples=tuple(replace(s, levers=()) for s in good_drill().samples))
    found = offsets(without_events(alone, "lever_set"))
    assert (found["first_cut"], found["recovered"], found["release_began"], found["levers_back"]) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("values", "turns"),
    [
        ([], 0),
        ([8], 0),
        ([8, 8, 9, 10, 10], 0),
        ([8, 9, 8], 1),
        ([8, 9, 9, 8, 8, 9, 7], 3),
        ([10, 9, 8, 9], 1),
    ],
)
def test_reversals_are_changes_of_direction_and_standing_still_is_none(
    values: list[float], turns: int
) -> None:
    assert reversals(values) == turns
