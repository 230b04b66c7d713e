"""Which number of seats to try next, so that the stack serves a wanted number of date queries a second.

A query reads every seat once, so the rate times the number of seats is the machine's speed, whatever the
number. One look at it is off by a tenth on a rented machine; so each step goes by the mean over all looks of
this start, and the rate that is believed is that mean for the present number of seats.

A look that other processes disturbed says how fast the machine is while they run, not how fast it is: such
looks count only as long as there is no calm one.

After new data were loaded the rate has to lie in the middle half of the band, because a figure at the edge
would leave it during a drill. Data that an earlier start has sized are left alone anywhere in the band.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from stack.local.dataset_store import SCHEDULES

MINIMUM_SEATS = 200_000
# About 450 MB: the table has to stay in PostgreSQL's shared memory.
MAXIMUM_SEATS = 6_800_000
# After so many rounds anywhere in the band will do; outside of it some more are made.
MAXIMUM_ROUNDS = 3
FURTHER_ROUNDS = 2
_LARGEST_FACTOR = 4.0


class Verdict(StrEnum):
    """What to do after a measurement."""

    ACCEPT = "accept"
    RESIZE = "resize"
    MEASURE_AGAIN = "measure_again"
    GIVE_UP = "give_up"


class SearchReason(StrEnum):
    """Why."""

    NEAR_THE_MIDDLE = "near the middle of the band"
    IN_THE_BAND = "in the band"
    TOO_FAST = "too fast"
    TOO_SLOW = "too slow"
    OFF_CENTRE = "at the edge of the band"
    AT_THE_BOUND = "the number of seats is at its bound"
    DISTURBED = "disturbed by other processes"
    OUT_OF_ROUNDS = "no more rounds"


@dataclass(frozen=True, slots=True)
class Band:
    """Wanted date queries a second, both ends included."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """What to aim for."""
        return (self.low + self.high) / 2

    def holds(self, rate: float) -> bool:
        """Whether the rate lies in the band."""
        return self.low <= rate <= self.high

    def is_central(self, rate: float) -> bool:
        """Whether the rate lies in the middle half of the band."""
        return abs(rate - self.middle) <= (self.high - self.low) / 4


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement: seats, date queries a second with them, and whether nothing else used the CPU."""

    seats: int
    queries_per_second: float
    calm: bool = True


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next.

    Attributes:
        verdict: accept, resize, measure again with the same seats, or give up.
        reason: why.
        seats: those to have next; those present unless resizing.
        queries_per_second: the rate that is believed for the present number of seats.
    """

    verdict: Verdict
    reason: SearchReason
    seats: int
    queries_per_second: float


def next_step(
    rounds: Sequence[Round], band: Band, *, sized_before: bool = False, time_left: bool = True
) -> NextStep:
    """Judge the measurements so far, oldest first; at least one.

    Without ``time_left`` this was the last one: the answer is to accept or to give up.
    """
    seats = rounds[-1].seats
    counted = trusted(rounds)
    rate = fmean(each.seats * each.queries_per_second for each in counted) / seats
    last = not time_left or len(rounds) >= MAXIMUM_ROUNDS + FURTHER_ROUNDS
    if rounds[-1] not in counted and not last:
        return NextStep(Verdict.MEASURE_AGAIN, SearchReason.DISTURBED, seats, rate)
    if band.is_central(rate):
        return NextStep(Verdict.ACCEPT, SearchReason.NEAR_THE_MIDDLE, seats, rate)
    if band.holds(rate) and (sized_before or last or len(rounds) >= MAXIMUM_ROUNDS):
        return NextStep(Verdict.ACCEPT, SearchReason.IN_THE_BAND, seats, rate)
    wanted = _proportional(seats, rate / band.middle)
    if wanted == seats:
        return NextStep(_last_word(rate, band), SearchReason.AT_THE_BOUND, seats, rate)
    if last:
        return NextStep(Verdict.GIVE_UP, SearchReason.OUT_OF_ROUNDS, seats, rate)
    return NextStep(Verdict.RESIZE, _why(rate, band), wanted, rate)


def trusted(rounds: Sequence[Round]) -> Sequence[Round]:
    """The rounds that count: the calm ones; all of them where none was calm."""
    return [each for each in rounds if each.calm] or rounds


def _last_word(rate: float, band: Band) -> Verdict:
    return Verdict.ACCEPT if band.holds(rate) else Verdict.GIVE_UP


def _why(rate: float, band: Band) -> SearchReason:
    if band.holds(rate):
        return SearchReason.OFF_CENTRE
    return SearchReason.TOO_FAST if rate > band.high else SearchReason.TOO_SLOW


def _proportional(seats: int, factor: float) -> int:
    bounded = min(_LARGEST_FACTOR, max(1 / _LARGEST_FACTOR, factor))
    whole = round(seats * bounded / SCHEDULES) * SCHEDULES
    return min(MAXIMUM_SEATS, max(MINIMUM_SEATS, whole))
