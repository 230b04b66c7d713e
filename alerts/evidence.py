"""Evidence: what was frozen of the stack when an incident opened, and again when it grew.

A capture takes one thing (a table, lines, a text) and says where it comes from. Quick captures ask what
Showcall holds already and are in before anything acts; slow ones go over the network, beside the acting.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from alerts.incident import Incident


class CaptureName(StrEnum):
    """What can be captured, as rules name it in their annotation ``evidence``."""

    POOL = "pool"
    THREADS = "threads"
    LEVERS = "levers"
    ALERTS = "alerts"
    QUERIES = "queries"
    STATEMENTS = "statements"
    LOCKS = "locks"
    REDIS = "redis"
    LOG = "log"


class Pace(StrEnum):
    """``quick``: from what Showcall holds already, before acting. ``slow``: over the network, beside it."""

    QUICK = "quick"
    SLOW = "slow"


class Occasion(StrEnum):
    """Why evidence is taken."""

    OPENED = "opened"
    JOINED = "joined"
    REOPENED = "reopened"


class EvidenceState(StrEnum):
    """``interrupted``: Showcall ended while it was being taken; it is taken again."""

    TAKING = "taking"
    TAKEN = "taken"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Form(StrEnum):
    """How the cells of a column read: numbers in the column's unit, times in Unix seconds."""

    TEXT = "text"
    NUMBER = "number"
    CODE = "code"
    TIME = "time"


Cell: TypeAlias = str | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; ``meaning`` says in plain words what a number in it tells."""

    title: str
    form: Form = Form.TEXT
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. An ``upright`` one has few rows and is read column by column, each with its meaning."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    upright: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class LineGroup:
    """Lines that differ only in what varies.

    Attributes:
        template: what they have in common.
        pattern: the name of the known pattern they match, None without one.
        first_at, last_at: Unix seconds.
        example: one of them whole; ``lines``: the newest ones, oldest first.
    """

    template: str
    count: int
    pattern: str | None
    first_at: float
    last_at: float
    example: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a log, grouped."""

    title: str
    groups: tuple[LineGroup, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A text as it would stand in a log or on a terminal."""

    title: str
    text: str
    note: str = ""


Piece: TypeAlias = Table | Lines | Words


@dataclass(frozen=True, slots=True)
class Captured:
    """What a capture gave.

    Attributes:
        source: who or what was asked, for a person.
        notes: what is missing of it and why, and what else must be known to read it.
    """

    source: str
    pieces: tuple[Piece, ...] = ()
    notes: tuple[str, ...] = ()


class CaptureError(Exception):
    """A capture that could not be taken; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Who a capture is.

    Attributes:
        subject: which of several, e.g. the target's name; empty when there is only one.
        title: how people call it.
        component: its place in the topology; one without a place touches every failure path.
        lane: captures of one lane share a connection and are never taken at the same time.
    """

    name: CaptureName
    title: str
    pace: Pace
    subject: str = ""
    component: str | None = None
    lane: str = ""

    @property
    def key(self) -> str:
        """Unique among captures, the same over restarts."""
        return f"{self.name}:{self.subject}" if self.subject else str(self.name)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a capture is taken for: the incident as it stands, at the time of an evaluation (Unix seconds)."""

    incident: Incident
    at: float


class Capture(Protocol):
    """Something that can be looked at when an incident opens. Must not change what it looks at."""

    @property
    def traits(self) -> Traits:
        """Who it is."""

    def take(self, asked: Asked, seconds: float) -> Captured:
        """Look once, within so many seconds.

        Raises:
            CaptureError: it could not be taken; any other exception counts as a fault of ours.
        """


@dataclass(frozen=True, slots=True)
class Evidence:
    """One capture as stored.

    Attributes:
        taking: counts the occasions of an incident from 1; what was taken together has the same number.
        because: the rules that joined, for ``joined``.
        asked_at: the evaluation's time (Unix seconds).
        began_at: when it was begun by the clock, None before.
        seconds: how long it took, None before it ended.
        error: why it failed.
    """

    incident_id: int
    taking: int
    occasion: Occasion
    because: str
    traits: Traits
    asked_at: float
    state: EvidenceState = EvidenceState.TAKING
    began_at: float | None = None
    seconds: float | None = None
    captured: Captured = field(default_factory=lambda: Captured(""))
    error: str | None = None
    id: int = 0
