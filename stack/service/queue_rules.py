"""Who may enter, and when: the waiting queue's decisions, without a clock and without Valkey.

Up to N places are opened every 10 s, never beyond the cap on active users. While the cap is what holds people
back, places that come free are opened again every second: waiting for the next 10 s tick would leave a fifth
of the capacity unused. A place is taken by asking, so more users are called than there are places, by as many
as have just gone without a word.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

PERIOD_SECONDS = 10.0
REFILL_SECONDS = 1.0
TIME_SLACK = 0.02

ASK_SECONDS = 3.0
"""How often a waiting user asks."""

HEARD_SECONDS = ASK_SECONDS + 1.0
"""Who was not heard for so long has missed an ask."""

SILENT_SECONDS = (HEARD_SECONDS, 10.0)
"""Silence between these two: gone, and not yet dropped."""


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
    """The queue as Valkey has it.

    Attributes:
        oldest_since: since when (Unix seconds) the first in line waits.
        places: open and not yet taken.
        taken: ever.
        fell_silent: tokens whose silence lies within ``SILENT_SECONDS``.
    """

    waiting: int
    active: int
    oldest_since: float | None
    places: int = 0
    taken: int = 0
    fell_silent: int = 0


@dataclass(frozen=True, slots=True)
class AdmissionClock:
    """Where the scheduler stands within its period. ``taken``: places taken before the period began."""

    period_began: float
    refilled: float
    taken: int = 0
    admitted_last_period: int = 0
    cap_binds: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """How many places to open now (None: leave the door as it is), why, and the clock afterwards."""

    places: int | None
    reason: AdmissionReason
    clock: AdmissionClock


def opening(now: float) -> AdmissionClock:
    """The clock of a queue that opens at ``now``: its first period begins at once."""
    return AdmissionClock(period_began=now - PERIOD_SECONDS, refilled=now - REFILL_SECONDS)


def admission(clock: AdmissionClock, crowd: Crowd, limit: int, cap: int, now: float) -> Admission:
    """Decide how many places to open now.

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
    room = max(0, cap - crowd.active)
    if not begins and not refills:
        # A cap that was lowered meanwhile closes what is above it at once.
        return Admission(room if crowd.places > room else None, AdmissionReason.NOT_DUE, clock)
    clock = _next_period(clock, crowd.taken, now) if begins else replace(clock, refilled=now)
    allowance = max(0, limit - (crowd.taken - clock.taken))
    places = min(allowance, room, crowd.waiting)
    clock = replace(clock, cap_binds=room < min(allowance, crowd.waiting))
    return Admission(places, _reason(places, crowd, allowance, begins), clock)


def calls(places: int, crowd: Crowd) -> int:
    """How many of those heard lately to call to so many places.

    Some of them have gone since they were heard: as many as fall silent within one asking period, by the rate
    of those that fell silent before. Everybody beyond the places who does ask keeps waiting, at the head.
    """
    if places == 0:
        return 0
    seconds = SILENT_SECONDS[1] - SILENT_SECONDS[0]
    return places + math.ceil(crowd.fell_silent / seconds * HEARD_SECONDS)


def excess(crowd: Crowd, cap: int) -> int:
    """Active users above the cap."""
    return max(0, crowd.active - cap)


def may_sweep(reachable_since: float, now: float, silence: float) -> bool:
    """Whether silence is the users' own: nobody could be heard while Valkey or we were away."""
    return now - reachable_since >= silence


def _next_period(clock: AdmissionClock, taken: int, now: float) -> AdmissionClock:
    # Keep to the grid after a small delay, start a new one after a long stop.
    on_grid = clock.period_began + PERIOD_SECONDS
    began = on_grid if now - on_grid < PERIOD_SECONDS else now
    return AdmissionClock(
        period_began=began,
        refilled=now,
        taken=taken,
        admitted_last_period=taken - clock.taken if began == on_grid else 0,
        cap_binds=clock.cap_binds,
    )


def _reason(places: int, crowd: Crowd, allowance: int, begins: bool) -> AdmissionReason:
    if places:
        return AdmissionReason.PERIOD_BEGAN if begins else AdmissionReason.REFILL
    if not crowd.waiting:
        return AdmissionReason.NOBODY_WAITS
    return AdmissionReason.CAP_REACHED if allowance else AdmissionReason.ALLOWANCE_SPENT
