"""The wall clock as ticks and samples see it: it runs with monotonic time.

Small corrections of the wall clock (NTP, a leap second) are followed slowly, so that no tick comes twice and
none is left out. A large jump is followed at once and told, because nobody can wait an hour for the grid.
"""

from collections.abc import Callable
from dataclasses import dataclass

JUMP_SECONDS = 2.0
SLEW = 0.05  # of the time that has passed


@dataclass(frozen=True, slots=True)
class Anchor:
    """At ``mono`` (monotonic seconds) the time was ``wall`` (Unix seconds)."""

    wall: float
    mono: float

    def wall_at(self, mono: float) -> float:
        """Unix seconds at a monotonic time."""
        return self.wall + (mono - self.mono)

    def mono_at(self, wall: float) -> float:
        """The monotonic time of Unix seconds."""
        return self.mono + (wall - self.wall)


def followed(anchor: Anchor, wall: float, mono: float) -> tuple[Anchor, float]:
    """The anchor after another look at both clocks, and the jump in seconds, 0 without one."""
    drift = wall - anchor.wall_at(mono)
    if abs(drift) > JUMP_SECONDS:
        return Anchor(wall, mono), drift
    most = SLEW * max(mono - anchor.mono, 0.0)
    step = min(max(drift, -most), most)
    return Anchor(anchor.wall_at(mono) + step, mono), 0.0


class SteadyClock:
    """Reads both clocks; ``now`` may be asked from any thread."""

    def __init__(self, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._anchor = Anchor(clock(), monotonic())

    def now(self) -> float:
        """Unix seconds."""
        return self._anchor.wall_at(self._monotonic())

    def wall_at(self, mono: float) -> float:
        """Unix seconds at a monotonic time."""
        return self._anchor.wall_at(mono)

    def mono_at(self, wall: float) -> float:
        """The monotonic time of Unix seconds."""
        return self._anchor.mono_at(wall)

    def follow(self) -> float:
        """Look at the wall clock; the jump in seconds, 0 without one. For one thread only."""
        self._anchor, jump = followed(self._anchor, self._clock(), self._monotonic())
        return jump
