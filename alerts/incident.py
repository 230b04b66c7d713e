"""Incidents: alerts that share one failure path."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from alerts.why import WhyCard


class IncidentState(StrEnum):
    """``mitigated``: alerts clear while a lease is still held. Acknowledged is a mark, not a state."""

    OPEN = "open"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Peak:
    """The worst value of one effect during the incident, and when (Unix seconds)."""

    title: str
    value: float
    unit: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as stored.

    Attributes:
        title: what is wrong, for a person.
        cause: the deepest saturated component, None when its alerts have no place in the topology.
        severity: the highest of its alerts.
        why: the why card frozen at the opening.
        peak: by ``component.title`` of the topology's effects, e.g. ``pool.waiting``.
        quiet_since: since when nothing holds it open (no alert, no lease), None while something does.
        reopened_at: the times at which alerts came back after a mitigation.
    """

    id: int
    title: str
    state: IncidentState
    cause: str | None
    severity: str
    opened_at: float
    mitigated_at: float | None = None
    resolved_at: float | None = None
    acknowledged_by: str | None = None
    acknowledged_at: float | None = None
    why: WhyCard | None = None
    peak: Mapping[str, Peak] = field(default_factory=dict)
    quiet_since: float | None = None
    reopened_at: tuple[float, ...] = ()
