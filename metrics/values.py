"""The values that PromQL takes and gives.

Times are Unix seconds (UTC) as float at this interface; the engine counts in whole milliseconds inside,
as Prometheus does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label pairs sorted by name, without empty values; the metric name is the pair ``__name__``."""

Pairs: TypeAlias = dict[tuple[str, str], tuple[str, str]]
"""Label pairs, each by itself: see ``made_of``."""

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series at one time (Unix seconds)."""

    labels: Labels
    value: float
    at: float


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number without labels."""

    value: float
    at: float


@dataclass(frozen=True, slots=True)
class String:
    """A string literal's result."""

    value: str
    at: float


@dataclass(frozen=True, slots=True)
class Vector:
    """Samples at one time, one per label set."""

    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Points:
    """One series over time: ``at`` in Unix seconds ascending, ``values`` of the same length."""

    labels: Labels
    at: Floats
    values: Floats


@dataclass(frozen=True, slots=True)
class Matrix:
    """Series over time, sorted by labels."""

    series: tuple[Points, ...]


QueryResult: TypeAlias = Scalar | String | Vector | Matrix

Result = TypeVar("Result", bound=Scalar | String | Vector | Matrix)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Result]):
    """A result and what Prometheus tells beside it.

    Attributes:
        result: the value.
        warnings: such as ``PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)``.
        infos: such as ``PromQL info: metric might not be a counter, ... (1:6)``.
    """

    result: Result
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an exposition says of a metric: ``type`` is counter, gauge, histogram, summary or unknown."""

    type: str
    help: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of one look at one origin, all at one time.

    A series of this origin's previous batch that is absent here becomes stale; an empty batch makes all of
    them stale (the target is down or gone).

    Attributes:
        origin: who brings the series; one Grid each. A series claimed by two origins belongs to the first.
        at: Unix seconds.
        labels: one label set per value. Handing over the same tuple object as in the previous batch is the
            fast path: nothing is looked up again.
        values: float64, the same length; NaN and infinities are values.
    """

    origin: str
    at: float
    labels: tuple[Labels, ...]
    values: Floats
    metadata: Mapping[str, Metadata] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pushed:
    """Samples with timestamps of their own.

    A series of this origin that is absent here does not become stale: only a sample with Prometheus' marker
    (a NaN, bits 0x7ff0000000000002) says so, or that none has come for the lookback.

    Attributes:
        origin: who brings the series.
        received: when they came, Unix seconds: judges their times (``metrics.acceptance``).
        labels: one label set per sample; a label set may occur more than once.
        times: Unix seconds, the same length.
        values: float64, the same length.
    """

    origin: str
    received: float
    labels: tuple[Labels, ...]
    times: Floats
    values: Floats
    metadata: Mapping[str, Metadata] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of samples.

    Attributes:
        stored: are kept; those of a push that were there already, with the same value, count nowhere.
        duplicates: had a time of which there was another value.
        claimed_elsewhere: belong to a series that another origin brought first.
        out_of_order: were older than their series' newest, and too late for that.
        out_of_bounds: had a time too long ago, or too far ahead.
    """

    stored: int
    duplicates: int = 0
    claimed_elsewhere: int = 0
    out_of_order: int = 0
    out_of_bounds: int = 0


class Asker(Protocol):
    """What rules, guards, pages and drills need of the metrics room."""

    def query(self, expr: str, at: float) -> QueryResult:
        """Evaluate at one time. Raises ``metrics.errors.QueryError`` (position, kind, text)."""

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        """Evaluate at start, start+step, ... end (all seconds)."""

    def freshness(self, expr: str, at: float) -> float | None:
        """Age in seconds of the oldest newest-sample over the selectors of ``expr``.

        None when a selector has no sample at all within the lookback.
        """

    def origins(self, expr: str, at: float) -> frozenset[str]:
        """The origins whose series the selectors of ``expr`` matched within the lookback, stale ones too."""


def always() -> bool:
    """There is no hurry."""
    return True


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed on for one question.

    Attributes:
        lookback: seconds after which a series without a new sample is gone; None for the asker's own.
        goes_on: asked again and again while the question is answered: False when its time is up. It may
            also make it wait, for something that goes first.
    """

    lookback: float | None = None
    goes_on: Callable[[], bool] = always


PLAIN = Terms()


class AnnotatedAsker(Asker, Protocol):
    """An asker that also gives the warnings and infos of an evaluation, as the HTTP API shows them."""

    def ask(self, expr: str, at: float, terms: Terms = PLAIN) -> Answer[QueryResult]:
        """As ``query``."""

    def ask_range(
        self, expr: str, start: float, end: float, step: float, terms: Terms = PLAIN
    ) -> Answer[Matrix]:
        """As ``query_range``."""


def label(labels: Labels, name: str, default: str = "") -> str:
    """The value of one label, or the default."""
    return next((value for key, value in labels if key == name), default)


def labels_of(pairs: Mapping[str, str] | Sequence[tuple[str, str]]) -> Labels:
    """The canonical form: sorted by name, empty values dropped."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return tuple(sorted((key, value) for key, value in items if value))


def made_of(pairs: Pairs, labels: Labels) -> Labels:
    """The same label set, made of the pairs that are known; its other ones are known from then on.

    The series of a page have few different pairs: an object for each of them takes a fifth of the room.
    """
    return tuple([pairs.setdefault(pair, pair) for pair in labels])
