"""When a job is due: local times over clock changes, and clocks that were wrong."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekeeping.schedule import DailyAt, Every, first_due, latest_due, local_day, next_due

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-22T00:00:00", "2026-11-22T03:30:00"),
        ("2026-11-22T03:29:59", "2026-11-22T03:30:00"),
        ("2026-11-22T03:30:00", "2026-11-23T03:30:00"),
        ("2026-12-31T23:59:59", "2027-01-01T03:30:00"),
    ],
)
def test_a_daily_job_is_due_at_the_next_such_time_of_day(now: str, due: str) -> None:
    assert next_due(DailyAt("03:30", "Asia/Seoul"), at(now, "Asia/Seoul")) == at(due, "Asia/Seoul")


def test_a_time_of_day_that_a_clock_change_skips_is_an_hour_later_on_the_clock() -> None:
    due = next_due(DailyAt("02:30", BERLIN), at("2026-03-29T00:00:00", BERLIN))
    assert due == at("2026-03-29T03:30:00", BERLIN)


def test_a_time_of_day_that_comes_twice_counts_once() -> None:
    schedule = DailyAt("02:30", BERLIN)
    first = at("2026-10-25T02:30:00", BERLIN, fold=0)
    second = at("2026-10-25T02:30:00", BERLIN, fold=1)
    assert second - first == 3600
    assert next_due(schedule, first - 1) == first
    assert next_due(schedule, first) == at("2026-10-26T02:30:00", BERLIN)
    assert latest_due(schedule, second) == first


@given(
    now=st.floats(1_700_000_000, 2_000_000_000),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Seoul", "UTC"]),
)
def test_a_day_has_exactly_one_due_time_whatever_the_clocks_do(
    now: float, hour: int, minute: int, zone: str
) -> None:
    schedule = DailyAt(f"{hour:02}:{minute:02}", zone)
    before, after = latest_due(schedule, now), next_due(schedule, now)
    assert before <= now < after
    assert 22 * 3600 <= after - before <= 26 * 3600
    assert latest_due(schedule, after) == after
    assert (local_day(zone, after) - local_day(zone, before)).days == 1


def test_an_interval_is_due_at_once_and_then_again_after_so_long() -> None:
    assert first_due(Every(60.0), 1000.0) == 1000.0
    assert next_due(Every(60.0), 1000.0) == 1060.0
