"""The timeline: everything that happens is one row, with its reason.

The console, the report, the drill and (later) Slack all read these rows and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | Mapping[str, JsonValue] | None"


class TimelineKind(StrEnum):
    """What sort of thing happened."""

    ALERT_PENDING = "alert_pending"
    ALERT_FIRING = "alert_firing"
    ALERT_UNKNOWN = "alert_unknown"
    ALERT_KNOWN = "alert_known"
    ALERT_RESOLVED = "alert_resolved"
    ALERT_CLEARED = "alert_cleared"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_MITIGATED = "incident_mitigated"
    INCIDENT_REOPENED = "incident_reopened"
    INCIDENT_RESOLVED = "incident_resolved"
    INCIDENT_CAUSE = "incident_cause"
    EVIDENCE = "evidence"
    ACKNOWLEDGED = "acknowledged"
    NOTE = "note"
    RUN_PLANNED = "run_planned"
    RUN_REFUSED = "run_refused"
    RUN_OBSERVED = "run_observed"
    RUN_ASKED = "run_asked"
    RUN_APPROVED = "run_approved"
    RUN_STARTED = "run_started"
    RUN_ENDED = "run_ended"
    LEVER_SET = "lever_set"
    LEVER_UNKNOWN = "lever_unknown"
    LEVER_FAILED = "lever_failed"
    LEVER_STEPPED = "lever_stepped"
    LEVER_HELD = "lever_held"
    VERIFIED = "verified"
    NOT_EFFECTIVE = "not_effective"
    RELEASING = "releasing"
    LEASE_ENDED = "lease_ended"
    LEASE_LOST = "lease_lost"
    UNDONE = "undone"
    KILL_SWITCH = "kill_switch"
    SHOWCALL = "showcall"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class NewTimelineRow:
    """A row to be written.

    Attributes:
        at: Unix seconds (UTC) at which it happened.
        incident_id: the incident it belongs to, or None for the platform as a whole.
        reason: the machine-readable reason (the value of the decision's reason enum), e.g. ``for_elapsed``.
        text: one line for a person, complete in itself, numbers with units.
        actor: ``showcall``, ``target`` or ``user:<name>``.
        run_key: the runbook run it belongs to, if any.
        details: numbers behind the text, for the page and the report.
    """

    at: float
    kind: TimelineKind
    reason: str
    text: str
    incident_id: int | None = None
    actor: str = "showcall"
    run_key: str | None = None
    details: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimelineRow(NewTimelineRow):
    """A row as stored; ``id`` grows with every append and is the cursor of readers."""

    id: int = 0
