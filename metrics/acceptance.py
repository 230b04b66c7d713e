"""Which samples with timestamps of their own are taken: Prometheus' rules, judged by when they came.

Prometheus compares with the newest sample that its head holds; here that is the clock of the push, which is
the same where anything is scraped at all, and does not go wrong with a sample from the future.
"""

from enum import Enum, auto

LATE_MS = 600_000
"""How much older than its push a sample may be that is not the newest of its series."""
AHEAD_MS = 600_000
"""How much newer than its push a sample may be."""
_MOST_REACH_MS = 3_600_000


class Verdict(Enum):
    """What is to become of a sample."""

    IN_ORDER = auto()
    LATE = auto()
    SAME = auto()
    DUPLICATE = auto()
    TOO_OLD = auto()
    OUT_OF_BOUNDS = auto()


STORED = frozenset({Verdict.IN_ORDER, Verdict.LATE})


def reach(keep_ms: int) -> int:
    """How much older than its push the newest sample of a series may be.

    As long as memory keeps samples, so that a stamp which never changes is known for as long as it is taken,
    and at most an hour, as with Prometheus.
    """
    return max(LATE_MS, min(_MOST_REACH_MS, keep_ms))


def judged(at: int, newest: int | None, received: int, reach_ms: int) -> Verdict:
    """The verdict on a sample at a time (ms) that its series has no sample at yet.

    Args:
        newest: of the samples of its series; None for a new one.
        received: when the push came.
    """
    if at > received + AHEAD_MS:
        return Verdict.OUT_OF_BOUNDS
    if newest is None or at > newest:
        return Verdict.IN_ORDER if at >= received - reach_ms else Verdict.OUT_OF_BOUNDS
    return Verdict.LATE if at >= received - LATE_MS else Verdict.TOO_OLD
