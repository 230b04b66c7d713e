"""The admission controller: feedback on the cap of active users, one decision per period.

The cap (users admitted and still asking) is steered because the admission rate alone leaves those already
inside, and its best value lies on a cliff. The law, measured on a prototype under five times overload:

    cut      at the trigger, at once to ``cut``; users above it return to the head of the queue
    drain    hold until nobody has waited for a connection for 5 s (mean under 1)
    steer    every ``period``: r = p95 / objective of the requests issued since the last change + ``lead``
             pending > 2 -> x 0.7;  r > 0.95 -> x 0.9;  r < 0.6 and the cap was binding -> + 1
             up to the pool's size, beyond it only while r < 0.35;  else hold (a narrow dead band oscillates)
    release  when nobody is held back and the cap has not bound for 20 s: x 2 every 3 s up to the baseline,
             pausing while it binds or the pool waits, and back to the cut when both are true

Only what the server says of itself is a fact here. By Little's law the backlog now, in seconds, is
``pending / completions``; acquire times are recorded when a wait ends and speak of the past.
"""

import math
from dataclasses import dataclass, replace

from runbooks.admission_law import TOLERANCE, Control, Decided, Facts, Law, Phase, View, cut, hold, must_cut
from runbooks.admission_release import nobody_held_back, release
from runbooks.step import Action, StepReason, Unusable, Wish


def decide(law: Law, control: Control, facts: Facts | Unusable, now: float) -> Decided:
    """One tick of the law."""
    if isinstance(facts, Unusable):
        return hold(control, facts.reason, facts.text)
    if facts.active >= control.cap:
        control = replace(control, bound_at=now)
    view = View(law, control, facts, now)
    if control.phase is Phase.RELEASE:
        return release(view)
    if control.phase is Phase.DRAIN:
        return _drain(view)
    if must_cut(facts):
        return cut(law, control, facts, StepReason.BACKLOG_AGAIN, now)
    if nobody_held_back(view):
        return release(replace(view, control=replace(control, phase=Phase.RELEASE)))
    return _steer(view)


def _drain(view: View) -> Decided:
    law, facts, now = view.law, view.facts, view.now
    gone = facts.pending == 0 and facts.pending_mean < law.drained_mean
    if not gone or view.since_change < law.drained_for:
        text = f"pool waiting {facts.pending:.0f}, backlog {facts.backlog:.1f} s: holding until it is gone"
        return hold(view.control, StepReason.DRAINING, text)
    # Requests that waited in the backlog end late and say nothing of this cap; after the calm none is left.
    steering = replace(view.control, phase=Phase.STEER, decided_at=now, measured_from=now)
    text = f"the backlog is gone, {view.since_change:.0f} s after the cut"
    return hold(steering, StepReason.DRAINED, text, now + law.period)


def _steer(view: View) -> Decided:
    due = view.control.decided_at + view.law.period
    if view.now < due - TOLERANCE:
        return hold(view.control, StepReason.BETWEEN_DECISIONS, "one decision per period", due)
    target = _target(view)
    cap = min(max(target.cap, view.law.floor), view.law.baseline)
    control = replace(view.control, decided_at=view.now)
    if target.cap <= control.cap:
        cap = min(cap, control.cap)  # below the floor already: the floor is no reason to let more in
    if cap == control.cap:
        reason = StepReason.AT_FLOOR if target.cap < cap else target.reason
        return hold(control, reason, target.why, view.now + view.law.period)
    return _stepped(replace(view, control=control), replace(target, cap=cap))


@dataclass(frozen=True, slots=True)
class _Target:
    """The value that the facts ask for, before floor and ceiling, and why."""

    cap: float
    reason: StepReason
    why: str


def _stepped(view: View, target: _Target) -> Decided:
    law, control, now = view.law, view.control, view.now
    rising = target.cap > control.cap
    turned = control.rising is not None and control.rising is not rising
    # A request counts when it ends, so what was issued before the change still ends for one latency after it.
    still_ending = min(view.facts.latency or 0.0, law.objective)
    after = replace(
        control,
        cap=target.cap,
        changed_at=now,
        measured_from=now + law.lead + still_ending,
        rising=rising,
        reversals=control.reversals + turned,
    )
    text = view.arrow(target.cap, target.why)
    return Decided(Wish(Action.SET, target.reason, text, target.cap, next_at=now + law.period), after)


def _target(view: View) -> _Target:
    law, cap, facts = view.law, view.control.cap, view.facts
    if facts.pending > law.shed_above:
        text = f"pool waiting {facts.pending:.0f} (more than {law.shed_above:g})"
        return _Target(float(round(cap * law.shed_to)), StepReason.POOL_WAITS, text)
    if facts.latency is None or facts.requests < law.fewest_requests:
        text = _too_few(facts, law)
        return _Target(cap, StepReason.TOO_FEW_REQUESTS, text)
    ratio = facts.latency / law.objective
    text = f"p95 {facts.latency:.2f} s is {ratio:.0%} of the objective of {law.objective:g} s"
    if ratio > law.down_above:
        return _Target(float(round(cap * law.down_to)), StepReason.TOO_SLOW, text)
    if ratio < law.up_below:
        return _upward(view, ratio, text)
    return _Target(cap, StepReason.DEAD_BAND, text)


def _too_few(facts: Facts, law: Law) -> str:
    if facts.requests >= law.fewest_requests:
        return "no p95 of the requests since the last change yet"
    counted = math.floor(facts.requests)  # a rate over a window gives fractions
    return f"only {counted} requests since the last change (want {law.fewest_requests})"


def _upward(view: View, ratio: float, text: str) -> _Target:
    law, control, pool_size = view.law, view.control, view.facts.pool_size
    if view.now - control.bound_at > law.period:
        # Growing a limit that nobody reaches proves nothing and would let a burst in later.
        return _Target(control.cap, StepReason.CAP_NOT_BINDING, f"{text}, but the cap did not bind")
    if control.cap >= pool_size and ratio >= law.lift_below:
        return _Target(control.cap, StepReason.AT_CEILING, f"{text}; the pool has {pool_size:g} connections")
    return _Target(control.cap + 1, StepReason.ROOM, f"{text} and the cap was binding")
