"""Rules as they are evaluated: checked, with their templates read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from alerts.alert_state import Timing
from alerts.evidence_choice import Choice
from alerts.template import Template


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """A Prometheus alerting rule with what we read from its annotations.

    Attributes:
        key: unique over all rules and stable over restarts, e.g. ``pool/PoolExhausted``.
        expr: PromQL; a sample in its result is an alert.
        labels, annotations: templates, without the annotations that are PromQL.
        clear_if: PromQL; once firing, the alert clears only when this returns a sample that agrees with it.
        clear_selectors: the selectors in ``clear_if``, to tell "not clear yet" from "its series are gone".
        component: the component's name or a template of it; None to go by the target of the series.
        evidence: what an incident with it keeps; None for everything that touches the failure path.
        may_be_unknown: False for rules on ``up`` and ``absent()``, which speak of targets that are down.
        window: seconds into the past that the expressions look; until so much has been collected after a
            start, an alert that was there before is not judged by what is missing.
        file, line: where it is written.
    """

    key: str
    group: str
    name: str
    expr: str
    timing: Timing
    labels: Mapping[str, Template]
    annotations: Mapping[str, Template]
    clear_if: str | None
    clear_selectors: tuple[str, ...]
    component: Template | None
    evidence: Choice | None
    may_be_unknown: bool
    window: float
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A Prometheus recording rule: the result of ``expr`` is kept as the series ``name``."""

    key: str
    group: str
    name: str
    expr: str
    labels: Mapping[str, str]
    file: str
    line: int


Rule: TypeAlias = AlertingRule | RecordingRule


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated in order, every ``interval`` seconds, ``query_offset`` seconds in the past.

    Attributes:
        limit: alerts or series that one rule may give; more are an error of the rule. 0 is no limit.
    """

    name: str
    file: str
    interval: float
    limit: int
    query_offset: float
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class RuleSet:
    """All rules, in the order of files and groups."""

    groups: tuple[RuleGroup, ...]

    @cached_property
    def alerting(self) -> tuple[AlertingRule, ...]:
        """The alerting rules of all groups."""
        return tuple(rule for group in self.groups for rule in group.rules if isinstance(rule, AlertingRule))
