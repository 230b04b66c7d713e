"""What could not be read of a file."""

from dataclasses import dataclass
from enum import StrEnum


class DamageKind(StrEnum):
    """What is wrong with a piece of a file."""

    TORN_TAIL = "torn_tail"
    CHECKSUM = "checksum"
    LOST_CONTEXT = "lost_context"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Damage:
    """A piece of a file that was left out when it was read.

    Attributes:
        file: its name.
        kind: what is wrong.
        offset: where the piece begins, bytes.
        length: bytes.
        text: what is missing, for a person.
    """

    file: str
    kind: DamageKind
    offset: int
    length: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text} (byte {self.offset}, {self.length} bytes, {self.kind.value})"
