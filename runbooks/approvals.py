"""A person's yes or no to a plan. A yes binds to the plan's hash, expires, and counts once."""

from dataclasses import replace

from alerts import timeline_store
from alerts.timeline import TimelineKind
from runbooks import run_changes, run_store
from runbooks.answering import answer, answered, by_user, run_of
from runbooks.guards import GuardResult
from runbooks.parts import Parts
from runbooks.plan import Plan
from runbooks.request import Request, RequestOutcome
from runbooks.run import Run, RunState
from runbooks.run_changes import Ending
from runbooks.runbook import Runbook
from runbooks.starter import Starter
from runbooks.tick import Tick


class Approvals:
    """Answers requests about runs that were asked for."""

    def __init__(self, parts: Parts, starter: Starter) -> None:
        self._parts = parts
        self._starter = starter

    def approve(self, request: Request, tick: Tick) -> None:
        """Begin the run, if the plan is still the one that was shown and its guards still pass."""
        run = self._asked(request, tick)
        if run is None:
            return
        runbook = self._parts.catalog.get(run.runbook)
        made = None if runbook is None else self._starter.plan_now(runbook, run.incident_id, tick)
        if runbook is None or made is None:
            text = f"the catalog has no runbook {run.runbook!r} any more"
            if runbook is not None:
                text = f"{run.lever} cannot be read now; approve again in a moment"
            answer(self._parts.database, request, RequestOutcome.LEVER_UNCLEAR, text, tick.now)
            return
        planned, refusal = made
        if planned.hash != run.plan.hash or request.plan_hash != run.plan.hash:
            self._outdated(request, run, tick)
            return
        objection = _objection(refusal, tick)
        if objection is not None:
            answer(self._parts.database, request, *objection, tick.now)
            return
        self._begin(request, run, runbook, planned, tick)

    def refuse(self, request: Request, tick: Tick) -> None:
        """A no: the runbook stays away from this incident."""
        run = self._asked(request, tick)
        if run is not None:
            self.declined(request, run, tick)

    def declined(self, request: Request, run: Run, tick: Tick) -> None:
        """End a run that waits for an answer."""
        run = replace(run, decided_by=f"user:{request.who}")
        text = f"{request.who} said no to {run.plan.text}" + (f": {request.note}" if request.note else "")
        with self._parts.database.transaction() as tx:
            run_changes.end(tx, run, Ending(RunState.DECLINED, "by_user", text), tick.now)
            answered(tx, request, RequestOutcome.DONE, run.key, tick.now)

    def _begin(self, request: Request, run: Run, runbook: Runbook, planned: Plan, tick: Tick) -> None:
        before = self._parts.facts.before(runbook.verify, tick.now)
        with self._parts.database.transaction() as tx:
            holder = run_store.holding(tx, runbook.levers)
            if holder is not None:
                text = f"run {holder.key} holds {run.lever}; approve again when it is over"
                answered(tx, request, RequestOutcome.LEVER_UNCLEAR, text, tick.now)
                return
            run = replace(run, plan=planned, decided_by=f"user:{request.who}")
            text = f"approved by {request.who}: {planned.text}"
            timeline_store.append(tx, by_user(run, request, TimelineKind.RUN_APPROVED, text, tick.now))
            begun = self._starter.begin(tx, run, runbook, before)
            run_changes.save(tx, begun.run)
            answered(tx, request, RequestOutcome.DONE, run.key, tick.now)
        self._starter.send(begun)

    def _outdated(self, request: Request, run: Run, tick: Tick) -> None:
        """The approval was for another plan: the question is withdrawn and asked anew."""
        text = f"the plan of run {run.key} has changed since it was shown; it is asked anew"
        with self._parts.database.transaction() as tx:
            run_changes.end(tx, run, Ending(RunState.EXPIRED, "plan_changed", text), tick.now)
            answered(tx, request, RequestOutcome.PLAN_CHANGED, text, tick.now)

    def _asked(self, request: Request, tick: Tick) -> Run | None:
        """The run that waits for this answer; None when none does, and the request is answered."""
        run = run_of(self._parts.database, request, tick.now)
        if run is None:
            return None
        late = run.expires_at is not None and tick.now >= run.expires_at
        if run.state is RunState.EXPIRED or (run.state is RunState.ASKED and late):
            text = f"the question of run {run.key} has expired"
            answer(self._parts.database, request, RequestOutcome.EXPIRED, text, tick.now)
            return None
        if run.state is not RunState.ASKED:
            text = f"run {run.key} was decided already, by {run.decided_by or 'showcall'}"
            answer(self._parts.database, request, RequestOutcome.ALREADY_DECIDED, text, tick.now)
            return None
        return run


def _objection(refusal: GuardResult | None, tick: Tick) -> tuple[RequestOutcome, str] | None:
    if tick.kill_switch.engaged:
        return RequestOutcome.KILL_SWITCH, f"the kill switch is on ({tick.kill_switch.why})"
    if refusal is not None:
        text = f"guard {refusal.name} says no by now: {refusal.text}"
        return RequestOutcome.GUARDS_REFUSE, text
    return None
