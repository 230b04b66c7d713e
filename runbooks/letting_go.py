"""Giving a lever back before its law would: undone by verification, or because a person said so; by ramp."""

from dataclasses import replace

from sqlalchemy import Connection

from alerts import timeline_store
from alerts.timeline import NewTimelineRow, TimelineKind
from runbooks import kill_switch_store, laws, run_changes, run_store
from runbooks.intent import Purpose
from runbooks.kill_switch import KillSwitch
from runbooks.lever import worded
from runbooks.lever_writer import LeverWriter, Move
from runbooks.parts import Parts
from runbooks.run import Run, RunState
from runbooks.run_rows import row
from runbooks.tick import Moment
from runbooks.verification import Finding
from settings.schema import PutBack


class LettingGo:
    """Starts the way back, and notes why the run will end."""

    def __init__(self, parts: Parts, writer: LeverWriter) -> None:
        self._parts = parts
        self._writer = writer

    def undo(self, moment: Moment, finding: Finding) -> Run:
        """Verification found harm, or no effect: back by ramp; two of these soon engage the kill switch."""
        now, reason = moment.now, finding.verdict.value
        memory = replace(moment.memory, ending=RunState.UNDONE, ending_reason=reason)
        run = run_changes.remember(replace(moment.run, undone_at=now), memory)
        text = f"{run.runbook} is undone: {finding.text}; {run.lever} goes back by ramp, a person should look"
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            timeline_store.append(tx, row(run, now, TimelineKind.UNDONE, reason, text))
            self._engage_after_undone(tx, now)
        return self.begin(replace(moment, run=run, memory=memory))

    def begin(self, moment: Moment) -> Run:
        """Start the ramp: the target's own, or ours where the target has none."""
        run, memory = moment.run, moment.memory
        if self._parts.levers[run.lever].settings.put_back is PutBack.SHOWCALL:
            run = run_changes.remember(run, laws.forced(memory))
            with self._parts.database.transaction() as tx:
                run_changes.save(tx, run)
            return run
        at, to = worded(moment.reading.value), worded(memory.baseline)
        text = f"the target ramps {run.lever} from {at} back to {to}"
        move = Move(Purpose.LET_GO, memory.value, memory.ending_reason or "let_go", text, memory)
        return self._writer.move(run, move, moment.reading, moment.now)

    def _engage_after_undone(self, tx: Connection, now: float) -> None:
        settings = self._parts.settings
        undone = run_store.undone_since(tx, now - settings.kill_switch_window)
        if undone < settings.kill_switch_after_undone or kill_switch_store.read(tx).engaged:
            return
        why = f"{undone} runs were undone within {settings.kill_switch_window / 60:.0f} min"
        turn(tx, KillSwitch(engaged=True, at=now, who="showcall", why=why), "undone_runs")


def turn(tx: Connection, switch: KillSwitch, reason: str) -> None:
    """Turn the kill switch, with its timeline row."""
    kill_switch_store.turn(tx, switch)
    on = f"kill switch on ({switch.why}): nothing new is begun, held levers are frozen"
    text = on if switch.engaged else f"kill switch off ({switch.why})"
    kind = TimelineKind.KILL_SWITCH
    timeline_store.append(tx, NewTimelineRow(switch.at, kind, reason, text, actor=switch.who))
