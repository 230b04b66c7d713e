"""Letting a throttle go: when, and by which ramp. A jump with people waiting makes the incident again."""

from dataclasses import replace

from runbooks.admission_law import TOLERANCE, Decided, Phase, View, cut, hold, must_cut
from runbooks.lever import number
from runbooks.ramp import ramped
from runbooks.step import Action, Direction, StepReason, Wish


def nobody_held_back(view: View) -> bool:
    """The throttle hides demand: an empty pool queue alone never ends it.

    Everyone who waits would fit under the cap (users wait for the next admission even without one), and the
    cap has not bound for ``quiet``.
    """
    facts, control = view.facts, view.control
    room = max(view.law.nearly_nobody, control.cap - facts.active)
    unbound = view.now - control.bound_at >= view.law.quiet - TOLERANCE
    return unbound and facts.waiting <= room and facts.pending == 0


def release(view: View) -> Decided:
    """One tick of the ramp: pause, step, go back to holding, or end at the baseline."""
    law, control, facts = view.law, view.control, view.facts
    back = None if control.forced else _back_to_holding(view)
    if back is not None:
        return back
    if facts.pending > 0 or (view.binds and not control.forced):
        users = f"{facts.active:.0f} of {control.cap:g} {law.unit}"
        return hold(
            control, StepReason.RAMP_PAUSED, f"ramp pauses: {users}, pool waiting {facts.pending:.0f}"
        )
    if view.since_change < law.ramp_every - TOLERANCE:
        return hold(control, StepReason.RAMP, "ramping", control.changed_at + law.ramp_every)
    return _ramp(view)


def _back_to_holding(view: View) -> Decided | None:
    law, control, facts, now = view.law, view.control, view.facts, view.now
    if must_cut(facts) or (view.binds and facts.pending_mean >= law.shed_above):
        return cut(law, control, facts, StepReason.BOUND_AGAIN, now)
    if view.binds and view.since_change >= law.quiet:
        steering = replace(control, phase=Phase.STEER, decided_at=now, measured_from=now)
        return hold(steering, StepReason.BOUND_AGAIN, f"{facts.active:.0f} {law.unit} fill the cap again")
    return None


def _ramp(view: View) -> Decided:
    law, control, facts, now = view.law, view.control, view.facts, view.now
    cap = number(ramped(control.cap, law.baseline, law.ramp_factor))
    after = replace(control, cap=cap, changed_at=now)
    why = f"{facts.active:.0f} {law.unit} active, {facts.waiting:.0f} waiting, pool waiting 0"
    last = cap >= law.baseline
    wish = Wish(
        Action.END if last else Action.SET,
        StepReason.AT_BASELINE if last else StepReason.RAMP,
        view.arrow(cap, why),
        cap,
        direction=Direction.RELEASING,
        next_at=None if last else now + law.ramp_every,
    )
    return Decided(wish, after)
