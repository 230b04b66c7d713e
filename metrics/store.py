"""The embedded store: what was scraped, kept in memory and asked in PromQL."""

from collections.abc import Mapping, Sequence

from metrics.promql.limits import Limits
from metrics.values import Appended, Batch, Labels, Matrix, Metadata, QueryResult


class Store:
    """Grids of samples by origin, an index over their labels, and the questions that are asked of them.

    Every method may be called from any thread. A query sees whole batches only, and never blocks an append
    of series that are already known.

    Args:
        keep: seconds that samples stay in memory, at least.
        lookback: seconds after which a series without a new sample is gone for an instant selector.
        limits: how much one question may load.
        subquery_step: seconds between the points of ``[5m:]``.
        delayed_name_removal: drop metric names only at the very end, as Prometheus does behind a flag.
    """

    def __init__(
        self,
        *,
        keep: float = 900.0,
        lookback: float = 300.0,
        limits: Limits | None = None,
        subquery_step: float = 60.0,
        delayed_name_removal: bool = False,
    ) -> None:
        raise NotImplementedError

    def append(self, batch: Batch) -> Appended:
        """Keep one look at one origin; a batch that is not newer than the origin's last one is refused."""
        raise NotImplementedError

    def query(self, expr: str, at: float) -> QueryResult:
        """Evaluate at one time (Unix seconds). Raises QueryError."""
        raise NotImplementedError

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        """Evaluate at start, start+step, ... end (seconds). Raises QueryError."""
        raise NotImplementedError

    def freshness(self, expr: str, at: float) -> float | None:
        """Age in seconds of the oldest newest-sample over the selectors; see ``Asker.freshness``."""
        raise NotImplementedError

    def origins(self, expr: str, at: float) -> frozenset[str]:
        """The origins whose series the selectors matched within the lookback; see ``Asker.origins``."""
        raise NotImplementedError

    def series(self, selectors: Sequence[str], start: float, end: float) -> tuple[Labels, ...]:
        """Label sets with a sample in [start, end] that match any of the selector texts, sorted."""
        raise NotImplementedError

    def label_names(self, selectors: Sequence[str] = ()) -> tuple[str, ...]:
        """Label names in use, sorted; of the series that match, when selectors are given."""
        raise NotImplementedError

    def label_values(self, name: str, selectors: Sequence[str] = ()) -> tuple[str, ...]:
        """Values of one label, sorted; of the series that match, when selectors are given."""
        raise NotImplementedError

    def metadata(self) -> Mapping[str, Metadata]:
        """What the last expositions said of each metric, by metric name."""
        raise NotImplementedError
