"""Writing to levers: the intent is committed first, the result and its timeline row together afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from alerts import timeline_store
from alerts.timeline import JsonValue, NewTimelineRow, TimelineKind
from runbooks import intent_store, laws, lease_store, run_changes, run_memory
from runbooks.intent import MOST_ATTEMPTS, Intent, IntentState, Purpose
from runbooks.lease import LeasePhase
from runbooks.lever import (
    Applied,
    Change,
    Conflict,
    LeverReading,
    LeverValue,
    RampBack,
    Refused,
    SetResult,
    Unknown,
    worded,
)
from runbooks.lever_readings import LeverReadings
from runbooks.parts import Parts
from runbooks.run import Run, RunState
from runbooks.run_changes import Ending
from runbooks.run_memory import RunMemory
from runbooks.run_rows import Doing, lease_of, row

PAUSE_AFTER_FAILURE = 10.0
"""Seconds before a run tries a lever again that failed as often as allowed."""


@dataclass(frozen=True, slots=True)
class Move:
    """One write that a run wants.

    Attributes:
        after: the run's memory once it is done; the times of the write are filled in then.
        rows: written to the timeline together with the intent, before anything is sent.
    """

    purpose: Purpose
    value: LeverValue
    reason: str
    text: str
    after: RunMemory
    put_back_excess: bool = False
    rows: Sequence[NewTimelineRow] = ()


class LeverWriter:
    """Sends moves, and records what became of them.

    Args:
        now: the step's time. Facts are stamped up to 0.3 s ahead of the clock, and what answers them must not
            seem to come before them.
    """

    def __init__(self, parts: Parts, readings: LeverReadings, now: float) -> None:
        self._parts = parts
        self._readings = readings
        self._now = now

    def at(self) -> float:
        """The time now, for what happens during this step."""
        return max(self._parts.clock(), self._now)

    def intend(self, tx: Connection, run: Run, move: Move, version: int | None, now: float) -> Intent:
        """Write the intent and the move's rows; the caller commits, then calls ``send``."""
        settings = self._parts.levers[run.lever].settings
        intent = Intent(
            request_id=self._parts.new_id(),
            run_key=run.key,
            lever=run.lever,
            purpose=move.purpose,
            value=move.value,
            if_version=version,
            lease_seconds=0.0 if move.purpose is Purpose.END else settings.lease,
            put_back_excess=move.put_back_excess,
            reason=move.reason,
            text=move.text,
            after=run_memory.to_json(move.after),
            created_at=now,
            attempts=1,
        )
        intent_store.add(tx, intent)
        for each in move.rows:
            timeline_store.append(tx, each)
        return intent

    def move(self, run: Run, move: Move, reading: LeverReading, now: float) -> Run:
        """Intend, send and record one move of a run under way; returns the run as it stands then.

        Raises:
            LostRunError: another loop carries the run out.
        """
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            intent = self.intend(tx, run, move, reading.version, now)
        return self.send(run, intent)

    def send(self, run: Run, intent: Intent) -> Run:
        """Send a committed intent, once, and record the answer."""
        result = self._sent(intent)
        match result:
            case Applied(reading=reading):
                return self.applied(run, intent, reading)
            case Conflict(reading=reading):
                return self._conflict(run, intent, reading)
            case Refused(text=text):
                return self.failed(run, intent, IntentState.REFUSED, text)
            case Unknown():
                return self._unknown(run, intent, result)

    def send_again(self, run: Run, intent: Intent) -> Run:
        """The same request id once more; the caller has read the lever and found it unmoved."""
        intent = replace(intent, attempts=intent.attempts + 1)
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            intent_store.attempted(tx, intent)
        return self.send(run, intent)

    def applied(self, run: Run, intent: Intent, reading: LeverReading) -> Run:
        """The lever shows what was intended: memory, lease, run and timeline move on together."""
        at = self.at()
        self._readings.learned(run.lever, reading)
        after = _as_a_person_wants(run_memory.from_json(intent.after), run_memory.from_json(run.control))
        memory = _as_written(after, intent, reading, at)
        run = run_changes.remember(run, memory)
        with self._parts.database.transaction() as tx:
            if not intent_store.resolve(tx, intent, IntentState.APPLIED, worded(reading.value), at):
                return run
            return self._moved_on(tx, run, memory, intent, at)

    def overtaken(self, run: Run, intent: Intent, text: str) -> Run:
        """The intent had no effect, or none that is left: the run decides anew."""
        at = self.at()
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            intent_store.resolve(tx, intent, IntentState.NOT_APPLIED, text, at)
            if intent.purpose is not Purpose.RENEW:
                self._tell(tx, run, at, TimelineKind.LEVER_UNKNOWN, Said("overtaken", text, intent))
        return run

    def failed(self, run: Run, intent: Intent, state: IntentState, text: str) -> Run:
        """The lever will not move: a first move ends the run, a later one is tried again after a pause."""
        at = self.at()
        if intent.purpose is not Purpose.FIRST:
            run = run_changes.remember(
                run, _after_failure(run_memory.from_json(run.control), intent, state, at)
            )
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            intent_store.resolve(tx, intent, state, text, at)
            said = f"{intent.lever} could not be moved ({intent.purpose}): {text}"
            self._tell(tx, run, at, TimelineKind.LEVER_FAILED, Said(state.value, said, intent))
            if intent.purpose is Purpose.FIRST:
                end = f"{run.runbook} could not act; a person should look"
                return run_changes.end(tx, run, Ending(RunState.FAILED, "lever_failed", end), at)
        return run

    def _sent(self, intent: Intent) -> SetResult:
        lever, now = self._parts.levers[intent.lever], self.at()
        if intent.purpose is Purpose.LET_GO:
            return lever.let_go(RampBack(intent.if_version, intent.request_id, intent.run_key), now)
        change = Change(
            value=intent.value,
            if_version=intent.if_version,
            request_id=intent.request_id,
            lease_seconds=intent.lease_seconds,
            run_id=intent.run_key,
            put_back_excess=intent.put_back_excess,
        )
        return lever.set(change, now)

    def _conflict(self, run: Run, intent: Intent, reading: LeverReading) -> Run:
        self._readings.learned(run.lever, reading)
        text = (
            f"{intent.lever} was changed by somebody else meanwhile: it is at {worded(reading.value)}, "
            f"version {reading.version} (decided on version {intent.if_version}); nothing was written"
        )
        return self.overtaken(run, intent, text)

    def _unknown(self, run: Run, intent: Intent, result: Unknown) -> Run:
        """Not known: the next step reads the lever before anything else."""
        self._readings.forget(run.lever)
        at = self.at()
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            intent_store.note(tx, intent, result.text)
            times = f"attempt {intent.attempts} of {MOST_ATTEMPTS}"
            text = f"not known whether {intent.lever} was moved ({times}): {result.text}; reading it back"
            self._tell(tx, run, at, TimelineKind.LEVER_UNKNOWN, Said(result.kind.value, text, intent))
        return run

    def _moved_on(self, tx: Connection, run: Run, memory: RunMemory, intent: Intent, at: float) -> Run:
        if intent.purpose is Purpose.END:
            return self._ended(tx, run, memory, intent, at)
        run = replace(run, state=_state(run, memory, intent), reason=intent.reason)
        run_changes.save(tx, run)
        if intent.purpose is Purpose.RENEW:
            lease_store.extend(tx, run.key, memory.until)
            return run
        settings = self._parts.levers[run.lever].settings
        lease_store.save(tx, lease_of(run, memory, settings, Doing(_PHASES[run.state], intent.text)))
        self._tell(tx, run, at, _KINDS[intent.purpose], Said(intent.reason, intent.text, intent))
        return run

    def _ended(self, tx: Connection, run: Run, memory: RunMemory, intent: Intent, at: float) -> Run:
        lease_store.end(tx, run.lever, run.key)
        self._tell(tx, run, at, TimelineKind.LEASE_ENDED, Said(intent.reason, intent.text, intent))
        return finish(tx, run, memory, at)

    @staticmethod
    def _tell(tx: Connection, run: Run, at: float, kind: TimelineKind, said: "Said") -> None:
        details: dict[str, JsonValue] = {
            "value": said.intent.value,
            "request": said.intent.request_id,
            "attempts": said.intent.attempts,
        }
        timeline_store.append(tx, row(run, at, kind, said.reason, said.text, details=details))


@dataclass(frozen=True, slots=True)
class Said:
    """What the timeline says of an intent."""

    reason: str
    text: str
    intent: Intent


def finish(tx: Connection, run: Run, memory: RunMemory, at: float) -> Run:
    """The lever is back: the run becomes what it will have been."""
    state = memory.ending or RunState.SUCCEEDED
    reason = memory.ending_reason or "released"
    seconds = at - memory.since
    back = worded(memory.baseline)
    text = f"{run.runbook} is over ({state}): {run.lever} back at {back} after {seconds:.0f} s"
    return run_changes.end(tx, run, Ending(state, reason, text), at)


_PHASES = {
    RunState.HOLDING: LeasePhase.HELD,
    RunState.RELEASING: LeasePhase.RELEASING,
    RunState.TARGET_RAMP: LeasePhase.TARGET_RAMP,
}
_KINDS = {
    Purpose.FIRST: TimelineKind.LEVER_SET,
    Purpose.STEP: TimelineKind.LEVER_STEPPED,
    Purpose.LET_GO: TimelineKind.RELEASING,
}


def _state(run: Run, memory: RunMemory, intent: Intent) -> RunState:
    match intent.purpose:
        case Purpose.LET_GO:
            return RunState.TARGET_RAMP
        case Purpose.RENEW:
            return run.state
    return RunState.RELEASING if run_memory.releasing(memory) else RunState.HOLDING


def _after_failure(memory: RunMemory, intent: Intent, state: IntentState, at: float) -> RunMemory:
    """A pause; and where the target has no ramp of its own, the run ramps the lever back itself."""
    if intent.purpose is Purpose.LET_GO and state is IntentState.REFUSED:
        memory = laws.forced(memory)
    return replace(memory, not_before=at + PAUSE_AFTER_FAILURE)


def _as_a_person_wants(after: RunMemory, before: RunMemory) -> RunMemory:
    """What a person said while the outcome was not known stands: the intent was written before that."""
    if before.ending is not RunState.STOPPED:
        return after
    return replace(after, stopped=before.stopped, ending=before.ending, ending_reason=before.ending_reason)


def _as_written(memory: RunMemory, intent: Intent, reading: LeverReading, at: float) -> RunMemory:
    until = at + intent.lease_seconds if reading.lease is None else reading.lease.until
    memory = replace(memory, until=until, renewed_at=at, tried_at=at)
    return laws.begun(memory, at) if intent.purpose is Purpose.FIRST else memory
