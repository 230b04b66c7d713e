"""Carrying a run on, one step at a time: read the lever, see whose it is, and go on from there.

Everything is read from the database and the lever at each step, so going on after a crash is the same code as
going on after a second.
"""

from dataclasses import replace
from typing import TypeVar

from alerts import timeline_store
from alerts.timeline import TimelineKind
from runbooks import intent_store, laws, run_changes, run_memory
from runbooks.holding import Holding, law_facts
from runbooks.intent import Intent, Purpose
from runbooks.lease import LeasePhase
from runbooks.letting_go import LettingGo
from runbooks.lever import LeverReading, worded
from runbooks.lever_readings import LeverReadings
from runbooks.lever_writer import LeverWriter, Move, finish
from runbooks.orphans import Orphans, told_once
from runbooks.ownership import Owner, held_by, whose
from runbooks.parts import Parts
from runbooks.run import Run, RunState
from runbooks.run_changes import Ending
from runbooks.run_rows import TARGET, Doing, lease_of, row
from runbooks.tick import Moment, Seen, Tick
from runbooks.unresolved import Unresolved

SeenT = TypeVar("SeenT", bound=Seen)

EXPIRY_SLACK = 1.0
"""Seconds by which the target's clock and ours may differ on when a lease ran out."""


class RunKeeper:
    """Steps of runs that are under way."""

    def __init__(self, parts: Parts, readings: LeverReadings, writer: LeverWriter) -> None:
        self._parts = parts
        self._readings = readings
        self._writer = writer
        self._holding = Holding(parts, writer, LettingGo(parts, writer))
        self._unresolved = Unresolved(parts, writer)
        self._orphans = Orphans(parts, writer)

    def carry_on(self, run: Run, tick: Tick, firing: bool) -> Run:
        """One step of a run.

        Args:
            firing: an alert that the run's runbook is for still fires in its incident.

        Raises:
            LostRunError: another run loop holds the run.
        """
        if run.lever not in self._parts.levers:
            return self._orphans.without_lever(run, tick)
        reading = self._readings.of(run.lever)
        if not isinstance(reading, LeverReading):
            return self._unreadable(run, reading.text, tick)
        memory, runbook = run_memory.from_json(run.control), self._parts.catalog.get(run.runbook)
        with self._parts.database.reading() as connection:
            intent = intent_store.open_of_run(connection, run.key)
        if runbook is None:
            return self._without_runbook(Seen(run, memory, reading, tick), intent)
        moment = Moment(run, memory, reading, tick, runbook)
        if intent is not None:
            return self._unresolved.resolve(moment, intent, firing)
        if run.state is RunState.ACTING:
            return self._never_moved(moment)
        return self._by_owner(moment)

    def _by_owner(self, moment: Moment) -> Run:
        memory = moment.memory
        match whose(moment.reading, moment.run.key, memory.value, memory.baseline):
            case Owner.OURS if memory.stopped:
                return self._kept(moment, LeasePhase.UNRENEWED, "stopped by a person: the lease runs out")
            case Owner.OURS:
                return self._holding.step(moment)
            case Owner.TARGET_RAMP:
                return self._target_ramp(moment)
            case Owner.AT_BASELINE:
                return self._back(moment)
            case Owner.ANOTHER_LEASE | Owner.MOVED:
                return self._taken(moment)

    def _without_runbook(self, seen: Seen, intent: Intent | None) -> Run:
        """Nobody decides about the run any more: it ends when the target has put the lever back."""
        if intent is not None:
            return self._orphans.settled(seen, intent)
        if seen.run.state is RunState.ACTING:
            return self._never_moved(seen)
        match whose(seen.reading, seen.run.key, seen.memory.value, seen.memory.baseline):
            case Owner.OURS:
                seen = self._orphans.told_without_runbook(seen)
                return self._kept(seen, LeasePhase.UNRENEWED, "its runbook is gone: the lease runs out")
            case Owner.TARGET_RAMP:
                return self._ramping(self._off_our_hands(seen))
            case Owner.AT_BASELINE:
                return self._back(seen)
            case Owner.ANOTHER_LEASE | Owner.MOVED:
                return self._taken(seen)

    def _never_moved(self, moment: Seen) -> Run:
        """The first change clearly had no effect (somebody else was quicker): the alert is decided anew."""
        run = moment.run
        text = f"{run.runbook} did not move {run.lever}; deciding anew"
        ending = Ending(RunState.EXPIRED, "not_applied", text)
        with self._parts.database.transaction() as tx:
            return run_changes.end(tx, replace(run, started_at=None), ending, moment.now)

    def _target_ramp(self, moment: Moment) -> Run:
        """The target puts the lever back by itself: watched, and taken back if the backlog returns."""
        moment = self._off_our_hands(moment)
        return self._retaken(moment) or self._ramping(moment)

    def _off_our_hands(self, moment: SeenT) -> SeenT:
        return moment if moment.run.state is RunState.TARGET_RAMP else self._lost(moment)

    def _ramping(self, moment: Seen) -> Run:
        at, to = worded(moment.reading.value), worded(moment.memory.baseline)
        memory = replace(moment.memory, value=moment.reading.value)
        return self._kept(
            replace(moment, memory=memory), LeasePhase.TARGET_RAMP, f"the target ramps back: at {at} of {to}"
        )

    def _lost(self, moment: SeenT) -> SeenT:
        run, memory = moment.run, moment.memory
        expired = moment.now >= memory.until - EXPIRY_SLACK
        reason = "expired" if expired else "released_at_target"
        why = "the lease ran out" if expired else "somebody released it at the target"
        memory = replace(
            memory,
            ending=memory.ending or RunState.LET_GO,
            ending_reason=memory.ending_reason or reason,
        )
        run = run_changes.remember(replace(run, state=RunState.TARGET_RAMP, reason=reason), memory)
        text = f"{run.lever} is no longer held: {why}, the target ramps it back by itself"
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            timeline_store.append(
                tx, row(run, moment.now, TimelineKind.LEASE_LOST, reason, text, actor=TARGET)
            )
        return replace(moment, run=run, memory=memory)

    def _retaken(self, moment: Moment) -> Run | None:
        """Only what nobody asked for is taken back: a person's word and an undo stand."""
        memory, tick = moment.memory, moment.tick
        if memory.ending is not RunState.LET_GO or tick.kill_switch.engaged or tick.now < memory.not_before:
            return None
        found = laws.retaken(moment.runbook, memory, law_facts(self._parts.facts, moment), tick.now)
        if found is None:
            return None
        wish, after = found
        after = laws.watched(after, self._parts.facts.before(moment.runbook.verify, tick.now))
        move = Move(
            purpose=Purpose.STEP,
            value=after.value,
            reason=wish.reason.value,
            text=f"taken back from the target's ramp: {wish.text}",
            after=after,
            put_back_excess=wish.put_back_excess,
        )
        return self._writer.move(moment.run, move, moment.reading, tick.now)

    def _back(self, moment: Seen) -> Run:
        """The lever stands at its baseline and nobody holds it."""
        run, memory = moment.run, moment.memory
        if run.state is not RunState.TARGET_RAMP:
            memory = replace(
                memory,
                ending=memory.ending or RunState.LET_GO,
                ending_reason=memory.ending_reason or "back_at_baseline",
            )
        reason = memory.ending_reason or "back_at_baseline"
        text = f"{run.lever} is back at {worded(memory.baseline)}: the target put it back"
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            timeline_store.append(
                tx, row(run, moment.now, TimelineKind.LEASE_ENDED, reason, text, actor=TARGET)
            )
            return finish(tx, run, memory, moment.now)

    def _taken(self, moment: Seen) -> Run:
        """Somebody else's hand is respected: we let the lever be and tell a person."""
        run, reading = moment.run, moment.reading
        text = (
            f"{run.lever} was taken over by {held_by(reading)}: it is at {worded(reading.value)} "
            f"(we had set {worded(moment.memory.value)}); it is left alone"
        )
        with self._parts.database.transaction() as tx:
            timeline_store.append(tx, row(run, moment.now, TimelineKind.LEASE_LOST, "taken_by_another", text))
            ended = f"{run.runbook} is over: {text}"
            ending = Ending(RunState.NEEDS_PERSON, "taken_by_another", ended)
            return run_changes.end(tx, run, ending, moment.now)

    def _kept(self, moment: Seen, phase: LeasePhase, doing: str) -> Run:
        run = run_changes.remember(moment.run, moment.memory)
        settings = self._parts.levers[run.lever].settings
        lease = lease_of(run, moment.memory, settings, Doing(phase, doing))
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            run_changes.keep_lease(tx, lease)
        return run

    def _unreadable(self, run: Run, why: str, tick: Tick) -> Run:
        text = f"{run.lever} cannot be read: {why}; nothing is sent until it can"
        return told_once(self._parts.database, run, "unreadable", text, tick.now)
