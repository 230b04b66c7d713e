"""How many users arrive when: stages with linear ramps, and the arrival times that follow from them.

A stage leads from the rate reached so far to its ``target`` within its ``seconds``; zero seconds is a jump.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Stage:
    """One leg of the load.

    Attributes:
        seconds: how long the leg lasts, 0 for a jump.
        target: users per second at its end.
        name: the phase that requests issued in it are filed under.
    """

    seconds: float
    target: float
    name: str = ""

    def __post_init__(self) -> None:
        for label, value in (("seconds", self.seconds), ("target", self.target)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"stage {self.name!r}: {label} is {value} (want 0 or more)")


def duration(stages: Sequence[Stage]) -> float:
    """Seconds from the first stage's start to the last one's end."""
    return sum(stage.seconds for stage in stages)


def rate_at(start_rate: float, stages: Sequence[Stage], offset: float) -> float:
    """Users per second ``offset`` seconds after the start; 0 before and after the stages."""
    if offset < 0 or offset >= duration(stages):
        return 0.0
    rate, began = start_rate, 0.0
    for stage in stages:
        if offset < began + stage.seconds:
            return rate + (stage.target - rate) * (offset - began) / stage.seconds
        rate, began = stage.target, began + stage.seconds
    return 0.0


def stage_name_at(stages: Sequence[Stage], offset: float) -> str:
    """Name of the stage that ``offset`` falls into; the last one's after its end, "" without stages."""
    ends = accumulate(stage.seconds for stage in stages)
    for stage, end in zip(stages, ends, strict=True):
        if offset < end:
            return stage.name
    return stages[-1].name if stages else ""


def arrival_times(
    start_rate: float, stages: Sequence[Stage], seed: int = 0, jitter: float = 0.5
) -> Iterator[float]:
    """Offsets in seconds at which users arrive, ascending.

    Arrivals are evenly spaced, not Poisson: the n-th user comes when the integral of the rate reaches
    n + 1/2, moved by up to half of ``jitter`` spacings either way. Bursts then come from the stack under load
    and never from the generator's luck, and one seed always plays the same load.

    Args:
        jitter: 0 (a metronome) to below 1 (neighbours may almost meet; the order never changes).
    """
    if not 0 <= jitter < 1:
        raise ValueError(f"jitter is {jitter} (want 0 or more and below 1)")
    marks = _marks(random.Random(seed), jitter)
    rate, began, counted, mark = start_rate, 0.0, 0.0, next(marks)
    for stage in stages:
        expected = (rate + stage.target) / 2 * stage.seconds
        while mark < counted + expected:
            yield began + _seconds_until(mark - counted, rate, stage)
            mark = next(marks)
        rate, began, counted = stage.target, began + stage.seconds, counted + expected


def _marks(rng: random.Random, jitter: float) -> Iterator[float]:
    number = 0
    while True:
        yield number + 0.5 + jitter * (rng.random() - 0.5)
        number += 1


def _seconds_until(count: float, rate: float, stage: Stage) -> float:
    # The root of slope/2 t^2 + rate t = count in the form that stays exact when slope or rate is 0.
    slope = (stage.target - rate) / stage.seconds
    return 2 * count / (rate + math.sqrt(max(0.0, rate * rate + 2 * slope * count)))
