"""How often a runbook may act, from its runs in the database, so that a restart forgets nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from runbooks.run import Run
from runbooks.runbook import Limits

HOUR = 3600.0


class LimitReason(StrEnum):
    """Which limit says no."""

    COOLDOWN = "cooldown"
    PER_HOUR = "per_hour"


@dataclass(frozen=True, slots=True)
class Limited:
    """A limit that says no, until when (Unix seconds), in words."""

    reason: LimitReason
    until: float
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used of a runbook's limits.

    Attributes:
        cooling_until: end of the cooldown (Unix seconds), None when it is over.
        started: when its runs of the last hour began, oldest first.
    """

    cooling_until: float | None
    started: tuple[float, ...]


def counted_since(limits: Limits, now: float) -> float:
    """From when on runs count: those of an hour, and those that may still cool down."""
    return now - max(HOUR, limits.cooldown)


def usage(limits: Limits, runs: Sequence[Run], now: float) -> Usage:
    """What is used now.

    A clock that was set back cannot make a limit eternal: times in the future count as now.
    """
    started = sorted(min(run.started_at, now) for run in runs if run.started_at is not None)
    ended = [
        min(run.ended_at, now) for run in runs if run.ended_at is not None and run.started_at is not None
    ]
    until = max(ended, default=-HOUR) + limits.cooldown
    cooling = until if ended and now < until else None
    return Usage(cooling, tuple(at for at in started if at > now - HOUR))


def limited(limits: Limits, runs: Sequence[Run], now: float) -> Limited | None:
    """The limit that forbids a run now, or None."""
    used = usage(limits, runs, now)
    if used.cooling_until is not None:
        left = used.cooling_until - now
        text = f"cools down for {left:.0f} s more (cooldown {limits.cooldown:.0f} s)"
        return Limited(LimitReason.COOLDOWN, used.cooling_until, text)
    if len(used.started) >= limits.per_hour:
        text = f"acted {len(used.started)} times within the hour (at most {limits.per_hour})"
        return Limited(LimitReason.PER_HOUR, used.started[-limits.per_hour] + HOUR, text)
    return None
