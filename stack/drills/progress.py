"""What a person who watches a drill is told while it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from stack.drills.observer import ObservedEvent
from stack.drills.result import StackSample
from stack.load.engine import Snapshot


class ProgressKind(StrEnum):
    """What sort of line it is."""

    PHASE = "phase"
    TIMELINE = "timeline"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class DrillProgress:
    """One line; ``event`` is the timeline row behind it, for that kind."""

    at: float
    kind: ProgressKind
    text: str
    event: ObservedEvent | None = None


OnProgress = Callable[[DrillProgress], None]
"""Called from the event loop that also plays the load: it must return quickly."""


def load_line(snapshot: Snapshot, sample: StackSample | None, date_p95: float | None, cap_lever: str) -> str:
    """The load's state in one line; numbers that are not known yet are left as a dash."""
    cap = sample.lever(cap_lever) if sample else None
    parts = [
        f"{snapshot.phase:<7} {snapshot.elapsed:5.0f} s",
        f"{snapshot.rate:.1f} users/s",
        f"waiting {_whole(sample.queue_waiting if sample else None)}",
        f"active {_whole(sample.queue_active if sample else None)} of {cap.value if cap else '-'}",
        f"pending {_whole(sample.pool_pending if sample else None)}",
        f"p95 {'-' if date_p95 is None else f'{date_p95:.1f} s'}",
        f"failures {snapshot.failed}",
    ]
    return "  ".join(parts)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
