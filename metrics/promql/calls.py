"""Function calls: which function works on what."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from metrics.promql import elementwise, over_time, rates
from metrics.promql.absent import absent
from metrics.promql.ast import Call, Expr, StringLiteral, VectorSelector
from metrics.promql.clashes import alone, unnamed
from metrics.promql.context import Context, Evaluate
from metrics.promql.frame import Frame, Numbers, Value, derived, everywhere, taken
from metrics.promql.histogram import Told, histogram_fraction, histogram_quantile
from metrics.promql.instant import latest
from metrics.promql.label_sets import NAME, ONE, Indices, LabelSets
from metrics.promql.literals import readable
from metrics.promql.relabel import label_join, label_replace
from metrics.promql.tree import bare
from metrics.promql.windows import Found, Ranges, SharedWindows, Windows, over, ranges
from metrics.values import Floats, label

_PLAIN_RANGES: Mapping[str, Callable[[Windows], Found]] = MappingProxyType(
    {
        "rate": rates.rate,
        "increase": rates.increase,
        "delta": rates.delta,
        "irate": rates.irate,
        "idelta": rates.idelta,
        "changes": rates.changes,
        "resets": rates.resets,
        "deriv": over_time.deriv,
        "avg_over_time": over_time.avg_over_time,
        "count_over_time": over_time.count_over_time,
        "max_over_time": over_time.max_over_time,
        "min_over_time": over_time.min_over_time,
        "present_over_time": over_time.present_over_time,
        "stddev_over_time": over_time.stddev_over_time,
        "stdvar_over_time": over_time.stdvar_over_time,
        "sum_over_time": over_time.sum_over_time,
    }
)

_SHARED_RANGES: Mapping[str, Callable[[SharedWindows], Found]] = MappingProxyType(
    {"rate": rates.shared_rate, "increase": rates.shared_increase, "delta": rates.shared_delta}
)

_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


class Asked(NamedTuple):
    """One call at the steps of a context."""

    node: Call
    context: Context
    evaluate: Evaluate

    def vector(self, place: int) -> Frame:
        """An argument that is a vector."""
        return vector(self.node.args[place], self.context, self.evaluate)

    def ranges(self, place: int) -> Ranges:
        """An argument that is a range vector."""
        return ranges(self.node.args[place], self.context, self.evaluate)

    def numbers(self, place: int) -> Floats:
        """An argument that is a scalar, one number per step."""
        return numbers(self.node.args[place], self.context, self.evaluate)

    def told(self, place: int) -> Told:
        """What histograms need besides their buckets, which are this argument."""
        return Told(self.context.notes, bare(self.node.args[place]).span, self.context.delayed)

    def derived(self, frame: Frame) -> Frame:
        """A frame that is no longer the metric that it came from."""
        return derived(frame.sets, frame.values, frame.present, self.context.delayed)

    def of_ranges(self, frame: Frame) -> Frame:
        """The same for what range functions give: rows of one label set do not take turns."""
        return unnamed(frame, self.node.span, self.context.delayed, self.context.clashes)

    def renamed(self, before: Frame, made: Frame) -> Frame:
        """The same for what has other labels than ``before``."""
        return alone(made, before.sets, self.node.span, self.context.clashes)


def call(node: Call, context: Context, evaluate: Evaluate) -> Value:
    """The value of a function call."""
    return CALLED[node.function](Asked(node, context, evaluate))


def vector(expr: Expr, context: Context, evaluate: Evaluate) -> Frame:
    """A vector that an expression gives."""
    value = evaluate(expr, context)
    if not isinstance(value, Frame):
        raise TypeError(f"{type(expr).__name__} is not a vector")
    return value


def numbers(expr: Expr, context: Context, evaluate: Evaluate) -> Floats:
    """A scalar that an expression gives, one number per step."""
    value = evaluate(expr, context)
    if not isinstance(value, Numbers):
        raise TypeError(f"{type(expr).__name__} is not a scalar")
    return value.values


def text(expr: Expr) -> str:
    """A string that an expression gives."""
    inner = bare(expr)
    if not isinstance(inner, StringLiteral):
        raise TypeError(f"{type(expr).__name__} is not a string")
    return inner.value


def _over_range(asked: Asked) -> Frame:
    return asked.of_ranges(_worked(asked))


def _worked(asked: Asked) -> Frame:
    name = asked.node.function
    return over(asked.ranges(0), _PLAIN_RANGES[name], _SHARED_RANGES.get(name))


def _of_counter(asked: Asked) -> Frame:
    found = _worked(asked)
    for name, rows in found.sets.remember("unlike counters", lambda: _unlike_counters(found.sets)):
        if found.present[rows].any():
            asked.context.notes.possible_non_counter(name, bare(asked.node.args[0]).span)
    return asked.of_ranges(found)


def _unlike_counters(sets: LabelSets) -> tuple[tuple[str, Indices], ...]:
    """The metric names that are not a counter's, each with its rows."""
    rows: dict[str, list[int]] = {}
    for row, labels in enumerate(sets.labels):
        name = label(labels, NAME)
        if name and not name.endswith(_COUNTER_SUFFIXES):
            rows.setdefault(name, []).append(row)
    return tuple((name, np.array(found)) for name, found in rows.items())


def _last_over_time(asked: Asked) -> Frame:
    return over(asked.ranges(0), over_time.last_over_time)


def _quantile_over_time(asked: Asked) -> Frame:
    wanted = asked.numbers(0)
    found = over(asked.ranges(1), lambda each: over_time.quantile_over_time(each, wanted))
    asked.context.notes.quantiles(wanted[found.present.any(axis=0)], asked.node.args[0].span)
    return asked.of_ranges(found)


def _predict_linear(asked: Asked) -> Frame:
    ahead = asked.numbers(1)
    return asked.of_ranges(over(asked.ranges(0), lambda each: over_time.predict_linear(each, ahead)))


def _maths(asked: Asked) -> Frame:
    return _each(asked, elementwise.MATHS[asked.node.function])


def _date_part(asked: Asked) -> Frame:
    work = elementwise.DATES[asked.node.function]
    return _each(asked, work) if asked.node.args else everywhere(ONE, work(_times(asked))[None, :])


def _each(asked: Asked, work: Callable[[Floats], Floats]) -> Frame:
    frame = asked.vector(0)
    return asked.derived(Frame(frame.sets, work(frame.values), frame.present))


def _clamp(asked: Asked) -> Frame:
    name = asked.node.function
    low = np.full(1, -np.inf) if name == "clamp_max" else asked.numbers(1)
    high = np.full(1, np.inf) if name == "clamp_min" else asked.numbers(len(asked.node.args) - 1)
    return asked.derived(elementwise.clamp(asked.vector(0), low, high))


def _round(asked: Asked) -> Frame:
    nearest = asked.numbers(1) if len(asked.node.args) > 1 else np.ones(1)
    return asked.derived(elementwise.rounded(asked.vector(0), nearest))


def _timestamp(asked: Asked) -> Frame:
    inner = bare(asked.node.args[0])
    if isinstance(inner, VectorSelector):
        newest = latest(inner, asked.context)
        return asked.derived(Frame(newest.frame.sets, newest.at / 1000.0, newest.frame.present))
    frame = asked.vector(0)
    at = np.broadcast_to(_times(asked), frame.values.shape)
    return asked.derived(Frame(frame.sets, at, frame.present))


def _times(asked: Asked) -> Floats:
    return asked.context.times / 1000.0


def _scalar(asked: Asked) -> Numbers:
    frame = asked.vector(0)
    only = np.where(frame.present, frame.values, 0.0).sum(axis=0)
    return Numbers(np.where(frame.present.sum(axis=0) == 1, only, np.nan))


def _vector(asked: Asked) -> Frame:
    return everywhere(ONE, asked.numbers(0)[None, :])


def _time(asked: Asked) -> Numbers:
    return Numbers(_times(asked))


def _pi(asked: Asked) -> Numbers:
    return Numbers(np.full(len(asked.context.times), np.pi))


def _sort(asked: Asked) -> Frame:
    """Order by value, NaN last; a range query keeps the order of labels."""
    frame = asked.vector(0)
    if len(asked.context.times) != 1:
        return frame
    values = frame.values[:, 0] if asked.node.function == "sort" else -frame.values[:, 0]
    return taken(frame, np.argsort(values, kind="stable"))


def _histogram_quantile(asked: Asked) -> Frame:
    wanted, frame = asked.numbers(0), asked.vector(1)
    asked.context.notes.quantiles(wanted, asked.node.args[0].span)
    return histogram_quantile(wanted, frame, asked.told(1))


def _histogram_fraction(asked: Asked) -> Frame:
    lower, upper = asked.numbers(0), asked.numbers(1)
    return histogram_fraction(lower, upper, asked.vector(2), asked.told(2))


def _label_replace(asked: Asked) -> Frame:
    target, replacement, source, pattern = (text(arg) for arg in asked.node.args[1:])
    frame, shown = asked.vector(0), (readable(replacement), readable(source))
    return asked.renamed(frame, label_replace(frame, target, *shown, pattern))


def _label_join(asked: Asked) -> Frame:
    target, separator, *sources = (text(arg) for arg in asked.node.args[1:])
    frame = asked.vector(0)
    return asked.renamed(frame, label_join(frame, target, readable(separator), tuple(sources)))


def _absent(asked: Asked) -> Frame:
    return absent(asked.node.args[0], asked.vector(0))


def _absent_over_time(asked: Asked) -> Frame:
    return absent(asked.node.args[0], over(asked.ranges(0), over_time.present_over_time))


CALLED: Mapping[str, Callable[[Asked], Value]] = MappingProxyType(
    {
        **dict.fromkeys(_PLAIN_RANGES, _over_range),
        **dict.fromkeys(("rate", "increase"), _of_counter),
        **dict.fromkeys(elementwise.MATHS, _maths),
        **dict.fromkeys(elementwise.DATES, _date_part),
        **dict.fromkeys(("clamp", "clamp_min", "clamp_max"), _clamp),
        **dict.fromkeys(("sort", "sort_desc"), _sort),
        "absent": _absent,
        "absent_over_time": _absent_over_time,
        "histogram_fraction": _histogram_fraction,
        "histogram_quantile": _histogram_quantile,
        "label_join": _label_join,
        "label_replace": _label_replace,
        "last_over_time": _last_over_time,
        "pi": _pi,
        "predict_linear": _predict_linear,
        "quantile_over_time": _quantile_over_time,
        "round": _round,
        "scalar": _scalar,
        "time": _time,
        "timestamp": _timestamp,
        "vector": _vector,
    }
)
"""Every function that is evaluated."""
