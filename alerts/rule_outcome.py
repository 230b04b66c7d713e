"""One rule at one time: what its queries say of each alert, and how the alerts change.

A failed query changes no alert; it changes the rule's health. Two samples that come out with the same labels
are such a failure, as in Prometheus.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from alerts import severity
from alerts.alert_state import Alert, AlertState, Condition, Step, judge
from alerts.rule import AlertingRule, Rule, RuleGroup
from alerts.topology import Topology
from metrics.errors import ErrorKind, QueryError
from metrics.values import Asker, Labels, QueryResult, Sample, Scalar, Vector, label, labels_of


class RuleHealth(StrEnum):
    """Prometheus' ``health`` of a rule, and ``no_data``: no series at all for any of its selectors."""

    UNKNOWN = "unknown"
    OK = "ok"
    ERR = "err"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """A rule after an evaluation.

    Attributes:
        error: why it failed, None unless ``err``.
        at: time of its last evaluation (Unix seconds), None before the first.
        seconds: how long that took.
        alerts: what is pending, firing or unknown, with the newest values.
    """

    rule: Rule
    group: RuleGroup
    health: RuleHealth
    error: str | None = None
    at: float | None = None
    seconds: float = 0.0
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a rule's alerts: all of them by labels, those that ended too, and the steps taken."""

    health: RuleHealth
    error: str | None
    alerts: Mapping[Labels, Alert]
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleMoment:
    """One evaluation and what it can ask.

    Attributes:
        at: Unix seconds.
        down: origins that are down or late.
        missed: seconds since the last evaluation in which there should have been others; less than 0 where
            the clock was set back by as much.
        down_before: origins that were so in the round before, too. One late look holds an alert as it is;
            only the second one makes it unknown, or each hiccup of a busy host would be told twice.
        unseen: those that were down ever since the process started: it cannot know their series.
        started: time of the first evaluation since the process started, or since the clock was set back.
        settle: seconds from then on in which alerts from before are not judged by what is missing, at least.
        unstored: since when alerts are active that could not be stored, by rule and labels.
    """

    at: float
    down: frozenset[str]
    down_before: frozenset[str]
    unseen: frozenset[str]
    missed: float
    started: float
    asker: Asker
    topology: Topology
    settle: float = 0.0
    unstored: Mapping[tuple[str, Labels], float] = field(default_factory=dict)


def evaluate_alerting(
    rule: AlertingRule, group: RuleGroup, known: Mapping[Labels, Alert], moment: RuleMoment
) -> Outcome:
    """Ask a rule's queries and judge each of its alerts.

    Args:
        known: its alerts as they are, by labels.
    """
    asking = _Asking(rule, group, moment)
    try:
        seen = _alerts_of(rule, asking.samples, moment)
        conditions = {
            labels: asking.condition(known.get(labels), labels, labels in seen)
            for labels in {**known, **seen}
        }
        if group.limit and len(seen) > group.limit:
            text = f"exceeded limit of {group.limit} with {len(seen)} alerts"
            raise QueryError(ErrorKind.EXECUTION, text)
        health = asking.health
    except QueryError as error:
        return Outcome(RuleHealth.ERR, str(error), known)
    current = {labels: _updated(known.get(labels), seen.get(labels)) for labels in conditions}
    alerts: dict[Labels, Alert] = {}
    steps: list[Step] = []
    for labels, alert in current.items():
        taken = _judged(alert, conditions[labels], rule, moment)
        steps += taken
        if labels in known or taken:
            alerts[labels] = taken[-1].after if taken else alert
    return Outcome(health, None, alerts, tuple(steps))


def samples_of(result: QueryResult) -> tuple[Sample, ...]:
    """The samples of a rule's result; a scalar is one without labels."""
    match result:
        case Vector(samples=samples):
            return samples
        case Scalar(value=value, at=at):
            return (Sample((), value, at),)
    raise QueryError(ErrorKind.EXECUTION, "the rule's result is not a vector or a scalar")


def check_unique(labels: Iterable[Labels]) -> None:
    """Refuse label sets that occur twice."""
    seen = set[Labels]()
    for found in labels:
        if found in seen:
            raise QueryError(
                ErrorKind.EXECUTION,
                f"vector contains metrics with the same labelset after applying rule labels: {dict(found)}",
            )
        seen.add(found)


@dataclass(frozen=True)
class _Asking:
    """The queries of one rule at one time, each asked when it is first needed."""

    rule: AlertingRule
    group: RuleGroup
    moment: RuleMoment

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        return samples_of(self.moment.asker.query(self.rule.expr, self._at))

    @property
    def health(self) -> RuleHealth:
        return RuleHealth.OK if self.samples or self._origins else RuleHealth.NO_DATA

    def condition(self, alert: Alert | None, labels: Labels, is_true: bool) -> Condition | None:
        """What is to be judged, None for nothing: the alert stays as it is."""
        uncertain = self._uncertain(alert, labels)
        if uncertain:
            lasts = alert is not None and uncertain & self.moment.down_before
            return Condition.UNKNOWN if lasts else None
        if is_true:
            return Condition.TRUE
        if alert is None or self._is_too_early(alert):
            return None
        if self.rule.clear_if is None or alert.held is not AlertState.FIRING:
            return Condition.FALSE
        return self._clearing(alert)

    def _is_from_before(self, alert: Alert | None) -> bool:
        moment = self.moment
        return alert is not None and (alert.active_at < moment.started or alert.active_at > moment.at)

    def _is_too_early(self, alert: Alert) -> bool:
        """Since a restart too little was collected to tell that an older alert's condition is over."""
        enough = max(self.rule.window, self.moment.settle)
        return self._is_from_before(alert) and self.moment.at - self.moment.started < enough

    def _uncertain(self, alert: Alert | None, labels: Labels) -> frozenset[str]:
        """The origins that are down behind an alert: its own target's, or any that the rule looks at."""
        if not self.moment.down or not self.rule.may_be_unknown:
            return frozenset()
        stale = self._stale | self.moment.unseen if self._is_from_before(alert) else self._stale
        job = label(labels, "job")
        return stale & {job} if job else stale

    def _clearing(self, alert: Alert) -> Condition:
        if _any_agrees(self._cleared, alert):
            return Condition.CLEARED
        there = all(_any_agrees(samples, alert) for samples in self._presence)
        return Condition.NOT_CLEARED if there else Condition.GONE

    @property
    def _at(self) -> float:
        return self.moment.at - self.group.query_offset

    @cached_property
    def _origins(self) -> frozenset[str]:
        return self.moment.asker.origins(self.rule.expr, self._at)

    @cached_property
    def _stale(self) -> frozenset[str]:
        return self._origins & self.moment.down

    @cached_property
    def _cleared(self) -> tuple[Sample, ...]:
        return samples_of(self.moment.asker.query(self.rule.clear_if or "", self._at))

    @cached_property
    def _presence(self) -> tuple[tuple[Sample, ...], ...]:
        return tuple(
            samples_of(self.moment.asker.query(text, self._at)) for text in self.rule.clear_selectors
        )


def _any_agrees(samples: Iterable[Sample], alert: Alert) -> bool:
    """Whether a sample contradicts the alert in no label that both have."""
    labels = dict(alert.labels)
    return any(
        all(name == "__name__" or labels.get(name, value) == value for name, value in sample.labels)
        for sample in samples
    )


def _alerts_of(rule: AlertingRule, samples: Iterable[Sample], moment: RuleMoment) -> Mapping[Labels, Alert]:
    """An inactive alert for each sample, to be compared with what is known."""
    alerts = [_alert(rule, sample, moment) for sample in samples]
    check_unique(alert.labels for alert in alerts)
    return {alert.labels: alert for alert in alerts}


def _alert(rule: AlertingRule, sample: Sample, moment: RuleMoment) -> Alert:
    asked = dict(sample.labels)
    own = {name: text.expand(asked, sample.value) for name, text in rule.labels.items()}
    labels = {**asked, **own, "alertname": rule.name, "__name__": ""}
    whole = labels_of(labels)
    return Alert(
        rule=rule.name,
        labels=whole,
        annotations={name: text.expand(asked, sample.value) for name, text in rule.annotations.items()},
        state=AlertState.INACTIVE,
        held=AlertState.INACTIVE,
        active_at=moment.unstored.get((rule.key, whole), moment.at),
        fired_at=None,
        resolved_at=None,
        value=sample.value,
        component=_component(rule, asked, sample.value, moment.topology),
        severity=labels.get("severity") or severity.DEFAULT,
        incident_id=None,
        rule_key=rule.key,
    )


def _component(rule: AlertingRule, labels: Mapping[str, str], value: float, topology: Topology) -> str | None:
    """The rule's own annotation, else a label of that name, else the place of the target."""
    named = rule.component.expand(labels, value) if rule.component is not None else None
    candidates = (named, labels.get("component"), topology.of_target.get(labels.get("job", "")))
    return next((name for name in candidates if topology.knows(name)), None)


def _judged(alert: Alert, condition: Condition | None, rule: AlertingRule, moment: RuleMoment) -> list[Step]:
    return [] if condition is None else judge(alert, condition, rule.timing, moment.at, moment.missed)


def _updated(known: Alert | None, seen: Alert | None) -> Alert:
    """The known alert with the newest value and annotations."""
    if known is None or seen is None:
        found = known or seen
        assert found is not None  # noqa: S101 (every label set comes from one of the two)
        return found
    return replace(known, value=seen.value, annotations=seen.annotations)
