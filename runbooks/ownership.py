"""Whose is the lever? What a reading says about a run that believes it holds it.

A target's own expiry and a person turning the knob must be told apart, because the first is ours to deal with
and the second is to be respected.
"""

from enum import StrEnum

from runbooks.lever import OWNER, LeverReading, LeverValue


class Owner(StrEnum):
    """Who holds the lever."""

    OURS = "ours"
    TARGET_RAMP = "target_ramp"  # the target is putting it back by itself
    AT_BASELINE = "at_baseline"  # free and back
    ANOTHER_LEASE = "another_lease"  # somebody else, or a run of ours that is not this one
    MOVED = "moved"  # somebody set it to another value


def whose(reading: LeverReading, run_key: str, expected: LeverValue, baseline: LeverValue) -> Owner:
    """Whose the lever is, seen from a run that set ``expected``."""
    if reading.lease is not None and not (reading.lease.owner == OWNER and reading.lease.run_id == run_key):
        return Owner.ANOTHER_LEASE
    if reading.ramping:
        return Owner.TARGET_RAMP
    if reading.lease is not None:
        return Owner.OURS if reading.value == expected else Owner.MOVED
    if reading.value == baseline:
        return Owner.AT_BASELINE
    # Without a version the target knows no leases, and the value is all there is to go by.
    return Owner.OURS if reading.version is None and reading.value == expected else Owner.MOVED


def free(reading: LeverReading, baseline: LeverValue) -> bool:
    """Whether a new run may take the lever: nobody's lease, and where it belongs or on the way back."""
    return reading.lease is None and (reading.value == baseline or reading.ramping)


def held_by(reading: LeverReading) -> str:
    """Who holds it, for a sentence."""
    if reading.lease is None:
        return "somebody who left no lease"
    return f"{reading.lease.owner} (run {reading.lease.run_id})"
