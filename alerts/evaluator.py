"""Asks every rule once per round, moves alerts and incidents, and writes what changed as one transaction.

SQL is the only truth for state and for how long it has lasted; the copy in memory equals it, so that a round
in which nothing changes costs no transaction, and a process killed at any moment goes on where it was.
While SQL takes nothing, rules are evaluated and shown all the same, and ``for`` goes on counting in memory;
so too while it cannot even be read, then from what was known last, of which nothing is ever stored.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts import timeline_store
from alerts.alert_rows import alert_row, rule_failed_row, rule_works_row
from alerts.alert_series import AlertSeries, Append
from alerts.alert_state import Alert, AlertState, Step
from alerts.changes import Changes, Remembered, after, recall, store
from alerts.held_lease import HeldLeases
from alerts.incident import Incident, IncidentStep
from alerts.incident_work import IncidentOutcome, IncidentWork
from alerts.rule import RuleSet
from alerts.rule_outcome import RuleHealth, RuleMoment, RuleStatus
from alerts.rule_round import RoundOutcome, RuleRound
from alerts.timeline import NewTimelineRow, TimelineKind, TimelineRow
from alerts.topology import Topology
from database import Database
from metrics.values import Asker, Labels

_MISSED_ROUNDS = 5
_SETTLE_SECONDS = 60.0
"""After a clock was set back: until targets with long intervals were looked at twice."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of one round.

    Attributes:
        at: Unix seconds.
        steps: changes of alerts, in order.
        opened: new incidents, stored; ``incidents``: changes of those there were.
        rules: every rule with its health and its alerts.
        problem: why nothing could be stored (then nothing has changed), None when all is well.
    """

    at: float
    steps: tuple[Step, ...] = ()
    opened: tuple[Incident, ...] = ()
    incidents: tuple[IncidentStep, ...] = ()
    rules: tuple[RuleStatus, ...] = ()
    problem: str | None = None


class Evaluator:
    """Called once per round by one thread; ``rules`` may be read by any.

    Args:
        asker: answers PromQL; ``append`` takes ``ALERTS`` and what recording rules give.
        held: levers away from their baseline.
        quiet: seconds without alert and lease before an incident is resolved.
        interval: seconds between rounds.
        elapsed: a clock for durations only.
    """

    def __init__(
        self,
        rules: RuleSet,
        topology: Topology,
        *,
        asker: Asker,
        append: Append,
        database: Database,
        held: HeldLeases,
        quiet: float = 20.0,
        interval: float = 1.0,
        elapsed: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._topology = topology
        self._asker = asker
        self._database = database
        self._interval = interval
        self._round = RuleRound(rules, AlertSeries(append), interval, elapsed)
        self._incidents = IncidentWork(topology, asker, held, self._first_lever_set, quiet=quiet)
        self._memory: Remembered | None = None
        self._known_last = Remembered({}, {}, frozenset())
        self._unstored: dict[tuple[str, Labels], float] = {}
        self._started: float | None = None
        self._unseen = frozenset[str]()
        self._down_before = frozenset[str]()
        self._last: float | None = None
        self._set_back = self._settle = 0.0
        self.rules: tuple[RuleStatus, ...] = self._round.statuses

    def evaluate(self, at: float, down: frozenset[str]) -> Evaluation:
        """One round.

        A failure of the database changes no state: what was committed is read back before the next round.
        The round after a clock that was set back judges nothing, because the store cannot see for as long.

        Args:
            at: Unix seconds; rounds are one interval apart.
            down: origins that are down or late.
        """
        if self._is_set_back(at):
            return Evaluation(at, rules=self.rules)
        try:
            return self._evaluated(self._moment(at, down))
        except SQLAlchemyError as error:
            self._memory = None
            problem = f"alerts could not be stored: {type(error).__name__}: {str(error).splitlines()[0]}"
            structlog.get_logger().error("evaluation_not_stored", problem=problem, at=at)
            return Evaluation(at, rules=self.rules, problem=problem)

    def forget(self) -> None:
        """Somebody else may have written: the next round reads back what is stored."""
        self._memory = None

    def _is_set_back(self, at: float) -> bool:
        if self._last is None or at >= self._last:
            return False
        self._set_back += at - self._last - self._interval
        self._settle = _SETTLE_SECONDS
        self._last = self._started = at
        return True

    def _moment(self, at: float, down: frozenset[str]) -> RuleMoment:
        gap = 0.0 if self._last is None else at - self._last - self._interval
        missed = (gap if gap > _MISSED_ROUNDS * self._interval else 0.0) + self._set_back
        self._last, self._set_back = at, 0.0
        self._unseen = down if self._started is None else self._unseen & down
        self._started = at if self._started is None else min(self._started, at)
        down_before, self._down_before = self._down_before, down
        unstored, self._unstored = self._unstored, {}
        return RuleMoment(
            at=at,
            down=down,
            down_before=down_before,
            unseen=self._unseen,
            missed=missed,
            started=self._started,
            settle=self._settle,
            asker=self._asker,
            topology=self._topology,
            unstored={key: since + missed for key, since in unstored.items()},
        )

    def _evaluated(self, moment: RuleMoment) -> Evaluation:
        try:
            memory = self._memory or self._recalled()
        except SQLAlchemyError:
            self._in_memory(self._round.run(self._known_last.alerts, moment), moment)
            raise
        ran = self._round.run(memory.alerts, moment)
        try:
            grouped = self._incidents.work(list(_active(ran)), memory.incidents, moment.at)
            changes = _changes(ran, grouped, memory, moment.at)
            stored = self._stored(changes, replace(memory, alerts=_without_ended(ran)), moment.at)
        except SQLAlchemyError:
            self._known_last = memory
            self._in_memory(ran, moment)
            raise
        self._unstored = _not_asked(ran, moment)
        self._memory = self._known_last = stored
        self.rules = _with_alerts(ran.statuses, stored)
        opened = tuple(
            incident for incident in stored.incidents.values() if incident.id not in memory.incidents
        )
        return Evaluation(moment.at, ran.steps, opened, grouped.steps, self.rules)

    def _in_memory(self, ran: RoundOutcome, moment: RuleMoment) -> None:
        """A round that cannot be stored is shown, and counts on."""
        active = {_key(alert): alert.active_at for alert in _active(ran) if not alert.id}
        self._unstored = _not_asked(ran, moment) | active
        self.rules = _with_alerts(ran.statuses, replace(self._known_last, alerts=_without_ended(ran)))

    def _recalled(self) -> Remembered:
        with self._database.reading() as connection:
            return recall(connection)

    def _stored(self, changes: Changes, before: Remembered, now: float) -> Remembered:
        if not changes:
            return before
        with self._database.transaction() as tx:
            stored = store(tx, changes, now)
        return after(before, changes, stored)

    def _first_lever_set(self, incident_id: int) -> TimelineRow | None:
        with self._database.reading() as connection:
            return timeline_store.first_of_kind(connection, incident_id, TimelineKind.LEVER_SET)


def _all(ran: RoundOutcome) -> Iterator[Alert]:
    for of_rule in ran.alerts.values():
        yield from of_rule.values()


def _active(ran: RoundOutcome) -> Iterator[Alert]:
    return (alert for alert in _all(ran) if alert.state is not AlertState.INACTIVE)


def _without_ended(ran: RoundOutcome) -> Mapping[str, Mapping[Labels, Alert]]:
    return {
        rule_key: {labels: alert for labels, alert in found.items() if alert.state is not AlertState.INACTIVE}
        for rule_key, found in ran.alerts.items()
    }


def _not_asked(ran: RoundOutcome, moment: RuleMoment) -> dict[tuple[str, Labels], float]:
    """What is not stored of rules whose group was not due."""
    asked = {status.rule.key for status in ran.statuses if status.at == moment.at}
    return {key: since for key, since in moment.unstored.items() if key[0] not in asked}


def _with_alerts(statuses: Iterable[RuleStatus], known: Remembered) -> tuple[RuleStatus, ...]:
    return tuple(
        replace(status, alerts=tuple(known.alerts.get(status.rule.key, {}).values())) for status in statuses
    )


def _changes(ran: RoundOutcome, grouped: IncidentOutcome, memory: Remembered, at: float) -> Changes:
    placed = {_key(placement.alert): placement.alert for placement in grouped.placements}
    touched = {_key(step.after) for step in ran.steps} | placed.keys()
    steps = (replace(step, after=_in_place(step.after, placed)) for step in ran.steps)
    failed = {
        status.rule.key: status
        for status in ran.statuses
        if status.health is RuleHealth.ERR and status.rule.key not in memory.failing
    }
    works = [
        status
        for status in ran.statuses
        if status.health in {RuleHealth.OK, RuleHealth.NO_DATA} and status.rule.key in memory.failing
    ]
    gone = memory.failing - {status.rule.key for status in ran.statuses}
    rows: list[NewTimelineRow | None] = [alert_row(step, at) for step in steps]
    rows += [rule_failed_row(status.rule, status.error or "", at) for status in failed.values()]
    rows += [rule_works_row(status.rule, at) for status in works]
    return Changes(
        alerts=tuple(_in_place(alert, placed) for alert in _all(ran) if _key(alert) in touched),
        opened=grouped.opened,
        incidents=grouped.changed,
        failed={rule_key: status.error or "" for rule_key, status in failed.items()},
        works=gone | {status.rule.key for status in works},
        rows=(*(row for row in rows if row is not None), *grouped.rows),
    )


def _key(alert: Alert) -> tuple[str, Labels]:
    return alert.rule_key, alert.labels


def _in_place(alert: Alert, placed: Mapping[tuple[str, Labels], Alert]) -> Alert:
    place = placed.get(_key(alert))
    return alert if place is None else replace(alert, incident_id=place.incident_id, expected=place.expected)
