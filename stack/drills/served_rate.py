"""How fast the stack really served while it was saturated: the capacity of that run, not of its start."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from stack.drills.result import StackSample

# Ten connections answer in bunches, and the first bunch comes seconds after they are all busy: a shorter look
# says too little, and always less than the truth.
_ENOUGH_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ServedRate:
    """Queries that ended while every connection was busy and somebody waited, and for how many seconds."""

    queries: float
    seconds: float

    @property
    def per_second(self) -> float | None:
        """Queries a second; None where the pool was not saturated for long enough to say."""
        return self.queries / self.seconds if self.seconds >= _ENOUGH_SECONDS else None


def served_rate(samples: Sequence[StackSample], since: float, until: float) -> ServedRate:
    """Over all pairs of neighbouring samples from ``since`` to ``until`` that are both saturated."""
    saturated = [
        (earlier, later)
        for earlier, later in pairwise(samples)
        if since <= earlier.at and later.at <= until and _saturated(earlier) and _saturated(later)
    ]
    return ServedRate(
        queries=sum(later.pool_uses - earlier.pool_uses for earlier, later in saturated),
        seconds=sum(later.at - earlier.at for earlier, later in saturated),
    )


def throughput(samples: Sequence[StackSample], since: float, until: float) -> float | None:
    """Queries a second in a window, saturated or not; None with fewer than two samples in it."""
    inside = [sample for sample in samples if since <= sample.at < until]
    if len(inside) < 2:
        return None
    first, last = inside[0], inside[-1]
    return (last.pool_uses - first.pool_uses) / (last.at - first.at)


def _saturated(sample: StackSample) -> bool:
    return sample.pool_active >= sample.pool_max > 0 and sample.pool_pending > 0
