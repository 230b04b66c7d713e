"""Beginning runs: for every alert that a runbook is for, one decision; and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from alerts import timeline_store
from alerts.timeline import NewTimelineRow, TimelineKind
from runbooks import decision_store, laws, plan, run_store
from runbooks.decision import Decision, DecisionReason, DecisionVerdict, decide
from runbooks.decision_store import KnownDecision
from runbooks.guards import GuardResult, first_refusal
from runbooks.intent import Intent, Purpose
from runbooks.isolation import isolated
from runbooks.lever_readings import LeverReadings
from runbooks.lever_writer import LeverWriter, Move
from runbooks.parts import Parts
from runbooks.plan import Plan
from runbooks.run import Run, RunState
from runbooks.run_changes import remember
from runbooks.run_rows import row
from runbooks.runbook import ControlDo, Runbook
from runbooks.situations import Situations
from runbooks.tick import Tick
from runbooks.trouble import Trouble, concerns
from runbooks.verification import Before

SILENT = frozenset({DecisionReason.IN_PROGRESS, DecisionReason.WAITS_FOR_PERSON})
"""Reasons that the run's own rows tell already."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run whose first intent is written; it is sent once that is committed."""

    run: Run
    intent: Intent


class Starter:
    """Decides about new runs, and begins them."""

    def __init__(self, parts: Parts, readings: LeverReadings, writer: LeverWriter) -> None:
        self._parts = parts
        self._readings = readings
        self._writer = writer
        self._situations = Situations(parts, readings)

    def consider_all(self, troubles: Sequence[Trouble], tick: Tick) -> None:
        """Every runbook against every incident that is not over."""
        for trouble in troubles:
            for runbook in self._parts.catalog.runbooks:
                if not concerns(runbook, trouble):
                    continue
                with isolated("decision_failed", runbook=runbook.name, incident=trouble.incident_id):
                    self._consider(runbook, trouble.incident_id, tick)

    def begin(self, tx: Connection, run: Run, runbook: Runbook, before: Before) -> Begun:
        """Write the first intent of a run whose plan was made just now; the caller commits, then sends."""
        diff, now = run.plan.main, before.at
        memory = laws.first_memory(runbook, diff.baseline, before)
        run = remember(replace(run, state=RunState.ACTING, reason="acting", started_at=now), memory)
        lease = self._parts.levers[run.lever].settings.lease
        started = f"{runbook.name} acts (run {run.key}): {diff.text}, leased for {lease:.0f} s at a time"
        move = Move(
            purpose=Purpose.FIRST,
            value=memory.value,
            reason="cut" if isinstance(runbook.do, ControlDo) else "set",
            text=diff.text,
            after=memory,
            put_back_excess=isinstance(runbook.do, ControlDo),
            rows=(row(run, now, TimelineKind.RUN_STARTED, "intent_written", started),),
        )
        return Begun(run, self._writer.intend(tx, run, move, diff.version, now))

    def send(self, begun: Begun) -> Run:
        """Send a first intent that is committed."""
        return self._writer.send(begun.run, begun.intent)

    def plan_now(
        self, runbook: Runbook, incident_id: int | None, tick: Tick
    ) -> tuple[Plan, GuardResult | None] | None:
        """The plan on the present facts, and the first guard that says no; None without a readable lever."""
        guards = self._parts.facts.guards(runbook.guards, tick.now, tick.lag)
        made = self._plan(runbook, incident_id, guards)
        return None if made is None else (made, first_refusal(guards))

    def _plan(self, runbook: Runbook, incident_id: int | None, guards: Sequence[GuardResult]) -> Plan | None:
        known = self._situations.known_levers(runbook)
        if known is None:
            return None
        return plan.make(runbook, incident_id, known, tuple(guards), laws.first_value(runbook))

    def _consider(self, runbook: Runbook, incident_id: int, tick: Tick) -> None:
        situation = self._situations.of(runbook, incident_id, tick)
        decision = decide(situation)
        if decision.reason in SILENT:
            return
        if decision.verdict in {DecisionVerdict.RUN, DecisionVerdict.ASK}:
            self._begin(runbook, incident_id, decision, tick)
        else:
            planned = self._plan(runbook, incident_id, situation.guards)
            self._note(KnownDecision(runbook.name, incident_id, decision, tick.now), planned)

    def _begin(self, runbook: Runbook, incident_id: int, decision: Decision, tick: Tick) -> None:
        """The guards have been judged for the decision; they are judged again at the moment of acting."""
        made = self.plan_now(runbook, incident_id, tick)
        if made is None:
            return
        planned, refusal = made
        if refusal is not None:
            decision = Decision(DecisionVerdict.REFUSE, DecisionReason.GUARD_SAYS_NO, refusal.text)
            self._note(KnownDecision(runbook.name, incident_id, decision, tick.now), planned)
        elif decision.verdict is DecisionVerdict.ASK:
            self._ask(runbook, planned, decision, tick)
        else:
            self._run(runbook, planned, decision, tick)

    def _run(self, runbook: Runbook, planned: Plan, decision: Decision, tick: Tick) -> None:
        before = self._parts.facts.before(runbook.verify, tick.now)
        with self._parts.database.transaction() as tx:
            if run_store.holding(tx, runbook.levers) is not None:
                return
            run = replace(self._new_run(tx, runbook, planned, tick), decided_by="showcall")
            run_store.add(tx, run)
            text = f"{planned.text}. {decision.text}"
            kind, details = TimelineKind.RUN_PLANNED, plan.details(planned)
            timeline_store.append(tx, row(run, tick.now, kind, decision.reason, text, details=details))
            decision_store.changed(tx, _known(run, decision, tick))
            begun = self.begin(tx, run, runbook, before)
            run_store.save(tx, begun.run)
        self.send(begun)

    def _ask(self, runbook: Runbook, planned: Plan, decision: Decision, tick: Tick) -> None:
        with self._parts.database.transaction() as tx:
            if run_store.holding(tx, runbook.levers) is not None:
                return
            expires = tick.now + runbook.approval
            run = self._new_run(tx, runbook, planned, tick)
            run = replace(
                run, state=RunState.ASKED, reason=decision.reason, asked_at=tick.now, expires_at=expires
            )
            run_store.add(tx, run)
            minutes = runbook.approval / 60
            text = f"{planned.text}. {decision.text}; the question stands for {minutes:.0f} min"
            kind, details = TimelineKind.RUN_ASKED, plan.details(planned)
            timeline_store.append(tx, row(run, tick.now, kind, decision.reason, text, details=details))
            decision_store.changed(tx, _known(run, decision, tick))

    def _new_run(self, tx: Connection, runbook: Runbook, planned: Plan, tick: Tick) -> Run:
        return Run(
            key=run_store.next_key(tx, runbook.name, planned.incident_id),
            runbook=runbook.name,
            incident_id=planned.incident_id,
            lever=runbook.lever,
            state=RunState.ACTING,
            reason="planned",
            mode=self._parts.mode(runbook),
            plan=planned,
            created_at=tick.now,
            holder=self._parts.holder,
        )

    def _note(self, known: KnownDecision, planned: Plan | None) -> None:
        """A decision not to act is a timeline row, once for as long as it stands."""
        decision = known.decision
        with self._parts.database.transaction() as tx:
            if not decision_store.changed(tx, known):
                return
            observed = decision.reason is DecisionReason.OBSERVE_MODE and planned is not None
            kind = TimelineKind.RUN_OBSERVED if observed else TimelineKind.RUN_REFUSED
            said = f"{known.runbook} would act: {planned.text}" if planned and observed else known.runbook
            details = {"runbook": known.runbook, "verdict": decision.verdict.value}
            timeline_store.append(
                tx,
                NewTimelineRow(
                    at=known.at,
                    kind=kind,
                    reason=decision.reason.value,
                    text=f"{said}. {decision.text}" if observed else f"{said} does not act: {decision.text}",
                    incident_id=known.incident_id,
                    details={**details, **(plan.details(planned) if planned else {})},
                ),
            )


def _known(run: Run, decision: Decision, tick: Tick) -> KnownDecision:
    return KnownDecision(run.runbook, run.incident_id or 0, decision, tick.now)
