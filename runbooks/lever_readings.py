"""What the levers say during one step: each is asked at most once, and what a write answered is known too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from runbooks.lever import Lever, LeverReading, ReadResult


@dataclass
class LeverReadings:
    """One step's readings."""

    levers: Mapping[str, Lever]
    clock: Callable[[], float]
    known: dict[str, ReadResult] = field(default_factory=dict)

    def of(self, lever: str) -> ReadResult:
        """The lever's present value, asked for when nobody has yet."""
        if lever not in self.known:
            self.known[lever] = self.levers[lever].read(self.clock())
        return self.known[lever]

    def learned(self, lever: str, reading: LeverReading) -> None:
        """What the answer to a write said."""
        self.known[lever] = reading

    def forget(self, lever: str) -> None:
        """The value is not known any more: a write had no clear answer."""
        self.known.pop(lever, None)
