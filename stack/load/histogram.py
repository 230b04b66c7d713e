"""Latency histograms with logarithmic buckets, and exact percentiles of a list."""

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence

GROWTH = 1.002
"""Ratio of neighbouring bucket edges: a value read back is within 0.1 % of the one recorded."""

SMALLEST = 1e-6
"""Seconds; everything shorter shares the first bucket."""

_LOG_GROWTH = math.log(GROWTH)


class LatencyHistogram:
    """Counts per logarithmic bucket, in the manner of HdrHistogram: three significant digits at any scale.

    Memory grows with the number of different buckets, not with the number of values.
    """

    __slots__ = ("_buckets", "count", "maximum", "total")

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.total = 0.0
        self.maximum = 0.0

    def record(self, seconds: float) -> None:
        """Count one latency; negative ones (a clock's rounding) count as 0."""
        value = max(0.0, seconds)
        self._buckets[_bucket(value)] += 1
        self.count += 1
        self.total += value
        self.maximum = max(self.maximum, value)

    def merge(self, other: "LatencyHistogram") -> None:
        """Add the counts of another histogram."""
        self._buckets.update(other._buckets)
        self.count += other.count
        self.total += other.total
        self.maximum = max(self.maximum, other.maximum)

    def percentile(self, percent: float) -> float | None:
        """The smallest latency that at least ``percent`` % of the values do not exceed; None when empty."""
        rank = _rank(percent, self.count)
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                return min(_middle(bucket), self.maximum)
        return None

    @property
    def mean(self) -> float | None:
        """Mean latency in seconds, exact; None when empty."""
        return self.total / self.count if self.count else None


class RecentLatencies:
    """One histogram per second of the last ``seconds``, merged on reading: percentiles of just now."""

    def __init__(self, seconds: int = 10) -> None:
        self._seconds = seconds
        self._slots: deque[tuple[int, LatencyHistogram]] = deque()

    def record(self, at: float, latency: float) -> None:
        """Count a latency that became known at ``at`` (seconds on the caller's clock, ascending)."""
        second = int(at)
        if not self._slots or self._slots[-1][0] != second:
            self._slots.append((second, LatencyHistogram()))
        self._slots[-1][1].record(latency)

    def merged(self, now: float) -> LatencyHistogram:
        """Everything counted within the window that ends at ``now``."""
        while self._slots and self._slots[0][0] <= int(now) - self._seconds:
            self._slots.popleft()
        whole = LatencyHistogram()
        for _, histogram in self._slots:
            whole.merge(histogram)
        return whole


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The smallest value that at least ``percent`` % do not exceed (nearest rank); None when empty."""
    ordered: Sequence[float] = sorted(values)
    return ordered[_rank(percent, len(ordered)) - 1] if ordered else None


def _rank(percent: float, count: int) -> int:
    if not 0 <= percent <= 100:
        raise ValueError(f"percentile {percent} (want 0 to 100)")
    # Nine decimals take back what binary fractions add: 99.9 % of 1000 is 999, not 1000.
    return max(1, math.ceil(round(percent / 100 * count, 9)))


def _bucket(value: float) -> int:
    return max(0, math.ceil(math.log(value / SMALLEST) / _LOG_GROWTH)) if value > SMALLEST else 0


def _middle(bucket: int) -> float:
    return SMALLEST * math.exp((bucket - 0.5) * _LOG_GROWTH) if bucket else SMALLEST
