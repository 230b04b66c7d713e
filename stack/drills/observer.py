"""What a drill wants to see of the platform that it puts to the test: its timeline and its incidents.

Whoever runs both sides implements ``Observer``; the stack knows no more of the platform than this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class EventKind(StrEnum):
    """The kinds of timeline rows that a drill times or counts; any other is shown and kept, nothing more."""

    ALERT_FIRING = "alert_firing"
    RUN_OBSERVED = "run_observed"
    LEVER_SET = "lever_set"
    RELEASING = "releasing"
    INCIDENT_REOPENED = "incident_reopened"
    INCIDENT_RESOLVED = "incident_resolved"


@dataclass(frozen=True, slots=True)
class ObservedEvent:
    """One timeline row; ``kind`` is a plain word, ``at`` Unix seconds, ``details`` JSON values."""

    id: int
    at: float
    incident_id: int | None
    kind: str
    reason: str
    text: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ObservedIncident:
    """One incident; ``state`` is open, mitigated or resolved."""

    id: int
    state: str
    opened_at: float
    mitigated_at: float | None
    resolved_at: float | None


class Observer(Protocol):
    """Called from a thread of the drill, one call at a time, a few times a second."""

    def events(self) -> Sequence[ObservedEvent]:
        """Timeline rows that are new since the last call, oldest first; the first call may return all."""

    def incidents(self) -> Sequence[ObservedIncident]:
        """Every incident that is unresolved, and at least those opened in the last ten minutes."""
