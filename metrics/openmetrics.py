"""OpenMetrics 1.0 text with the samples of many times: how series, values and times are written.

A file has no ``# TYPE`` lines, as a store does not keep types: every metric is a family of its own, of the
type *unknown*. Sources: the OpenMetrics specification 1.0, *Text format*; what ``promtool tsdb
create-blocks-from openmetrics`` reads.
"""

import math
import re
from collections.abc import Iterable, Iterator

import numpy as np

from metrics.promql.frame import Times
from metrics.promql.label_sets import NAME
from metrics.values import Floats, Labels, label

END = "# EOF\n"

_LINES = 50_000
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def sayable(labels: Labels) -> bool:
    """Whether OpenMetrics 1.0 has words for these names; values may be any text."""
    names = (_LABEL.fullmatch(name) for name, _ in labels if name != NAME)
    return _METRIC.fullmatch(label(labels, NAME)) is not None and all(names)


def order(labels: Labels) -> tuple[str, Labels]:
    """Sorts series so that those of one metric stand together."""
    return label(labels, NAME), labels


def series(labels: Labels) -> str:
    """A series as it stands before its value."""
    pairs = [f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels if name != NAME]
    return f"{label(labels, NAME)}{{{','.join(pairs)}}}" if pairs else label(labels, NAME)


def lines(labels: Labels, times: Times, values: Floats) -> Iterator[str]:
    """The lines of one series, many in one text.

    Values are the shortest text that reads back as the very same number; NaN has one spelling.
    """
    head = series(labels)
    for begin in range(0, len(times), _LINES):
        some = slice(begin, begin + _LINES)
        written = zip(_numbers(values[some]), _seconds(times[some]), strict=True)
        yield "".join([f"{head} {value} {at}\n" for value, at in written])


def _numbers(values: Floats) -> Iterable[str]:
    texts = map(repr, values.tolist())
    return texts if np.isfinite(values).all() else map(_number, values.tolist())


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else f"{value:+}".replace("inf", "Inf")


def _seconds(times: Times) -> Iterable[str]:
    """Milliseconds as seconds, exactly."""
    signs = ("-" if at < 0 else "" for at in times.tolist())
    parts = (divmod(abs(at), 1000) for at in times.tolist())
    return (f"{sign}{whole}.{rest:03d}" for sign, (whole, rest) in zip(signs, parts, strict=True))
