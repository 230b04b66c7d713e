"""What a dashboard of ours consists of, before it is Grafana's JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Colour(StrEnum):
    """Names in Grafana's palette; they follow the light and the dark theme."""

    GREEN = "green"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"
    BLUE = "blue"
    PURPLE = "purple"


class Unit(StrEnum):
    """Grafana's ids of units."""

    NONE = "short"
    SECONDS = "s"
    BYTES = "bytes"
    BYTES_PER_SECOND = "binBps"
    SHARE = "percentunit"
    REQUESTS_PER_SECOND = "reqps"
    OPERATIONS_PER_SECOND = "ops"
    EVENTS_PER_SECOND = "cps"


class Kind(StrEnum):
    """Grafana's ids of the panels that are used."""

    GRAPH = "timeseries"
    NUMBER = "stat"
    STATES = "state-timeline"


class Draw(StrEnum):
    """How a graph draws its series."""

    LINES = "lines"
    STEPS = "steps"
    BARS = "bars"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query of a panel.

    Attributes:
        legend: Grafana's legend format, e.g. ``{{name}}``.
        bound: a limit that others are measured by: drawn as a dashed line without area.
    """

    expr: str
    legend: str
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """From ``value`` on, this colour."""

    value: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class State:
    """What a number means in a timeline of states."""

    text: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        description: shown at the panel's corner; says what a person reads from it.
        width: of 24 columns.
        steps: thresholds above the base colour, ascending.
        base: colour below the first threshold.
        maximum: upper end of the axis, where values have one.
        logarithmic: the axis, for values that differ by powers of ten.
        states: by value, for a timeline of states.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: Unit = Unit.NONE
    kind: Kind = Kind.GRAPH
    width: int = 8
    draw: Draw = Draw.LINES
    base: Colour = Colour.GREEN
    steps: tuple[Step, ...] = ()
    maximum: float | None = None
    decimals: int | None = None
    logarithmic: bool = False
    states: Mapping[int, State] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A headed line of panels, laid from left to right and wrapped at 24 columns."""

    title: str
    panels: tuple[Panel, ...]
    height: int = 8


@dataclass(frozen=True, slots=True)
class Marks:
    """Annotations shown on every graph: those that carry all of these tags."""

    name: str
    tags: tuple[str, ...]
    colour: Colour


@dataclass(frozen=True, slots=True)
class Link:
    """A way from the dashboard to somewhere else."""

    title: str
    url: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A whole dashboard.

    Attributes:
        uid: stays the same for ever: links and pushes go by it.
        data_source: uid and name of the data source that is chosen at first; None: Grafana's default.
    """

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    data_source: tuple[str, str] | None
    rows: tuple[Row, ...]
    marks: tuple[Marks, ...]
    links: tuple[Link, ...]

    @property
    def queries(self) -> tuple[tuple[str, Query], ...]:
        """Every query with a name for it: row, panel and legend."""
        return tuple(
            (f"{row.title} / {panel.title} / {query.legend}", query)
            for row in self.rows
            for panel in row.panels
            for query in panel.queries
        )
