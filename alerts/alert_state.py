"""Alerts and their states: inactive, pending, firing, and unknown when the inputs are stale."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from metrics.values import Labels


class AlertState(StrEnum):
    """State of one label set of a rule."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one label set of a rule, from the first true evaluation to the last.

    Attributes:
        rule: the alert's name, e.g. ``PoolExhausted``.
        rule_key: which rule of all, e.g. ``pool/PoolExhausted`` (group and name).
        labels: the sample's and the rule's labels, with ``alertname``.
        state: ``inactive`` once it has resolved.
        held: what it was when it became unknown; the same as ``state`` otherwise.
        active_at: Unix seconds of the first evaluation at which the condition held.
        fired_at: when it began to fire, None while pending.
        resolved_at: when it stopped firing, None before.
        value: the newest value of the rule's expression.
        component: place in the topology, None when it has none there.
        severity: ``critical``, ``warning`` or ``info``.
        incident_id: the incident it belongs to, None before it fires and for ``info`` alone.
        expected: it fired on a component behind an active lease: it joins that incident and starts nothing.
        id: key of the stored episode, 0 before it is stored.
        unknown_at: since when the state is unknown.
        keep_firing_since: when the condition went away while ``keep_firing_for`` holds it.
    """

    rule: str
    labels: Labels
    annotations: Mapping[str, str]
    state: AlertState
    held: AlertState
    active_at: float
    fired_at: float | None
    resolved_at: float | None
    value: float
    component: str | None
    severity: str
    incident_id: int | None
    expected: bool = False
    id: int = 0
    unknown_at: float | None = None
    keep_firing_since: float | None = None
    rule_key: str = ""
