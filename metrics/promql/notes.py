"""What an evaluation says besides its value: Prometheus' warnings and infos, in the words of 3.5."""

from enum import StrEnum

import numpy as np

from metrics.errors import Span, line_and_column
from metrics.promql.literals import quoted
from metrics.promql.numbers import go_short
from metrics.values import Floats

_MONOTONICITY = (
    "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


class Severity(StrEnum):
    """A warning: the value is likely not what was meant. An info: something to look at."""

    WARNING = "PromQL warning"
    INFO = "PromQL info"


class Notes:
    """Collects what is to be told, the same text once, with the last place that gave rise to it."""

    __slots__ = ("_spans", "_worst")

    def __init__(self) -> None:
        self._spans: dict[tuple[Severity, str], Span] = {}
        self._worst: dict[Span, Floats] = {}

    def told(self, severity: Severity, text: str) -> tuple[str, ...]:
        """The notes of one severity, each with line and column in the query ``text``."""
        for place, found in self._worst.items():
            self.quantiles(_told(found), place)
        return tuple(
            "{}: {} ({}:{})".format(kind, message, *line_and_column(text, span.start))
            for (kind, message), span in self._spans.items()
            if kind is severity
        )

    def quantiles(self, wanted: Floats, span: Span) -> None:
        """Warn of each quantile that is not between 0 and 1."""
        odd = wanted[~((wanted >= 0) & (wanted <= 1))]
        for value in np.unique(odd).tolist():
            message = f"quantile value should be between 0 and 1, got {go_short(value)}"
            self._spans[Severity.WARNING, message] = span

    def worst_quantiles(self, wanted: Floats, span: Span) -> None:
        """Warn of the lowest and the highest quantile of all steps, and of NaN, once the question is done."""
        found = np.concatenate((self._worst.get(span, wanted[:0]), wanted))
        known = found[~np.isnan(found)]
        edges = (known.min(), known.max()) if len(known) else ()
        self._worst[span] = np.array([*edges, *found[np.isnan(found)][:1]])

    def bad_bucket(self, metric: str, bound: str, span: Span) -> None:
        """Warn of a bucket whose upper bound is no number."""
        found = f'bucket label "le" is missing or has a malformed value of {quoted(bound)}'
        self._spans[Severity.WARNING, f"{found} for metric name {quoted(metric)}"] = span

    def forced_monotonicity(self, metric: str, span: Span) -> None:
        """Tell of buckets that fell where they should not."""
        self._spans[Severity.INFO, f"{_MONOTONICITY} for metric name {quoted(metric)}"] = span

    def possible_non_counter(self, metric: str, span: Span) -> None:
        """Tell of a metric that is treated as a counter but is not named like one."""
        text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket"
        self._spans[Severity.INFO, f"{text}: {quoted(metric)}"] = span


def _told(edges: Floats) -> Floats:
    """Of the lowest and the highest each that is beyond 0 or 1; beside NaN only where it is infinite."""
    if len(edges) == 1:
        return edges
    lowest, highest, *nan = edges.tolist()
    known = ([lowest] if lowest < 0 else []) + ([highest] if highest > 1 else [])
    return np.array([*(each for each in known if not nan or np.isinf(each)), *nan])
