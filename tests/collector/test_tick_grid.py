"""Ticks on the grid, and the clock under them."""

from itertools import pairwise

import pytest

from collector.steady_clock import Anchor, SteadyClock, followed
from collector.tick_grid import Slot, first_slot, moved_slot, phases, without_missed


def test_the_first_tick_lies_on_the_grid_and_not_in_the_past() -> None:
    assert first_slot(1.0, 0.0, 100.2).due == 101.0
    assert first_slot(1.0, 0.25, 100.2).due == 100.25
    assert first_slot(15.0, 0.0, 100.0).due == 105.0


def test_a_tick_follows_the_one_before_by_one_interval() -> None:
    assert Slot(0.5, 0.1, 10).next().due == pytest.approx(5.6)


@pytest.mark.parametrize(
    ("now", "due", "missed"), [(100.0, 100.0, 0), (100.9, 100.0, 0), (101.0, 101.0, 1), (700.3, 700.0, 600)]
)
def test_f12_missed_ticks_are_counted_once_and_only_the_latest_is_taken(
    now: float, due: float, missed: int
) -> None:
    slot, count = without_missed(Slot(1.0, 0.0, 100), now)
    assert (slot.due, count) == (due, missed)


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 86400.0, -7.0])
def test_f11_a_jump_by_whole_intervals_keeps_the_distance_to_the_tick(jump: float) -> None:
    moved = moved_slot(Slot(1.0, 0.1, 1000), jump, now=1000.05 + jump)
    assert moved.due == pytest.approx(1000.1 + jump)


@pytest.mark.parametrize("jump", [3600.4, -3600.4, 2.5, -2.5])
def test_f11_after_any_jump_the_next_tick_is_less_than_an_interval_away(jump: float) -> None:
    now = 1000.0 + jump
    moved = moved_slot(Slot(1.0, 0.0, 1000), jump, now)
    assert now - 0.25 <= moved.due <= now + 1.0
    assert moved.due == int(moved.due)


def test_targets_of_one_interval_share_a_quarter_of_a_second() -> None:
    assert phases(3, 1.0) == (0.0, 0.01, 0.02)
    assert max(phases(500, 1.0)) < 0.25
    assert max(phases(500, 0.2)) < 0.05
    assert phases(0, 1.0) == ()


def test_f11_a_small_correction_is_followed_slowly() -> None:
    anchor, jump = followed(Anchor(1000.0, 0.0), wall=1000.0, mono=1.0)
    assert jump == 0
    assert anchor.wall_at(1.0) == pytest.approx(1000.95)
    anchor, _ = followed(Anchor(1000.0, 0.0), wall=1001.01, mono=1.0)
    assert anchor.wall_at(1.0) == pytest.approx(1001.01)


def test_f11_time_never_stands_or_runs_back_while_a_second_is_taken_back() -> None:
    anchor, wall = Anchor(1000.0, 0.0), 999.0
    seen = []
    for mono in range(1, 40):
        anchor, jump = followed(anchor, wall + mono, float(mono))
        assert jump == 0
        seen.append(anchor.wall_at(float(mono)))
    assert all(0.9 < later - earlier < 1.1 for earlier, later in pairwise(seen))
    assert seen[-1] == pytest.approx(wall + 39)


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 2.1, -2.1])
def test_f11_a_large_jump_is_followed_at_once_and_told(jump: float) -> None:
    anchor, told = followed(Anchor(1000.0, 0.0), wall=1001.0 + jump, mono=1.0)
    assert told == pytest.approx(jump)
    assert anchor.wall_at(1.0) == 1001.0 + jump


def test_the_steady_clock_reads_both_clocks() -> None:
    wall, mono = [1000.0], [5.0]
    clock = SteadyClock(lambda: wall[0], lambda: mono[0])
    mono[0] = 7.0
    assert clock.now() == 1002.0
    assert clock.mono_at(1003.0) == 8.0
    wall[0] = 4602.0
    assert clock.follow() == 3600.0
    assert clock.now() == 4602.0
