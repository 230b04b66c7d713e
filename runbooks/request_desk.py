"""What people asked for, answered one by one: approve, refuse, release, stop, and the kill switch.

Every request gets exactly one outcome; the same approval twice, a late one, or one for another plan changes
nothing and says so.
"""

from dataclasses import replace

from alerts import timeline_store
from alerts.timeline import TimelineKind
from runbooks import intent_store, kill_switch_store, request_store, run_changes, run_memory, run_store
from runbooks.answering import answer, answered, by_user, run_of
from runbooks.approvals import Approvals
from runbooks.isolation import isolated
from runbooks.kill_switch import KillSwitch
from runbooks.letting_go import LettingGo, turn
from runbooks.lever import LeverReading
from runbooks.lever_readings import LeverReadings
from runbooks.parts import Parts
from runbooks.request import Request, RequestKind, RequestOutcome
from runbooks.run import ACTIVE, Run, RunState
from runbooks.run_memory import RunMemory
from runbooks.starter import Starter
from runbooks.tick import Moment, Tick
from settings.schema import PutBack

PATIENCE = 30.0
"""Seconds for which a release is tried while its lever gives no clear answer."""


class RequestDesk:
    """Answers the open requests."""

    def __init__(
        self, parts: Parts, readings: LeverReadings, starter: Starter, letting_go: LettingGo
    ) -> None:
        self._parts = parts
        self._readings = readings
        self._approvals = Approvals(parts, starter)
        self._letting_go = letting_go

    def answer_all(self, tick: Tick) -> Tick:
        """Every open request, oldest first; returns the step with the kill switch as it stands then."""
        with self._parts.database.reading() as connection:
            waiting = request_store.open_requests(connection)
        for request in waiting:
            with isolated("request_failed", request=request.id, kind=request.kind.value) as outcome:
                self._answer(request, tick)
            if outcome.failed:
                self._failed(request, tick.now)
            with self._parts.database.reading() as connection:
                tick = replace(tick, kill_switch=kill_switch_store.read(connection))
        return tick

    def _answer(self, request: Request, tick: Tick) -> None:
        match request.kind:
            case RequestKind.KILL_SWITCH_ON | RequestKind.KILL_SWITCH_OFF:
                self._turn(request, tick.now)
            case RequestKind.APPROVE:
                self._approvals.approve(request, tick)
            case RequestKind.REFUSE:
                self._approvals.refuse(request, tick)
            case RequestKind.STOP:
                self._stop(request, tick)
            case RequestKind.RELEASE:
                self._release(request, tick)

    def _failed(self, request: Request, now: float) -> None:
        """What cannot be answered is not asked again: it would stand in everybody else's way for ever."""
        text = "an error in Showcall itself kept it from being done; the log says which"
        answer(self._parts.database, request, RequestOutcome.FAILED, text, now)

    def _turn(self, request: Request, now: float) -> None:
        engaged = request.kind is RequestKind.KILL_SWITCH_ON
        word = "on" if engaged else "off"
        with self._parts.database.transaction() as tx:
            if kill_switch_store.read(tx).engaged == engaged:
                text = f"the kill switch is {word} already"
                answered(tx, request, RequestOutcome.NOTHING_TO_DO, text, now)
                return
            why = request.note or f"turned {word} by {request.who}"
            switch = KillSwitch(engaged=engaged, at=now, who=f"user:{request.who}", why=why)
            turn(tx, switch, "by_user")
            answered(tx, request, RequestOutcome.DONE, "", now)

    def _stop(self, request: Request, tick: Tick) -> None:
        """No further step: nothing is sent any more, and the target ramps back when the lease runs out."""
        run = run_of(self._parts.database, request, tick.now)
        if run is None:
            return
        if run.state is RunState.ASKED:
            self._approvals.declined(request, run, tick)
        elif run.state not in ACTIVE:
            text = f"run {run.key} is over ({run.state})"
            answer(self._parts.database, request, RequestOutcome.ALREADY_DECIDED, text, tick.now)
        elif run.lever not in self._parts.levers:
            answer(self._parts.database, request, *_no_lever(run), tick.now)
        elif self._parts.levers[run.lever].settings.put_back is PutBack.SHOWCALL:
            # Nobody but us would ever put this lever back, so stopping is letting go.
            self._release_run(request, run, tick)
        else:
            self._stopped(request, run, tick.now)

    def _stopped(self, request: Request, run: Run, now: float) -> None:
        run, _ = _ended_by(run, request, "stopped_by_user", stopped=True)
        text = f"{request.who} stopped {run.runbook}: no further step; {run.lever} stays until its lease ends"
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            timeline_store.append(tx, by_user(run, request, TimelineKind.LEVER_HELD, text, now))
            answered(tx, request, RequestOutcome.DONE, run.key, now)

    def _release(self, request: Request, tick: Tick) -> None:
        if request.run_key is not None:
            run = run_of(self._parts.database, request, tick.now)
            if run is not None:
                self._release_run(request, run, tick)
            return
        with self._parts.database.reading() as connection:
            active = run_store.active(connection)
        # The first answer counts: runs that do hold something must not be hidden behind one that does not.
        for run in [run for run in active if self._objection(run) is None] or active[:1]:
            with isolated("release_failed", request=request.id, run=run.key) as outcome:
                self._release_run(request, run, tick)
            if outcome.failed:
                self._failed(request, tick.now)
        if not active:
            text = "no lever is held"
            answer(self._parts.database, request, RequestOutcome.NOTHING_TO_DO, text, tick.now)

    def _release_run(self, request: Request, run: Run, tick: Tick) -> None:
        objection = self._objection(run)
        if objection is not None:
            answer(self._parts.database, request, *objection, tick.now)
            return
        moment = self._moment(run, tick)
        if moment is None:
            if tick.now - request.at >= PATIENCE:
                text = f"{run.lever} gives no clear answer; its lease ends by itself"
                answer(self._parts.database, request, RequestOutcome.LEVER_UNCLEAR, text, tick.now)
            return
        run, memory = _ended_by(run, request, "released_by_user", stopped=False)
        text = f"{request.who} lets {run.lever} go now, by ramp"
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            timeline_store.append(tx, by_user(run, request, TimelineKind.RELEASING, text, tick.now))
            answered(tx, request, RequestOutcome.DONE, run.key, tick.now)
        self._letting_go.begin(replace(moment, run=run, memory=memory))

    def _objection(self, run: Run) -> tuple[RequestOutcome, str] | None:
        if run.state not in {RunState.ACTING, RunState.HOLDING, RunState.RELEASING}:
            text = f"run {run.key} holds nothing that we could let go ({run.state})"
            return RequestOutcome.NOTHING_TO_DO, text
        return None if run.lever in self._parts.levers else _no_lever(run)

    def _moment(self, run: Run, tick: Tick) -> Moment | None:
        """The run as it can be let go now; None while it is not clear how its lever stands."""
        runbook, reading = self._parts.catalog.get(run.runbook), self._readings.of(run.lever)
        with self._parts.database.reading() as connection:
            unclear = intent_store.open_of_run(connection, run.key) is not None
        if unclear or runbook is None or not isinstance(reading, LeverReading):
            return None
        return Moment(run, run_memory.from_json(run.control), reading, tick, runbook)


def _no_lever(run: Run) -> tuple[RequestOutcome, str]:
    text = f"no such lever: {run.lever!r} of run {run.key} is not in the configuration any more"
    return RequestOutcome.NO_SUCH_LEVER, text


def _ended_by(run: Run, request: Request, reason: str, *, stopped: bool) -> tuple[Run, RunMemory]:
    """The run as a person ends it: what it will have been is theirs."""
    memory = replace(
        run_memory.from_json(run.control), stopped=stopped, ending=RunState.STOPPED, ending_reason=reason
    )
    return run_changes.remember(replace(run, decided_by=f"user:{request.who}"), memory), memory
