"""Did it help? Verification has a direction.

In the lever's safe direction (a throttle, an open breaker) the question is "not worse than the trend" after
one effect delay, and "effective" after one and a half backlogs. Not effective *yet* holds the lever and tells
a person; only measured harm, or no effect at all by the deadline, gives it back (by ramp). In the other
direction not being effective by the deadline is enough to undo.

Harm is measured where the work is done: completions under half of what they were while somebody waits in
vain, that is, while the work stands idle. What serves less although it is busy has become slower by itself,
and needs its protection more than before.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from runbooks.runbook import Verify, VerifyDirection

SHORTEST_BACKLOG = 4.0
"""Seconds: a shorter one is over before a rate over 10 s has seen it."""

HARM_WINDOW = 10.0
"""Seconds that ``throughput`` looks back; before that it still speaks of the time before the action."""

FALLEN_TO = 0.9
"""What is still above this share of the signal before has not fallen: the rest is noise."""

WORSE_BY = 1.5
"""How far above the trend counts as worse: one scrape's noise is not."""


class Verdict(StrEnum):
    """What verification says now."""

    EFFECTIVE = "effective"
    NOT_WORSE = "not_worse"
    WORSE_THAN_TREND = "worse_than_trend"
    NOT_EFFECTIVE_YET = "not_effective_yet"
    NOT_EFFECTIVE = "not_effective"
    NO_EFFECT = "no_effect"
    HARM = "harm"


UNDOES = frozenset({Verdict.HARM, Verdict.NO_EFFECT, Verdict.NOT_EFFECTIVE})
"""Verdicts that give the lever back."""


@dataclass(frozen=True, slots=True)
class Before:
    """How things stood when the lever was moved.

    Attributes:
        at: Unix seconds at which the lever was set.
        signal: ``verify.expr``; ``slope``: its change per second over the seconds before.
        throughput: completions per second, None where the runbook names none.
    """

    at: float
    signal: float
    slope: float
    throughput: float | None


@dataclass(frozen=True, slots=True)
class Watch:
    """What verification remembers between steps.

    Attributes:
        peak: the worst signal since the action.
        said: the verdicts given so far; each is given once.
        over: nothing more will be judged.
    """

    before: Before
    peak: float
    said: tuple[Verdict, ...] = ()
    over: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """The effect now; None without a fresh answer. ``waiting``: how many people or requests wait in vain."""

    signal: float | None
    throughput: float | None = None
    waiting: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its sentence and numbers."""

    verdict: Verdict
    text: str
    before: float
    after: float
    seconds: float


def begin(before: Before) -> Watch:
    """Start watching."""
    return Watch(before, before.signal)


def verify(rule: Verify, watch: Watch, measured: Measured, now: float) -> tuple[Watch, Finding | None]:
    """One look. Facts that are missing say nothing, neither good nor bad."""
    elapsed = now - watch.before.at
    if watch.over or measured.signal is None or elapsed < rule.effect_delay:
        return _with_peak(watch, measured), None
    look = _Look(rule, watch, measured, measured.signal, elapsed)
    watch = _with_peak(watch, measured)
    verdict = _harm(look) or _effect(look)
    if verdict is None or verdict in watch.said:
        return replace(watch, over=_done(look)), None
    return replace(watch, said=(*watch.said, verdict), over=verdict in UNDOES), _finding(look, verdict)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look after the effect delay; ``signal`` is known, ``elapsed`` in seconds since the action."""

    rule: Verify
    watch: Watch
    measured: Measured
    signal: float
    elapsed: float

    @property
    def final(self) -> bool:
        return self.elapsed >= self.rule.deadline


def _with_peak(watch: Watch, measured: Measured) -> Watch:
    return watch if measured.signal is None else replace(watch, peak=max(watch.peak, measured.signal))


def _done(look: _Look) -> bool:
    """Effective, and watched for harm until the deadline."""
    return Verdict.EFFECTIVE in look.watch.said and look.final


def _harm(look: _Look) -> Verdict | None:
    before, after = look.watch.before.throughput, look.measured.throughput
    seen = look.elapsed >= look.rule.effect_delay + HARM_WINDOW
    if before is None or after is None or not look.measured.waiting or not seen:
        return None
    return Verdict.HARM if after < before / 2 else None


def _effect(look: _Look) -> Verdict | None:
    if look.signal < look.rule.below:
        return Verdict.EFFECTIVE
    if Verdict.EFFECTIVE in look.watch.said:
        return None
    if look.rule.direction is VerifyDirection.OTHER:
        return Verdict.NOT_EFFECTIVE if look.final else None
    return _safe_direction(look)


def _safe_direction(look: _Look) -> Verdict | None:
    rule, watch = look.rule, look.watch
    if look.final and look.signal >= FALLEN_TO * watch.before.signal:
        return Verdict.NO_EFFECT
    if look.elapsed >= rule.effect_delay + 1.5 * max(watch.peak, SHORTEST_BACKLOG):
        return Verdict.NOT_EFFECTIVE_YET
    if watch.said:
        return None
    return Verdict.WORSE_THAN_TREND if look.signal > _trend(look) else Verdict.NOT_WORSE


def _trend(look: _Look) -> float:
    """Where the signal would stand had nothing been done, and some noise."""
    before = look.watch.before
    return max(before.signal, before.signal + before.slope * look.elapsed) * WORSE_BY + look.rule.below


def _finding(look: _Look, verdict: Verdict) -> Finding:
    before, unit = look.watch.before, look.rule.unit
    moved = f"{look.rule.title} {before.signal:.1f} -> {look.signal:.1f} {unit}".strip()
    text = f"{_WORDS[verdict].format(seconds=look.elapsed)}: {moved}"
    if verdict is Verdict.HARM:
        text += f", completions {before.throughput:.1f} -> {look.measured.throughput:.1f} a second"
    return Finding(verdict, text, before.signal, look.signal, look.elapsed)


_WORDS = {
    Verdict.EFFECTIVE: "effective {seconds:.0f} s after the change",
    Verdict.NOT_WORSE: "not worse than the trend after {seconds:.0f} s",
    Verdict.WORSE_THAN_TREND: "worse than the trend after {seconds:.0f} s; held, a person should look",
    Verdict.NOT_EFFECTIVE_YET: "not effective yet after {seconds:.0f} s; held, a person should look",
    Verdict.NOT_EFFECTIVE: "not effective after {seconds:.0f} s",
    Verdict.NO_EFFECT: "no effect after {seconds:.0f} s",
    Verdict.HARM: "harm measured after {seconds:.0f} s",
}
