from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from sqlalchemy import create_engine

from stack.config import StackConfig
from stack.local import capacity, dataset_store
from stack.local.capacity import Measurement, calibrate
from stack.local.capacity_estimate import Estimate, estimate, is_steady
from stack.local.capacity_search import (
    FURTHER_ROUNDS,
    MAXIMUM_ROUNDS,
    MAXIMUM_SEATS,
    MINIMUM_SEATS,
    Band,
    Round,
    SearchReason,
    Verdict,
    next_step,
)
from stack.local.dataset_store import Dataset
from stack.local.progress import Step
from stack.local.state import Capacity

BAND = Band(4.5, 5.2)


def answers(*gaps: float, offset: float = 0.0) -> list[float]:
    """Answer times of one connection: the first at ``offset``, then after each gap."""
    return [offset, *accumulate(gaps, initial=offset)][1:]


def test_the_rate_of_connections_in_turns_is_the_sum_of_their_own_rates() -> None:
    found = estimate([answers(2.0, 2.0, 2.0, offset=number * 0.01) for number in range(10)])
    assert found is not None
    assert found.queries_per_second == pytest.approx(5.0)
    assert found.turns == 3
    assert found.spread == pytest.approx(0.0)


def test_the_first_answer_only_starts_the_clock() -> None:
    assert estimate([answers(), answers(2.0)]) is None
    assert estimate([[], [1.0]]) is None
    assert estimate([]) is None


def test_bunched_answers_do_not_change_the_rate() -> None:
    bunched = estimate([answers(2.0, 2.0, 2.0, 2.0) for _ in range(10)])
    spread_out = estimate([answers(2.0, 2.0, 2.0, 2.0, offset=number * 0.2) for number in range(10)])
    assert bunched is not None
    assert spread_out is not None
    assert bunched.queries_per_second == pytest.approx(spread_out.queries_per_second)


def test_turns_that_differ_show_as_spread() -> None:
    found = estimate([answers(2.0, 2.0, 2.5)])
    assert found is not None
    assert found.spread == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("spread", "elapsed", "steady"),
    [
        (0.01, 7.0, False),
        (0.01, 8.5, True),
        (0.20, 8.5, False),
        (0.20, 10.5, True),
        (float("inf"), 11, True),
    ],
)
def test_measuring_stops_when_steady_or_after_a_while(spread: float, elapsed: float, steady: bool) -> None:
    assert is_steady(Estimate(5.0, 3, spread), elapsed) is steady


def test_nothing_measured_is_never_steady() -> None:
    assert not is_steady(None, 100.0)


def test_a_rate_near_the_middle_is_accepted_at_once() -> None:
    step = next_step([Round(1_500_000, 4.9)], BAND)
    assert (step.verdict, step.seats) == (Verdict.ACCEPT, 1_500_000)
    assert step.reason is SearchReason.NEAR_THE_MIDDLE


def test_too_fast_a_machine_gets_more_seats_in_proportion() -> None:
    step = next_step([Round(1_500_000, 9.7)], BAND)
    assert (step.verdict, step.reason, step.seats) == (Verdict.RESIZE, SearchReason.TOO_FAST, 3_000_000)


def test_too_slow_a_machine_gets_fewer_seats() -> None:
    step = next_step([Round(1_500_000, 2.425)], BAND)
    assert (step.verdict, step.reason, step.seats) == (Verdict.RESIZE, SearchReason.TOO_SLOW, 760_000)


def test_a_rate_at_the_edge_is_moved_to_the_middle_after_new_data() -> None:
    step = next_step([Round(1_500_000, 5.15)], BAND)
    assert (step.verdict, step.reason) == (Verdict.RESIZE, SearchReason.OFF_CENTRE)


def test_data_that_an_earlier_start_has_sized_are_left_alone_anywhere_in_the_band() -> None:
    step = next_step([Round(1_500_000, 5.15)], BAND, sized_before=True)
    assert (step.verdict, step.reason) == (Verdict.ACCEPT, SearchReason.IN_THE_BAND)
    assert next_step([Round(1_500_000, 5.3)], BAND, sized_before=True).verdict is Verdict.RESIZE


def test_a_lucky_look_is_averaged_with_the_others() -> None:
    looks = [Round(2_000_000, 5.0), Round(2_000_000, 6.0)]
    step = next_step(looks, BAND)
    assert step.verdict is Verdict.RESIZE
    assert step.queries_per_second == pytest.approx(5.5)
    assert step.seats == 2_260_000


def test_in_the_last_round_anywhere_in_the_band_will_do() -> None:
    step = next_step([Round(1_000_000, 5.15)] * MAXIMUM_ROUNDS, BAND)
    assert (step.verdict, step.reason) == (Verdict.ACCEPT, SearchReason.IN_THE_BAND)


def test_after_the_last_round_the_search_gives_up_and_keeps_the_seats() -> None:
    assert next_step([Round(1_000_000, 9.0)] * MAXIMUM_ROUNDS, BAND).verdict is Verdict.RESIZE
    step = next_step([Round(1_000_000, 9.0)] * (MAXIMUM_ROUNDS + FURTHER_ROUNDS), BAND)
    assert (step.verdict, step.reason) == (Verdict.GIVE_UP, SearchReason.OUT_OF_ROUNDS)
    assert step.seats == 1_000_000


@pytest.mark.parametrize(("seats", "rate"), [(MAXIMUM_SEATS, 9.0), (MINIMUM_SEATS, 1.0)])
def test_a_machine_beyond_the_bounds_is_given_up_on(seats: int, rate: float) -> None:
    step = next_step([Round(seats, rate)], BAND)
    assert (step.verdict, step.reason) == (Verdict.GIVE_UP, SearchReason.AT_THE_BOUND)


def test_one_step_is_bounded() -> None:
    assert next_step([Round(1_000_000, 500.0)], BAND).seats == 4_000_000
    assert next_step([Round(4_000_000, 0.001)], BAND).seats == 1_000_000


def test_the_search_ends_on_a_machine_whose_speed_drifts_by_a_tenth() -> None:
    speeds = [14.3e6, 12.9e6, 15.2e6, 13.1e6]
    rounds: list[Round] = []
    seats = 1_500_000
    for speed in speeds:
        rounds.append(Round(seats, speed / seats))
        step = next_step(rounds, BAND)
        if step.verdict is not Verdict.RESIZE:
            break
        seats = step.seats
    assert step.verdict is Verdict.ACCEPT
    assert BAND.holds(step.queries_per_second)


def test_a_calm_measurement_outweighs_every_disturbed_one() -> None:
    rounds = [Round(1_500_000, 2.95, calm=False), Round(900_000, 8.28)]
    step = next_step(rounds, BAND)
    assert step.queries_per_second == pytest.approx(8.28)
    assert (step.verdict, step.reason) == (Verdict.RESIZE, SearchReason.TOO_FAST)


def test_disturbed_measurements_count_while_there_is_no_calm_one() -> None:
    step = next_step([Round(1_500_000, 2.0, calm=False), Round(1_500_000, 3.0, calm=False)], BAND)
    assert step.queries_per_second == pytest.approx(2.5)
    assert step.verdict is Verdict.RESIZE


def test_new_data_are_not_believed_by_a_disturbed_measurement() -> None:
    rounds = [Round(1_500_000, 9.7), Round(3_000_000, 2.0, calm=False)]
    step = next_step(rounds, BAND)
    assert (step.verdict, step.reason) == (Verdict.MEASURE_AGAIN, SearchReason.DISTURBED)
    assert step.seats == 3_000_000


def test_without_time_left_what_is_known_has_to_do() -> None:
    edge = next_step([Round(1_500_000, 5.15)], BAND, time_left=False)
    assert (edge.verdict, edge.reason) == (Verdict.ACCEPT, SearchReason.IN_THE_BAND)
    outside = next_step([Round(1_500_000, 9.0)], BAND, time_left=False)
    assert (outside.verdict, outside.reason) == (Verdict.GIVE_UP, SearchReason.OUT_OF_ROUNDS)


def calibrated(
    monkeypatch: pytest.MonkeyPatch, looks: Sequence[Measurement], each_takes: float = 9.0
) -> tuple[Capacity, list[str]]:
    """What comes of these looks, one after another, and what was told."""
    monkeypatch.setattr(capacity, "_found", lambda _: Dataset(1, 1_500_000, 1_500_000))
    monkeypatch.setattr(capacity, "_resize", lambda *_: None)
    monkeypatch.setattr(dataset_store, "date_plan", lambda _: "Hash Join, Seq Scan on seats")
    told: list[str] = []
    taken: list[Measurement] = []

    def look() -> Measurement:
        taken.append(looks[min(len(taken), len(looks) - 1)])
        return taken[-1]

    def clock() -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=each_takes * len(taken))

    def tell(step: Step) -> None:
        told.append(step.text)

    return calibrate(create_engine("sqlite://"), StackConfig(), look, clock, tell), told


def test_a_start_disturbed_at_first_ends_with_the_calm_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy, calm = Measurement(2.95, 0.0, 34.7), Measurement(4.9, 0.0, 1.0)
    found, _ = calibrated(monkeypatch, [noisy, noisy, calm, calm])
    assert found.others_percent == 1.0
    assert found.queries_per_second == pytest.approx(4.9)


def test_a_start_that_stays_disturbed_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = calibrated(monkeypatch, [Measurement(2.0, 0.0, 50.1)], each_takes=10.0)
    assert not found.ok
    assert found.reason is not None
    assert "no more rounds" in found.reason
    assert sum("disturbed, measuring again" in text for text in told) == 3
