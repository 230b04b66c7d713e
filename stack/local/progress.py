"""What the stack says while it starts and stops."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One line of progress: which part of the stack (``stack`` for the whole), and what happens to it."""

    part: str
    text: str

    def __str__(self) -> str:
        return f"{self.part}: {self.text}"


Progress = Callable[[Step], None]
