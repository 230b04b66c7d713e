"""All rules of one round, in the order of groups, each seeing the series of those before it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from alerts.alert_series import AlertSeries
from alerts.alert_state import Alert, AlertState, Step, without_rule
from alerts.rule import RecordingRule, Rule, RuleGroup, RuleSet
from alerts.rule_outcome import (
    Outcome,
    RuleHealth,
    RuleMoment,
    RuleStatus,
    check_unique,
    evaluate_alerting,
    samples_of,
)
from metrics.errors import ErrorKind, QueryError
from metrics.values import Labels, labels_of

AlertsByRule: TypeAlias = Mapping[str, Mapping[Labels, Alert]]


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """What a round did to the alerts.

    Attributes:
        alerts: by rule and labels, those that ended too.
        steps: their changes, in order.
        statuses: every rule, as of its last evaluation.
    """

    alerts: AlertsByRule
    steps: tuple[Step, ...]
    statuses: tuple[RuleStatus, ...]


class RuleRound:
    """Runs the groups that are due.

    Args:
        interval: seconds between rounds; a group with a longer one is skipped until it is due.
        elapsed: a clock for durations only.
    """

    def __init__(
        self, rules: RuleSet, series: AlertSeries, interval: float, elapsed: Callable[[], float]
    ) -> None:
        self._groups = rules.groups
        self._keys = frozenset(rule.key for group in rules.groups for rule in group.rules)
        self._series = series
        self._interval = interval
        self._elapsed = elapsed
        self._last: dict[int, float] = {}
        self._statuses = {
            rule.key: RuleStatus(rule, group, RuleHealth.UNKNOWN)
            for group in rules.groups
            for rule in group.rules
        }

    @property
    def statuses(self) -> tuple[RuleStatus, ...]:
        """Every rule, as of its last evaluation."""
        return tuple(self._statuses.values())

    def run(self, known: AlertsByRule, moment: RuleMoment) -> RoundOutcome:
        """Evaluate, write ``ALERTS`` and recorded series, and tell what changed."""
        alerts = {rule_key: dict(found) for rule_key, found in known.items()}
        steps = [
            without_rule(alert, moment.at)
            for rule_key, found in known.items()
            if rule_key not in self._keys
            for alert in found.values()
        ]
        for step in steps:
            alerts[step.after.rule_key][step.after.labels] = step.after
        for group, rule in self._due(moment.at):
            before = self._elapsed()
            outcome = self._guarded(rule, group, alerts.get(rule.key, {}), moment)
            alerts[rule.key] = dict(outcome.alerts)
            steps += outcome.steps
            seconds = self._elapsed() - before
            self._statuses[rule.key] = RuleStatus(
                rule, group, outcome.health, outcome.error, moment.at, seconds
            )
        return RoundOutcome(alerts, tuple(steps), self.statuses)

    def _due(self, at: float) -> Iterator[tuple[RuleGroup, Rule]]:
        for index, group in enumerate(self._groups):
            last = self._last.get(index)
            # Half a round of tolerance: rounds are an interval apart only roughly.
            if last is None or at < last or at - last > group.interval - self._interval / 2:
                self._last[index] = at
                yield from ((group, rule) for rule in group.rules)

    def _guarded(
        self, rule: Rule, group: RuleGroup, known: Mapping[Labels, Alert], moment: RuleMoment
    ) -> Outcome:
        """One rule, whatever becomes of it: a fault of ours that one of them meets must blind no other."""
        try:
            return self._run(rule, group, known, moment)
        except Exception as error:
            told = f"unexpected error: {type(error).__name__}: {error}"
            if told != self._statuses[rule.key].error:
                structlog.get_logger().exception("rule_failed_unexpectedly", rule=rule.key)
            return Outcome(RuleHealth.ERR, told, known)

    def _run(
        self, rule: Rule, group: RuleGroup, known: Mapping[Labels, Alert], moment: RuleMoment
    ) -> Outcome:
        if isinstance(rule, RecordingRule):
            return self._record(rule, group, moment)
        outcome = evaluate_alerting(rule, group, known, moment)
        active = [alert for alert in outcome.alerts.values() if alert.state is not AlertState.INACTIVE]
        self._series.write(rule.key, active, moment.at)
        return outcome

    def _record(self, rule: RecordingRule, group: RuleGroup, moment: RuleMoment) -> Outcome:
        try:
            result = moment.asker.query(rule.expr, moment.at - group.query_offset)
            samples = samples_of(result)
            labels = [
                labels_of({**dict(found.labels), **rule.labels, "__name__": rule.name}) for found in samples
            ]
            check_unique(labels)
            if group.limit and len(labels) > group.limit:
                text = f"exceeded limit of {group.limit} with {len(labels)} series"
                raise QueryError(ErrorKind.EXECUTION, text)
        except QueryError as error:
            return Outcome(RuleHealth.ERR, str(error), {})
        values = {found: sample.value for found, sample in zip(labels, samples, strict=True)}
        self._series.write_recorded(rule.key, values, moment.at)
        return Outcome(RuleHealth.OK if samples else RuleHealth.NO_DATA, None, {})
