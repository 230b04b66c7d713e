"""What can be wrong with the local stack, in words a person can act on."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        thing: what it is about: a config key, a process, a file.
        found: what is the case.
        wanted: what should be.
        advice: what to do, as a sentence.
    """

    thing: str
    found: str
    wanted: str
    advice: str

    def __str__(self) -> str:
        return f"{self.thing}: {self.found}, wanted {self.wanted}. {self.advice}"


class StackError(Exception):
    """The stack could not do what was asked; the text names every fault found, one a line.

    A fault may be text: that is one which another process found.
    """

    def __init__(self, *faults: Fault | str) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))


def refuse_if_any(faults: Sequence[Fault]) -> None:
    """Raise all faults at once, or nothing.

    Raises:
        StackError: when there is at least one fault.
    """
    if faults:
        raise StackError(*faults)
