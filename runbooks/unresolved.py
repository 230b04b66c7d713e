"""Intents whose outcome is not known: after a lost answer, a failing lever, or a crash of our own.

The lever was read. If it shows the change, it is done; if the lever has moved on, the intent is history; if
it stands as before, the same request id is sent again while that is wanted, at most three times in all.
"""

from dataclasses import replace
from enum import StrEnum

from runbooks import laws
from runbooks.decision import FACTS
from runbooks.guards import first_refusal
from runbooks.holding import law_facts
from runbooks.intent import MOST_ATTEMPTS, Intent, IntentState, Purpose, landed, overtaken
from runbooks.lever import worded
from runbooks.lever_writer import LeverWriter
from runbooks.ownership import held_by
from runbooks.parts import Parts
from runbooks.run import Run, RunState
from runbooks.run_changes import Ending, end
from runbooks.step import Unusable
from runbooks.tick import Moment

PATIENCE = 15.0
"""Seconds for which a guard's "no" is asked again before a first move is given up."""


class Wanted(StrEnum):
    """Whether an intent that had no effect is to be sent again."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not_known"


class Unresolved:
    """Finds out what became of an open intent."""

    def __init__(self, parts: Parts, writer: LeverWriter) -> None:
        self._parts = parts
        self._writer = writer

    def resolve(self, moment: Moment, intent: Intent, still_firing: bool) -> Run:
        """One look at the lever; at most one write to it."""
        run, reading = moment.run, moment.reading
        if landed(intent, reading, moment.memory.baseline):
            return self._writer.applied(run, intent, reading)
        if overtaken(intent, reading):
            by = held_by(reading) if reading.lease else "nobody"
            text = (
                f"{intent.lever} has changed since: it is at {worded(reading.value)}, held by {by}; "
                "what was sent has no effect any more"
            )
            return self._given_up(moment, intent, text)
        if intent.attempts >= MOST_ATTEMPTS:
            text = f"{intent.outcome or 'no clear answer'}; tried {intent.attempts} times, reads unchanged"
            return self._writer.failed(run, intent, IntentState.FAILED, text)
        wanted = self._wanted(moment, intent, still_firing)
        if wanted is Wanted.YES:
            return self._writer.send_again(run, intent)
        if wanted is Wanted.NO:
            text = f"{intent.lever} reads unchanged, and moving it is not wanted any more"
            never_began = replace(run, started_at=None) if intent.purpose is Purpose.FIRST else run
            return self._given_up(replace(moment, run=never_began), intent, text)
        return run

    def _given_up(self, moment: Moment, intent: Intent, text: str) -> Run:
        """A first move that had no effect, or none that is left, ends its run."""
        run = self._writer.overtaken(moment.run, intent, text)
        if intent.purpose is not Purpose.FIRST:
            return run
        state = RunState.EXPIRED if run.started_at is None else RunState.LET_GO
        memory = moment.memory
        reason = "overtaken"
        if memory.stopped:
            state, reason = memory.ending or RunState.STOPPED, memory.ending_reason
        ending = Ending(state, reason, f"{run.runbook} is over: {text}")
        with self._parts.database.transaction() as tx:
            return end(tx, run, ending, self._writer.at())

    def _wanted(self, moment: Moment, intent: Intent, still_firing: bool) -> Wanted:
        match intent.purpose:
            case Purpose.LET_GO | Purpose.END:
                return Wanted.YES
            case Purpose.FIRST:
                return self._first_wanted(moment, intent, still_firing)
        frozen = moment.tick.kill_switch.engaged and not laws.is_forced(moment.memory)
        if moment.memory.stopped or (frozen and intent.purpose is not Purpose.RENEW):
            return Wanted.NO
        facts = law_facts(self._parts.facts, moment)
        return Wanted.NOT_KNOWN if isinstance(facts, Unusable) else Wanted.YES

    def _first_wanted(self, moment: Moment, intent: Intent, still_firing: bool) -> Wanted:
        """Guards are judged again before a first move is sent again.

        Right after a start a rate has too few samples to say anything, and a "no" may only mean that.
        """
        tick = moment.tick
        if moment.memory.stopped or tick.kill_switch.engaged or not still_firing:
            return Wanted.NO
        guards = self._parts.facts.guards(moment.runbook.guards, tick.now, tick.lag)
        refusal = first_refusal(guards)
        if refusal is None:
            return Wanted.YES
        early = tick.now - intent.created_at < PATIENCE
        return Wanted.NOT_KNOWN if early or refusal.reason in FACTS else Wanted.NO
