"""Runs whose lever or runbook left the configuration: told once, never steered, and ended all the same.

A run that went on for ever would keep its levers busy and its incident open.
"""

from dataclasses import replace

from alerts import timeline_store
from alerts.timeline import TimelineKind
from database import Database
from runbooks import intent_store, run_changes, run_memory
from runbooks.intent import Intent, IntentState, landed
from runbooks.lever_writer import LeverWriter
from runbooks.parts import Parts
from runbooks.run import Run, RunState
from runbooks.run_changes import Ending
from runbooks.run_rows import row
from runbooks.tick import Seen, Tick


class Orphans:
    """What can still be done for such a run."""

    def __init__(self, parts: Parts, writer: LeverWriter) -> None:
        self._parts = parts
        self._writer = writer

    def without_lever(self, run: Run, tick: Tick) -> Run:
        """Nothing can be read or sent: the run ends once its lease must have run out."""
        database = self._parts.database
        with database.reading() as connection:
            intent = intent_store.open_of_run(connection, run.key)
        text = f"there is no lever {run.lever!r} any more; it is left to the target's ramp"
        if tick.now < _lease_end(run, intent):
            return told_once(database, run, "no_lever", text, tick.now)
        ending = Ending(
            RunState.NEEDS_PERSON, "no_lever", f"{run.runbook} is over: {text}, a person should look"
        )
        with database.transaction() as tx:
            if intent is not None:
                intent_store.resolve(tx, intent, IntentState.FAILED, text, tick.now)
            return run_changes.end(tx, run, ending, tick.now)

    def settled(self, seen: Seen, intent: Intent) -> Run:
        """An intent whose outcome is not known, of a run without a runbook: read, and never sent again."""
        if landed(intent, seen.reading, seen.memory.baseline):
            return self._writer.applied(seen.run, intent, seen.reading)
        return self._writer.overtaken(seen.run, intent, f"{_no_runbook(seen.run)}; nothing is sent again")

    def told_without_runbook(self, seen: Seen) -> Seen:
        """Say it once; returns the run as it remembers that."""
        run = told_once(self._parts.database, seen.run, "no_runbook", _no_runbook(seen.run), seen.now)
        return replace(seen, run=run, memory=run_memory.from_json(run.control))


def told_once(database: Database, run: Run, reason: str, text: str, now: float) -> Run:
    """The run with this said on the timeline, once for as long as nothing else is."""
    memory = run_memory.from_json(run.control)
    if memory.told == reason:
        return run
    run = run_changes.remember(run, replace(memory, told=reason))
    with database.transaction() as tx:
        run_changes.save(tx, run)
        timeline_store.append(tx, row(run, now, TimelineKind.LEVER_UNKNOWN, reason, text))
    return run


def _lease_end(run: Run, intent: Intent | None) -> float:
    """When the target's lease is over at the latest, also if a write of unknown outcome was applied."""
    until = run_memory.from_json(run.control).until
    return until if intent is None else max(until, intent.created_at + intent.lease_seconds)


def _no_runbook(run: Run) -> str:
    return f"the catalog has no runbook {run.runbook!r} any more; {run.lever} is left to the target's ramp"
