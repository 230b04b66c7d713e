"""One point in time that everything of one look shares: connecting, headers, body and parsing."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on ``time.monotonic()`` and the seconds that were given, for messages."""

    at: float
    given: float

    @classmethod
    def within(cls, seconds: float) -> "Deadline":
        """So many seconds from now."""
        return cls(time.monotonic() + seconds, seconds)

    def left(self) -> float:
        """Seconds that remain, more than 0. Raises TimeoutError when none do."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"nothing left of {self.given:g} s")
        return left

    def share(self, parts: int) -> "Deadline":
        """An earlier deadline: an equal part of what is left, so that several attempts all get a turn."""
        return Deadline(time.monotonic() + self.left() / max(parts, 1), self.given)
