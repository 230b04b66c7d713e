"""A report as a value: what it says, not how it looks. Whoever makes one converts their results to these."""

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How something is meant."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"


class Paint(StrEnum):
    """Which of the compared things a line, a band or a mark belongs to; each has one colour everywhere."""

    FIRST = "first"
    SECOND = "second"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Series:
    """A line: points of (x, y) with ascending x. ``steps`` holds each value until the next; ``thin`` is a
    second line of the same paint."""

    name: str
    paint: Paint
    points: tuple[tuple[float, float], ...]
    steps: bool = False
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """A span of x that means something."""

    name: str
    paint: Paint
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant, shown by its letter; the same letter means the same in every chart."""

    letter: str
    paint: Paint
    at: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line with a name."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over a shared x from ``since`` to ``until``, seconds. ``logarithmic`` shows values from 1 up."""

    title: str
    unit: str
    since: float
    until: float
    series: tuple[Series, ...]
    bands: tuple[Band, ...] = ()
    marks: tuple[Mark, ...] = ()
    limits: tuple[Limit, ...] = ()
    note: str = ""
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its title, then a cell for each further column; ``part`` belongs to the row above."""

    title: str
    cells: tuple[str, ...]
    part: bool = False
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``columns`` include the one of the titles. ``paints`` colour the columns after the first."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    note: str = ""
    paints: tuple[Paint, ...] = ()


@dataclass(frozen=True, slots=True)
class Tile:
    """A headline figure of both things compared."""

    title: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log or a timeline: when, in words, and what."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines of a log or a timeline; ``verbatim`` ones are shown as machines wrote them."""

    title: str
    lines: tuple[Line, ...]
    note: str = ""
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report with its text first."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    listings: tuple[Listing, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report.

    Attributes:
        first, second: names of the two things compared.
        conclusion: one sentence that stands on top, in its tone.
        facts: (name, value) of where the report comes from.
        at: Unix seconds at which it was made; ``since`` to ``until`` is the time it speaks of.
    """

    title: str
    subtitle: str
    first: str
    second: str
    conclusion: str
    verdict: str
    tone: Tone
    at: float
    since: float
    until: float
    facts: tuple[tuple[str, str], ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
