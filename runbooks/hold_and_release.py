"""The law of a lever that is set to one value: hold it until a condition has held for a while, then let go.

A number goes back by ramp, a factor at a time; a state has nothing in between and goes back at once.
"""

from dataclasses import dataclass, replace

from runbooks.lever import LeverValue, worded
from runbooks.ramp import ramped
from runbooks.runbook import Release
from runbooks.step import Action, Direction, StepReason, Unusable, Wish

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Hold:
    """What the law remembers.

    Attributes:
        quiet_since: since when the release condition holds, None while it does not.
        releasing: the ramp has begun; ``forced``: because somebody said so, whatever the condition says.
    """

    value: LeverValue
    changed_at: float
    quiet_since: float | None = None
    releasing: bool = False
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What the law wants and what it will remember if that is done."""

    wish: Wish
    hold: Hold


def decide(release: Release, baseline: LeverValue, hold: Hold, ready: bool | Unusable, now: float) -> Held:
    """One tick. ``ready``: the release condition holds on fresh facts."""
    if isinstance(ready, Unusable):
        return Held(_wait(hold, ready.reason, ready.text), hold)
    if hold.forced or (hold.releasing and ready):
        return _ramp(release, baseline, replace(hold, releasing=True), now)
    if not ready:
        reason = StepReason.RAMP_PAUSED if hold.releasing else StepReason.NOT_YET
        return Held(
            _wait(hold, reason, "the release condition does not hold"), replace(hold, quiet_since=None)
        )
    since = now if hold.quiet_since is None else hold.quiet_since
    hold = replace(hold, quiet_since=since)
    if now - since < release.quiet - TOLERANCE:
        text = f"the release condition has held for {now - since:.0f} s (want {release.quiet:.0f} s)"
        return Held(_wait(hold, StepReason.NOT_YET, text, since + release.quiet), hold)
    return _ramp(release, baseline, replace(hold, releasing=True), now)


def _ramp(release: Release, baseline: LeverValue, hold: Hold, now: float) -> Held:
    if now - hold.changed_at < release.every - TOLERANCE:
        return Held(_wait(hold, StepReason.RAMP, "ramping", hold.changed_at + release.every), hold)
    value = ramped(hold.value, baseline, release.factor)
    text = f"{worded(hold.value)} -> {worded(value)}"
    after = replace(hold, value=value, changed_at=now)
    if value == baseline:
        wish = Wish(Action.END, StepReason.AT_BASELINE, text, value, direction=Direction.RELEASING)
        return Held(wish, after)
    wish = Wish(
        Action.SET,
        StepReason.RAMP,
        text,
        value,
        direction=Direction.RELEASING,
        next_at=now + release.every,
    )
    return Held(wish, after)


def _wait(hold: Hold, reason: StepReason, text: str, next_at: float | None = None) -> Wish:
    direction = Direction.RELEASING if hold.releasing else Direction.HOLDING
    return Wish(Action.HOLD, reason, text, direction=direction, next_at=next_at)
