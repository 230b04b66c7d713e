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


def limited(limits: Limits, runs: Sequence[Run], now: float) -> Limited | None:
    """The limit that forbids a run now, or None.

    A clock that was set back cannot make a limit eternal: times in the future count as now.
    """
    started = sorted(min(run.started_at, now) for run in runs if run.started_at is not None)
    ended = [
        min(run.ended_at, now) for run in runs if run.ended_at is not None and run.started_at is not None
    ]
    if ended and now < max(ended) + limits.cooldown:
        until = max(ended) + limits.cooldown
        text = f"cools down for {until - now:.0f} s more (cooldown {limits.cooldown:.0f} s)"
        return Limited(LimitReason.COOLDOWN, until, text)
    within = [at for at in started if at > now - HOUR]
    if len(within) >= limits.per_hour:
        text = f"acted {len(within)} times within the hour (at most {limits.per_hour})"
        return Limited(LimitReason.PER_HOUR, within[-limits.per_hour] + HOUR, text)
    return None
