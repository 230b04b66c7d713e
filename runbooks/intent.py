"""The journal's unit: what we are about to send to a lever, written down before it is sent.

After a crash, a lost answer or a failed commit, the intent says what may have happened and the lever says
what did. Nothing is ever sent again before the lever was read.
"""

from dataclasses import dataclass
from enum import StrEnum

from runbooks.lever import LeverReading, LeverValue
from runbooks.ownership import Owner, whose

MOST_ATTEMPTS = 3


class Purpose(StrEnum):
    """What the write is for."""

    FIRST = "first"  # the plan's own change
    STEP = "step"  # a step of the law, up, down or back
    RENEW = "renew"  # the same value once more, for a longer lease
    END = "end"  # the baseline, and the lease given back
    LET_GO = "let_go"  # the target's own ramp


class IntentState(StrEnum):
    """What became of it."""

    OPEN = "open"  # written; whether it was sent, and what it did, is not known
    APPLIED = "applied"
    NOT_APPLIED = "not_applied"  # clearly without effect: an old version, or overtaken by events
    REFUSED = "refused"
    FAILED = "failed"  # tried as often as allowed


@dataclass(frozen=True, slots=True)
class Intent:
    """One write to a lever.

    Attributes:
        request_id: unique; the target applies it at most once, however often it is sent.
        if_version: the lever's version that it was decided on.
        reason, text: for the timeline row when it is done.
        after: the run's memory when it is done, as JSON.
        attempts: how often it was sent.
    """

    request_id: str
    run_key: str
    lever: str
    purpose: Purpose
    value: LeverValue
    if_version: int | None
    lease_seconds: float
    put_back_excess: bool
    reason: str
    text: str
    after: str
    created_at: float
    attempts: int = 0
    state: IntentState = IntentState.OPEN
    outcome: str = ""
    resolved_at: float | None = None


def landed(intent: Intent, reading: LeverReading, baseline: LeverValue) -> bool:
    """Whether the lever shows what the intent wanted, by our own hand."""
    owner = whose(reading, intent.run_key, intent.value, baseline)
    if intent.purpose is Purpose.LET_GO:
        return owner in {Owner.TARGET_RAMP, Owner.AT_BASELINE}
    if intent.purpose is Purpose.END:
        return owner is Owner.AT_BASELINE
    return owner is Owner.OURS and _newer(reading, intent)


def overtaken(intent: Intent, reading: LeverReading) -> bool:
    """The lever has changed since: sending the intent now could only be refused."""
    return intent.if_version is not None and reading.version != intent.if_version


def _newer(reading: LeverReading, intent: Intent) -> bool:
    if reading.version is None or intent.if_version is None:
        return True
    return reading.version > intent.if_version
