"""Playing the commands of a PromQL test script against a store, and comparing what comes out."""

import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from metrics import QueryError, Store
from metrics.promql.ast import (
    Aggregation,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Paren,
    Subquery,
    Unary,
    VectorSelector,
)
from metrics.promql.parser import parse
from metrics.promql.printer import to_text
from metrics.promql.tree import walk
from metrics.values import Batch, Floats, Labels, Matrix, QueryResult, Sample, Scalar, String, Vector
from tests.metrics.promqltest_script import HISTOGRAM, STALE, Clear, Evaluation, Item, Load, script

_DEPENDS_ON_TIME = {"day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month"}
_DEPENDS_ON_TIME |= {"predict_linear", "time", "timestamp", "year"}
"""Functions whose value depends on the evaluation time even where all selectors are pinned."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one evaluation; no problem means that it passed."""

    wanted: Evaluation
    problem: str | None


def run(text: str) -> Iterator[Outcome]:
    """Play a script."""
    series: dict[Labels, dict[int, Item]] = {}
    store: Store | None = None
    for command in script(text):
        match command:
            case Clear():
                series, store = {}, None
            case Load():
                for labels, items in command.series:
                    points = {place * command.step: item for place, item in enumerate(items)}
                    series[labels] = {**series.get(labels, {}), **points}
                store = None
            case Evaluation():
                store = store or loaded(series)
                yield Outcome(command, _problem(store, command))


def loaded(series: dict[Labels, dict[int, Item]]) -> Store:
    """A store with these samples; series with the same times come from one origin."""
    store = Store(keep=1e9, delayed_name_removal=True)
    origins: dict[tuple[Labels, tuple[int, ...]], list[Labels]] = {}
    for labels, points in series.items():
        alone = labels if STALE in points.values() else ()
        origins.setdefault((alone, _times(points)), []).append(labels)
    for number, together in enumerate(origins.values()):
        sets = tuple(together)
        for at in _times(series[sets[0]]):
            values = [series[labels][at] for labels in sets]
            gone = STALE in values
            numbers: Floats = np.array([] if gone else values, dtype=float)
            store.append(Batch(str(number), at / 1000, () if gone else sets, numbers))
    return store


def _times(points: dict[int, Item]) -> tuple[int, ...]:
    return tuple(sorted(at for at, item in points.items() if item not in {None, HISTOGRAM}))


def _problem(store: Store, wanted: Evaluation) -> str | None:
    if wanted.step:
        return _asked(store, wanted)
    for expr, at in ((wanted.expr, wanted.start), *pinned(wanted.expr, wanted.start)):
        each = replace(wanted, expr=expr, start=at, end=at)
        problem = _asked(store, each) or _asked_as_range(store, each)
        if problem:
            return f"{expr} at {at} ms: {problem}"
    return None


def _asked(store: Store, wanted: Evaluation) -> str | None:
    start, end, step = wanted.start / 1000, wanted.end / 1000, wanted.step / 1000
    try:
        answer = store.ask_range(wanted.expr, start, end, step) if step else store.ask(wanted.expr, start)
    except QueryError as error:
        return _failure(wanted, error)
    if wanted.fails:
        return f"should fail, gave {answer.result}"
    told = {"warn": answer.warnings, "info": answer.infos}
    return _difference(wanted, answer.result) or _wrongly_told(wanted, told)


def _wrongly_told(wanted: Evaluation, told: Mapping[str, tuple[str, ...]]) -> str | None:
    """What is wrong with the warnings and infos."""
    for kind, found in told.items():
        if found and f"no_{kind}" in wanted.notes:
            return f"unexpected {kind}: {found}"
        patterns = wanted.notes.get(kind, [])
        if patterns and not found:
            return f"no {kind}, should be {patterns}"
        stray = [each for each in found if patterns and not any(re.search(one, each) for one in patterns)]
        if stray:
            return f"{kind} {stray} should be {patterns}"
    return None


def _asked_as_range(store: Store, wanted: Evaluation) -> str | None:
    """The middle step of a range query must be what the instant query gives."""
    if wanted.fails or wanted.ordered or re.search(r"\b(start|end|range|step)\(\)", wanted.expr):
        return None
    at = wanted.start / 1000
    try:
        found = store.query_range(wanted.expr, at - 60, at + 60, 60)
    except QueryError as error:
        return f"as a range query: {error.message}"
    middle = [
        Sample(each.labels, float(value), at)
        for each in found.series
        for when, value in zip(each.at, each.values, strict=True)
        if when == at
    ]
    single = wanted.number is not None and len(middle) == 1
    return _difference(wanted, Scalar(middle[0].value, at) if single else Vector(tuple(middle)))


def pinned(expr: str, at: int) -> Iterator[tuple[str, int]]:
    """The expression with ``@`` at its time on every selector, and other times to ask it at."""
    try:
        tree = parse(expr)
    except QueryError:
        return
    if any(isinstance(node, Call) and node.function in _DEPENDS_ON_TIME for node, _ in walk(tree)):
        return
    text = to_text(_pinned(tree, at))
    for when in (-10 * at, 0, at // 5, at, 10 * at) if at else (-1000, 0, 1000):
        yield text, when


def _pinned(expr: Expr, at: int) -> Expr:  # noqa: PLR0911 -- one return per kind of node
    match expr:
        case VectorSelector() | Subquery():
            return replace(expr, at_ms=at if expr.at_ms is None else expr.at_ms)
        case MatrixSelector():
            before = expr.selector.at_ms
            return replace(expr, selector=replace(expr.selector, at_ms=at if before is None else before))
        case Call():
            return replace(expr, args=tuple(_pinned(arg, at) for arg in expr.args))
        case Aggregation():
            param = expr.param and _pinned(expr.param, at)
            return replace(expr, expr=_pinned(expr.expr, at), param=param)
        case Binary():
            return replace(expr, left=_pinned(expr.left, at), right=_pinned(expr.right, at))
        case Unary() | Paren():
            return replace(expr, expr=_pinned(expr.expr, at))
        case _:
            return expr


def _failure(wanted: Evaluation, error: QueryError) -> str | None:
    if not wanted.fails:
        return f"{error.kind}: {error.message}"
    if wanted.failure and not re.search(wanted.failure, error.message):
        return f"failed with {error.message!r}, should be {wanted.failure!r}"
    return None


def _difference(wanted: Evaluation, found: QueryResult) -> str | None:
    match found:
        case Scalar():
            same = wanted.number is not None and almost(found.value, wanted.number)
            return None if same else f"{found.value} is not {wanted.number}"
        case String():
            return f"a string: {found.value!r}"
        case Vector():
            return _vector_difference(wanted, found)
        case Matrix():
            return _matrix_difference(wanted, found)


def _vector_difference(wanted: Evaluation, found: Vector) -> str | None:
    expected = [(labels, items[0]) for labels, items in wanted.series]
    got: list[tuple[Labels, Item]] = [(sample.labels, sample.value) for sample in found.samples]
    if not wanted.ordered:
        expected, got = sorted(expected, key=lambda pair: pair[0]), sorted(got, key=lambda pair: pair[0])
    if [labels for labels, _ in expected] != [labels for labels, _ in got]:
        return f"{got} should be {expected}"
    off = [(a, b) for a, b in zip(got, expected, strict=True) if not almost(a[1], b[1])]
    return f"{off}" if off else None


def _matrix_difference(wanted: Evaluation, found: Matrix) -> str | None:
    expected = {labels: _points(wanted, items) for labels, items in wanted.series}
    got: dict[Labels, dict[int, Item]] = {
        each.labels: {round(at * 1000): float(value) for at, value in zip(each.at, each.values, strict=True)}
        for each in found.series
    }
    if sorted(got) != [each.labels for each in found.series]:
        return "not sorted by labels"
    if wanted.number is not None:
        expected = {(): dict.fromkeys(range(wanted.start, wanted.end + 1, wanted.step), wanted.number)}
    if got.keys() != expected.keys():
        return f"{got} should be {expected}"
    for labels, points in expected.items():
        if points.keys() != got[labels].keys():
            return f"{labels}: {got[labels]} should be {points}"
        if any(not almost(got[labels][at], points[at]) for at in points):
            return f"{labels}: {got[labels]} should be {points}"
    return None


def _points(wanted: Evaluation, items: tuple[Item, ...]) -> dict[int, Item]:
    times = range(wanted.start, wanted.end + 1, wanted.step or 1)
    return {at: item for at, item in zip(times, items, strict=False) if item is not None}


def almost(a: Item, b: Item) -> bool:
    """Equal within 1e-6 of the smaller magnitude, as the tests of Prometheus compare."""
    if not isinstance(a, float) or not isinstance(b, float):
        return a == b
    if math.isnan(a) and math.isnan(b):
        return True
    if a == b:
        return True
    smallest = sys.float_info.min
    if a == 0 or b == 0 or abs(a) + abs(b) < smallest:
        return abs(a - b) < 1e-6 * smallest
    return abs(a - b) / min(abs(a) + abs(b), sys.float_info.max) < 1e-6
