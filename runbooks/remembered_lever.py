"""A lever as it was last seen, for whoever only looks: it has no way to the stack."""

from dataclasses import dataclass

from runbooks.lever import Change, RampBack, ReadResult, Refused, SetResult, Unknown, UnknownKind
from runbooks.lever_store import KnownLever
from settings.schema import LeverSettings

OLD_AFTER = 20.0
"""Seconds after which what a lever said says nothing of now; the run loop asks each at least every 5 s."""


@dataclass(frozen=True, slots=True)
class RememberedLever:
    """What the run loop last learned of a lever; ``known`` is None when it has not asked yet."""

    settings: LeverSettings
    known: KnownLever | None

    def read(self, now: float) -> ReadResult:
        """The last answer, or why there is none that speaks of now."""
        known = self.known
        if known is None or known.reading is None:
            return _unknown((known and known.error) or "the lever was not read yet")
        if known.error is not None:
            return _unknown(known.error)
        if now - known.asked_at > OLD_AFTER:
            return _unknown(f"the lever was last read {now - known.asked_at:.0f} s ago")
        return known.reading

    def set(self, change: Change, now: float) -> SetResult:  # noqa: ARG002 (the protocol's arguments)
        """Never."""
        return Refused("who only looks moves no lever")

    def let_go(self, ramp_back: RampBack, now: float) -> SetResult:  # noqa: ARG002 (as above)
        """Never."""
        return Refused("who only looks moves no lever")


def _unknown(text: str) -> Unknown:
    return Unknown(UnknownKind.NOT_VISIBLE, text)
