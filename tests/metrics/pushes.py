"""Pushes for stores on real files: stamps that jitter, come late, repeat."""

from collections.abc import Mapping, Sequence

import numpy as np

from metrics.track import STALE_BITS
from metrics.values import Labels, Pushed, labels_of
from tests.metrics.disk_store import BEGIN

STALE = float(np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0])
SERIES = tuple(labels_of({"__name__": "p", "n": str(number), "job": "pushed"}) for number in range(4))


def push(received: float, samples: Sequence[tuple[Labels, float, float]], origin: str = "pushed") -> Pushed:
    """Label set, seconds after BEGIN and value of each sample."""
    return Pushed(
        origin,
        BEGIN + received,
        tuple(labels for labels, _, _ in samples),
        BEGIN + np.array([at for _, at, _ in samples], dtype=float),
        np.array([value for _, _, value in samples], dtype=float),
    )


def stamped(received: float, values: Mapping[Labels, float], lag: float = 0.5) -> Pushed:
    """One sample of each series, a little older than the push."""
    return push(received, [(labels, received - lag, value) for labels, value in values.items()])


def history(count: int, step: float = 10.0) -> list[Pushed]:
    """Pushes of four series: two on one clock, one on another, one that comes late and in bursts."""
    made = []
    late: list[tuple[Labels, float, float]] = []
    for number in range(1, count + 1):
        at = (number - 1) * step
        samples = [(SERIES[0], at - 0.5, float(number)), (SERIES[1], at - 0.5, float(number % 7))]
        samples.append((SERIES[2], at - 1.3, float(number // 5)))
        late.append((SERIES[3], at - 0.25, float(-number)))
        if number % 13 == 0:
            samples += late[::-1]
            late = []
        made.append(push(at, samples))
    return made
