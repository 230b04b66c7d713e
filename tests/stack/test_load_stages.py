import pytest

from stack.load.stages import Stage, arrival_times, rate_at, stage_name_at


def test_a_stage_ramps_linearly_from_where_the_last_one_ended() -> None:
    stages = (Stage(10, 4), Stage(0, 20), Stage(10, 20), Stage(10, 0))
    rates = [rate_at(2, stages, offset) for offset in (0, 5, 9.999, 10, 19, 25, 30)]
    assert rates == pytest.approx([2, 3, 4, 20, 20, 10, 0], abs=0.001)


def test_as_many_users_arrive_as_the_area_under_the_ramp_says() -> None:
    stages = (Stage(20, 0.3), Stage(0, 5), Stage(90, 5), Stage(10, 0))
    arrivals = list(arrival_times(0.3, stages))
    assert len([t for t in arrivals if t < 20]) == 6
    assert len([t for t in arrivals if 20 <= t < 110]) in (449, 450, 451)
    assert len(arrivals) in (480, 481, 482)


def test_arrivals_are_in_order_and_inside_the_stages_whatever_the_jitter() -> None:
    arrivals = list(arrival_times(0, (Stage(5, 50), Stage(5, 0)), seed=3, jitter=0.99))
    assert arrivals == sorted(arrivals)
    assert arrivals[0] >= 0
    assert arrivals[-1] <= 10


def test_without_jitter_a_constant_rate_is_a_metronome() -> None:
    assert list(arrival_times(2, (Stage(2, 2),), jitter=0)) == pytest.approx([0.25, 0.75, 1.25, 1.75])


def test_one_seed_plays_one_load_and_another_seed_another() -> None:
    stages = (Stage(30, 10),)
    assert list(arrival_times(0, stages, seed=1)) == list(arrival_times(0, stages, seed=1))
    assert list(arrival_times(0, stages, seed=1)) != list(arrival_times(0, stages, seed=2))


def test_a_ramp_from_nothing_and_a_pause_bring_nobody_at_rate_zero() -> None:
    arrivals = list(arrival_times(0, (Stage(10, 0), Stage(10, 2), Stage(0, 0), Stage(10, 0))))
    assert len(arrivals) == 10
    assert 10 < arrivals[0] < arrivals[-1] < 20


def test_an_instant_belongs_to_the_stage_it_falls_into() -> None:
    stages = (Stage(20, 1, "healthy"), Stage(0, 5, "surge"), Stage(90, 5, "surge"), Stage(60, 0, "tail"))
    assert [stage_name_at(stages, at) for at in (0, 20, 109.9, 110, 500)] == [
        "healthy",
        "surge",
        "surge",
        "tail",
        "tail",
    ]


@pytest.mark.parametrize(("seconds", "target"), [(-1, 1), (1, -1), (float("nan"), 1), (1, float("inf"))])
def test_an_impossible_stage_is_refused_with_its_name(seconds: float, target: float) -> None:
    with pytest.raises(ValueError, match="stage 'surge'"):
        Stage(seconds, target, "surge")
