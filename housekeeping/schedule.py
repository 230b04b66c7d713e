"""When a job is due. Pure: wall-clock time in, wall-clock time out."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo

_UTC_NAME = "UTC"


@dataclass(frozen=True, slots=True)
class Every:
    """Again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class DailyAt:
    """Once a day at a local time of day.

    A time that a clock change skips counts as the moment as far after the change (02:30 becomes 03:30); of a
    time that comes twice only the first counts.

    Attributes:
        at: ``HH:MM``.
        timezone: a name of the tz database, or ``UTC``.
    """

    at: str
    timezone: str


Schedule: TypeAlias = Every | DailyAt


def first_due(schedule: Schedule, now: float) -> float:
    """When a job that never ran is due: an interval at once, a time of day when it comes."""
    return now if isinstance(schedule, Every) else next_due(schedule, now)


def next_due(schedule: Schedule, now: float) -> float:
    """The first time after ``now`` (Unix seconds) at which the job is due."""
    if isinstance(schedule, Every):
        return now + schedule.seconds
    return next(at for at in _days_around(schedule, now) if at > now)


def latest_due(schedule: DailyAt, now: float) -> float:
    """The last time up to ``now`` (Unix seconds) at which the job was due."""
    return max(at for at in _days_around(schedule, now) if at <= now)


def local_day(timezone: str, at: float) -> date:
    """The calendar day of a moment."""
    return datetime.fromtimestamp(at, zone(timezone)).date()


def zone(timezone: str) -> tzinfo:
    """The time zone; UTC where the system has no tz database at all."""
    return UTC if timezone == _UTC_NAME else ZoneInfo(timezone)


def _days_around(schedule: DailyAt, now: float) -> list[float]:
    today = local_day(schedule.timezone, now)
    return [_instant(schedule, today + timedelta(days=offset)) for offset in range(-2, 4)]


def _instant(schedule: DailyAt, day: date) -> float:
    local = datetime.combine(day, time.fromisoformat(schedule.at), zone(schedule.timezone))
    return local.timestamp()
