"""Who is let in, and when: the waiting queue's decisions, without a clock and without Valkey.

Up to N users are admitted every 10 s, never beyond the cap on active users. While the cap is what holds
people back, slots that come free are filled again every second: waiting for the next 10 s tick would leave
a fifth of the capacity unused.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

PERIOD_SECONDS = 10.0
REFILL_SECONDS = 1.0
TIME_SLACK = 0.02


class AdmissionReason(StrEnum):
    """Why so many, or nobody."""

    PERIOD_BEGAN = "period_began"
    REFILL = "refill"
    CAP_REACHED = "cap_reached"
    ALLOWANCE_SPENT = "allowance_spent"
    NOBODY_WAITS = "nobody_waits"
    NOT_DUE = "not_due"


@dataclass(frozen=True, slots=True)
class Crowd:
    """The queue as Valkey has it. ``oldest_since``: since when (Unix seconds) the first in line waits."""

    waiting: int
    active: int
    oldest_since: float | None


@dataclass(frozen=True, slots=True)
class AdmissionClock:
    """Where the scheduler stands within its period. ``admitted``: let in so far in this period."""

    period_began: float
    refilled: float
    admitted: int = 0
    admitted_last_period: int = 0
    cap_binds: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """How many to let in now, why, and the clock afterwards."""

    count: int
    reason: AdmissionReason
    clock: AdmissionClock


def opening(now: float) -> AdmissionClock:
    """The clock of a queue that opens at ``now``: its first period begins at once."""
    return AdmissionClock(period_began=now - PERIOD_SECONDS, refilled=now - REFILL_SECONDS)


def admission(clock: AdmissionClock, crowd: Crowd, limit: int, cap: int, now: float) -> Admission:
    """Decide how many users enter now.

    Args:
        clock: as the last decision left it.
        crowd: read just before.
        limit: users per period.
        cap: active users at most.
        now: Unix seconds.
    """
    if crowd.waiting and crowd.active >= cap:
        clock = replace(clock, cap_binds=True)
    begins = now - clock.period_began >= PERIOD_SECONDS - TIME_SLACK
    refills = clock.cap_binds and now - clock.refilled >= REFILL_SECONDS - TIME_SLACK
    if not begins and not refills:
        return Admission(0, AdmissionReason.NOT_DUE, clock)
    clock = _next_period(clock, now) if begins else replace(clock, refilled=now)
    allowance = max(0, limit - clock.admitted)
    room = max(0, cap - crowd.active)
    count = min(allowance, room, crowd.waiting)
    clock = replace(clock, admitted=clock.admitted + count, cap_binds=room < min(allowance, crowd.waiting))
    return Admission(count, _reason(count, crowd, allowance, begins), clock)


def excess(crowd: Crowd, cap: int) -> int:
    """Active users above the cap."""
    return max(0, crowd.active - cap)


def may_sweep(reachable_since: float, now: float, silence: float) -> bool:
    """Whether silence is the users' own: nobody could be heard while Valkey or we were away."""
    return now - reachable_since >= silence


def _next_period(clock: AdmissionClock, now: float) -> AdmissionClock:
    # Keep to the grid after a small delay, start a new one after a long stop.
    on_grid = clock.period_began + PERIOD_SECONDS
    began = on_grid if now - on_grid < PERIOD_SECONDS else now
    return AdmissionClock(
        period_began=began,
        refilled=now,
        admitted_last_period=clock.admitted if began == on_grid else 0,
        cap_binds=clock.cap_binds,
    )


def _reason(count: int, crowd: Crowd, allowance: int, begins: bool) -> AdmissionReason:
    if count:
        return AdmissionReason.PERIOD_BEGAN if begins else AdmissionReason.REFILL
    if not crowd.waiting:
        return AdmissionReason.NOBODY_WAITS
    return AdmissionReason.CAP_REACHED if allowance else AdmissionReason.ALLOWANCE_SPENT
