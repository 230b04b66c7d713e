"""A lever that is ours: verify the effect, ask the law, and step, renew or hold."""

from dataclasses import replace

from alerts import timeline_store
from alerts.timeline import NewTimelineRow, TimelineKind
from runbooks import laws, run_changes, verification
from runbooks.facts import FactReader
from runbooks.intent import Purpose
from runbooks.laws import LawFacts
from runbooks.lease import LeasePhase
from runbooks.letting_go import LettingGo
from runbooks.lever import worded
from runbooks.lever_writer import LeverWriter, Move
from runbooks.parts import Parts
from runbooks.run import Run, RunState
from runbooks.run_rows import Doing, lease_of, row
from runbooks.runbook import ControlDo
from runbooks.step import Action, Direction, StepReason, Unusable, Wish
from runbooks.tick import Moment
from runbooks.verification import Finding, Verdict

QUIET = frozenset({StepReason.BETWEEN_DECISIONS, StepReason.RAMP, StepReason.NOT_YET})
"""Reasons to hold that go without saying."""

FROZEN = Wish(Action.HOLD, StepReason.FROZEN, "frozen by the kill switch: kept and renewed, not changed")


class Holding:
    """Steps of runs whose lever is theirs."""

    def __init__(self, parts: Parts, writer: LeverWriter, letting_go: LettingGo) -> None:
        self._parts = parts
        self._writer = writer
        self._letting_go = letting_go

    def step(self, moment: Moment) -> Run:
        """One step; at most one write to the lever."""
        if moment.memory.ending is not None and not laws.is_forced(moment.memory):
            return self._asked_to_let_go(moment)
        facts = law_facts(self._parts.facts, moment)
        frozen = moment.tick.kill_switch.engaged and not laws.is_forced(moment.memory)
        if not isinstance(facts, Unusable):
            moment, finding = self._verified(moment)
            if finding is not None and finding.verdict in verification.UNDOES and not frozen:
                return self._letting_go.undo(moment, finding)
        if frozen:
            # Stale facts are worth saying even then: they end the renewals.
            wish = Wish(Action.HOLD, facts.reason, facts.text) if isinstance(facts, Unusable) else FROZEN
            return self._held(moment, wish, _phase(wish, LeasePhase.FROZEN))
        wish, after = laws.next_wish(moment.runbook, moment.memory, facts, moment.now)
        if wish.action is Action.HOLD:
            return self._held(replace(moment, memory=after), wish, _phase(wish, _phase_of(wish)))
        if moment.now < moment.memory.not_before:
            paused = replace(wish, action=Action.HOLD, text=f"waiting to try again: {wish.text}")
            return self._held(moment, paused, _phase_of(wish))
        return self._moved(
            replace(moment, run=self._turned(moment, wish)), wish, replace(moment, memory=after)
        )

    def _asked_to_let_go(self, moment: Moment) -> Run:
        """The ramp was to begin and the lever would not: tried again after a pause."""
        if moment.now >= moment.memory.not_before:
            return self._letting_go.begin(moment)
        wish = Wish(Action.HOLD, StepReason.RAMP_PAUSED, "to be let go, and the lever did not answer")
        return self._held(moment, wish, LeasePhase.UNRENEWED)

    def _verified(self, moment: Moment) -> tuple[Moment, Finding | None]:
        rule, watch = moment.runbook.verify, moment.memory.watch
        if watch is None or watch.over:
            return moment, None
        watch, finding = verification.verify(
            rule, watch, self._parts.facts.measured(rule, moment.now), moment.now
        )
        memory = replace(moment.memory, watch=watch)
        run = run_changes.remember(moment.run, memory)
        if finding is not None:
            with self._parts.database.transaction() as tx:
                run_changes.save(tx, run)
                timeline_store.append(tx, _effect_row(run, finding, moment.now))
        return replace(moment, run=run, memory=memory), finding

    def _held(self, moment: Moment, wish: Wish, phase: LeasePhase) -> Run:
        """Nothing changes; the lease is renewed when it is time and the facts justify it."""
        run, memory, now = self._turned(moment, wish), moment.memory, moment.now
        telling = wish.reason not in QUIET and wish.reason.value != memory.told
        if telling:
            memory = replace(memory, told=wish.reason.value)
        releasing = wish.direction is Direction.RELEASING
        state = RunState.RELEASING if releasing else RunState.HOLDING
        run = run_changes.remember(replace(run, state=state, reason=wish.reason.value), memory)
        settings = self._parts.levers[run.lever].settings
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            run_changes.keep_lease(tx, lease_of(run, memory, settings, Doing(phase, wish.text, wish.next_at)))
            if telling:
                at = worded(memory.value, settings.unit)
                text = f"{settings.title} held at {at}: {wish.text}"
                timeline_store.append(tx, row(run, now, TimelineKind.LEVER_HELD, wish.reason.value, text))
        if phase is LeasePhase.UNRENEWED or not self._renewal_due(moment):
            return run
        memory = replace(memory, tried_at=now)
        move = Move(Purpose.RENEW, memory.value, "renewed", "lease renewed", memory)
        return self._writer.move(run_changes.remember(run, memory), move, moment.reading, now)

    def _renewal_due(self, moment: Moment) -> bool:
        memory = moment.memory
        newest = max(memory.renewed_at, memory.tried_at)
        return moment.now - newest >= self._parts.settings.renew_every and moment.now >= memory.not_before

    def _turned(self, moment: Moment, wish: Wish) -> Run:
        """The first step of the ramp says that letting go begins."""
        run = moment.run
        if wish.direction is not Direction.RELEASING or run.state is RunState.RELEASING:
            return run
        run = replace(run, state=RunState.RELEASING, reason=StepReason.RELEASE_CONDITION.value)
        settings = self._parts.levers[run.lever].settings
        text = f"{settings.title} goes back by ramp: nobody needs the throttle any more"
        if not isinstance(moment.runbook.do, ControlDo):
            text = f"{settings.title} goes back: the release condition has held"
        with self._parts.database.transaction() as tx:
            run_changes.save(tx, run)
            timeline_store.append(tx, row(run, moment.now, TimelineKind.RELEASING, run.reason, text))
        return run

    def _moved(self, moment: Moment, wish: Wish, after: Moment) -> Run:
        settings = self._parts.levers[moment.run.lever].settings
        purpose = Purpose.END if wish.action is Action.END else Purpose.STEP
        memory = replace(after.memory, told="")
        if wish.put_back_excess:
            memory = laws.watched(memory, self._parts.facts.before(moment.runbook.verify, moment.now))
        move = Move(
            purpose=purpose,
            value=after.memory.value,
            reason=wish.reason.value,
            text=f"{settings.title} {wish.text}",
            after=memory,
            put_back_excess=wish.put_back_excess,
        )
        return self._writer.move(moment.run, move, moment.reading, moment.now)


def law_facts(facts: FactReader, moment: Moment) -> LawFacts:
    """What the run's law looks at, asked for now."""
    tick, do, control = moment.tick, moment.runbook.do, moment.memory.control
    if isinstance(do, ControlDo) and control is not None:
        return facts.control(do.signals, control, tick.now, tick.lag)
    when = moment.runbook.release.when
    if when is None:
        return Unusable(StepReason.MISSING_FACTS, f"{moment.runbook.name} has no release condition any more")
    return facts.condition(when, tick.now, tick.lag)


def _phase_of(wish: Wish) -> LeasePhase:
    return LeasePhase.RELEASING if wish.direction is Direction.RELEASING else LeasePhase.HELD


def _phase(wish: Wish, otherwise: LeasePhase) -> LeasePhase:
    """Without usable facts the lease is not renewed, whatever else goes on."""
    unusable = {StepReason.STALE_FACTS, StepReason.MISSING_FACTS, StepReason.LATE_LOOP}
    return LeasePhase.UNRENEWED if wish.reason in unusable else otherwise


def _effect_row(run: Run, finding: Finding, now: float) -> NewTimelineRow:
    good = finding.verdict in {Verdict.EFFECTIVE, Verdict.NOT_WORSE}
    kind = TimelineKind.VERIFIED if good else TimelineKind.NOT_EFFECTIVE
    details = {"before": finding.before, "after": finding.after, "seconds": finding.seconds}
    text = f"{run.runbook}: {finding.text}"
    return row(run, now, kind, finding.verdict.value, text, details=details)
