"""The lever contract as one pure state machine: version, idempotent requests, lease, and the ramp back.

A change must name the version it has seen, so a late write cannot overwrite a newer one; the same request id
gives the same answer, so a retry cannot act twice. A lease that runs out, or is released, goes back to the
baseline by itself: twice the value every three seconds, waiting while the pool still has a line. Numbers
ramp; a state (of a circuit breaker) has nothing in between and goes back at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

RAMP_SECONDS = 3.0
RAMP_FACTOR = 2
REMEMBERED_SECONDS = 900.0
REMEMBERED_REQUESTS = 5000

LeverValue = int | str


class Outcome(StrEnum):
    """What became of a request or of a step in time."""

    CHANGED = "changed"
    RENEWED = "renewed"
    RELEASED = "released"
    REPEATED = "repeated"
    OLD_VERSION = "old_version"
    EXPIRED = "expired"
    RAMPED = "ramped"
    RAMP_DONE = "ramp_done"
    PAUSED = "paused"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the lever away from its baseline, for which run, until when (Unix seconds)."""

    owner: str
    run_id: str | None
    until: float


@dataclass(frozen=True, slots=True)
class LeverReading:
    """What GET shows."""

    value: LeverValue
    baseline: LeverValue
    version: int
    lease: Lease | None
    ramping: bool


@dataclass(frozen=True, slots=True)
class Lever:
    """One lever. ``answers``: request id -> when it was answered and with what."""

    value: LeverValue
    baseline: LeverValue
    version: int
    lease: Lease | None = None
    ramping: bool = False
    ramp_due: float = 0.0
    answers: Mapping[str, tuple[float, LeverReading]] = field(default_factory=dict)

    def reading(self) -> LeverReading:
        """The part of it that the outside sees."""
        return LeverReading(self.value, self.baseline, self.version, self.lease, self.ramping)


@dataclass(frozen=True, slots=True)
class Change:
    """Set ``value`` and hold it for ``lease_seconds``; 0 holds it without a lease, as a person would."""

    value: LeverValue
    lease_seconds: float
    owner: str
    run_id: str | None = None
    if_version: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """End the lease now and go back by ramp."""

    owner: str
    if_version: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The lever afterwards, what happened, and the reading to send."""

    lever: Lever
    outcome: Outcome
    reading: LeverReading


def change(lever: Lever, wanted: Change, now: float) -> Answer:
    """Apply a change, renew a lease, or refuse."""
    refused = _refused(lever, wanted.request_id, wanted.if_version)
    if refused is not None:
        return refused
    lease = Lease(wanted.owner, wanted.run_id, now + wanted.lease_seconds) if wanted.lease_seconds else None
    outcome = Outcome.RENEWED if wanted.value == lever.value else Outcome.CHANGED
    changed = replace(lever, value=wanted.value, version=lever.version + 1, lease=lease, ramping=False)
    return _remembered(changed, outcome, wanted.request_id, now)


def release(lever: Lever, wanted: Release, now: float) -> Answer:
    """Start the ramp to the baseline; its first step is due at once."""
    refused = _refused(lever, wanted.request_id, wanted.if_version)
    if refused is not None:
        return refused
    return _remembered(_let_go(lever, now), Outcome.RELEASED, wanted.request_id, now)


def step(lever: Lever, now: float, line_waits: bool) -> Answer:
    """Let time pass: end a lease that ran out, take the ramp's next step unless ``line_waits``."""
    if lever.lease is not None:
        expired = now >= lever.lease.until
        lever = _let_go(lever, now) if expired else lever
        return Answer(lever, Outcome.EXPIRED if expired else Outcome.UNCHANGED, lever.reading())
    if not lever.ramping or now < lever.ramp_due:
        return Answer(lever, Outcome.UNCHANGED, lever.reading())
    value = ramped(lever.value, lever.baseline)
    # Only upwards lets more people in; coming down, or changing between two states, need not wait.
    if line_waits and isinstance(value, int) and isinstance(lever.value, int) and value > lever.value:
        return Answer(lever, Outcome.PAUSED, lever.reading())
    done = value == lever.baseline
    lever = replace(
        lever, value=value, version=lever.version + 1, ramping=not done, ramp_due=now + RAMP_SECONDS
    )
    return Answer(lever, Outcome.RAMP_DONE if done else Outcome.RAMPED, lever.reading())


def ramped(value: LeverValue, baseline: LeverValue) -> LeverValue:
    """The next value on the way to the baseline: doubled, at least one more; anything above it comes down."""
    if isinstance(value, str) or isinstance(baseline, str) or value >= baseline:
        return baseline
    return min(baseline, max(value * RAMP_FACTOR, value + 1))


def _let_go(lever: Lever, now: float) -> Lever:
    return replace(
        lever,
        version=lever.version + 1,
        lease=None,
        ramping=lever.value != lever.baseline,
        ramp_due=now,
    )


def _refused(lever: Lever, request_id: str | None, if_version: int | None) -> Answer | None:
    if request_id is not None and request_id in lever.answers:
        return Answer(lever, Outcome.REPEATED, lever.answers[request_id][1])
    if if_version is not None and if_version != lever.version:
        return Answer(lever, Outcome.OLD_VERSION, lever.reading())
    return None


def _remembered(lever: Lever, outcome: Outcome, request_id: str | None, now: float) -> Answer:
    reading = lever.reading()
    if request_id is None:
        return Answer(lever, outcome, reading)
    recent = {key: kept for key, kept in lever.answers.items() if now - kept[0] < REMEMBERED_SECONDS}
    surplus = list(recent)[: max(0, len(recent) + 1 - REMEMBERED_REQUESTS)]
    for oldest in surplus:
        del recent[oldest]
    return Answer(replace(lever, answers={**recent, request_id: (now, reading)}), outcome, reading)
