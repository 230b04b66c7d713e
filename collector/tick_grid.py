"""When a target is due: ticks on the wall-clock grid of its interval, moved by its phase."""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

PHASE_STEP_SECONDS = 0.01
PHASE_WINDOW_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Slot:
    """One tick of one thing.

    Attributes:
        interval, phase: seconds; ticks are at ``number * interval + phase`` in Unix time.
        number: of the tick, counted from the epoch.
    """

    interval: float
    phase: float
    number: int

    @property
    def due(self) -> float:
        """Unix seconds."""
        return self.number * self.interval + self.phase

    def next(self) -> "Slot":
        """The tick after this one."""
        return Slot(self.interval, self.phase, self.number + 1)


def first_slot(interval: float, phase: float, now: float) -> Slot:
    """The first tick that is not in the past."""
    return Slot(interval, phase, math.ceil((now - phase) / interval))


def last_slot(interval: float, now: float) -> Slot:
    """The last tick, without a phase, that is not in the future."""
    return Slot(interval, 0.0, math.floor(now / interval))


def moved_slot(slot: Slot, jump: float, now: float) -> Slot:
    """What a slot becomes when the wall clock was set by ``jump`` seconds: the tick nearest to its old place.

    Not one that is over by more than a quarter of an interval, so that the loop is not late by the jump.
    """
    nearest = Slot(slot.interval, slot.phase, round((slot.due + jump - slot.phase) / slot.interval))
    return nearest if nearest.due >= now - slot.interval / 4 else nearest.next()


def without_missed(slot: Slot, now: float) -> tuple[Slot, int]:
    """The latest tick that is due, and how many before it were missed: counted, never made up for."""
    missed = max(math.floor((now - slot.due) / slot.interval), 0)
    return Slot(slot.interval, slot.phase, slot.number + missed), missed


def bundles(names: Sequence[str], together: Container[str], most: int) -> tuple[tuple[str, ...], ...]:
    """Names that share a phase: up to ``most`` of those that may be together, each other one alone."""
    shared = [name for name in names if name in together]
    alone = [(name,) for name in names if name not in together]
    return (*(tuple(shared[start : start + most]) for start in range(0, len(shared), most)), *alone)


def phases(count: int, interval: float) -> tuple[float, ...]:
    """Seconds after the tick for each of ``count`` things on one interval.

    They follow each other closely, so that a round is whole soon, and all lie within a quarter of a second
    (or of the interval, if that is under a second).
    """
    window = min(PHASE_WINDOW_SECONDS, interval / 4)
    step = min(PHASE_STEP_SECONDS, window / max(count, 1))
    return tuple(index * step for index in range(count))
