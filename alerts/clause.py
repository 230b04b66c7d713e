"""An expression taken apart at its top-level ``and``s: comparisons of a value with a threshold, and the rest.

``a > 5 and b == c`` has two clauses, each with a value, an operator and a threshold of its own, so that a
person can be told which of them keeps the whole from being true, and by how much.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from alerts.unit import unit_of
from metrics.promql.ast import Binary, Expr, NumberLiteral, Paren, ValueType, VectorMatching
from metrics.promql.parser import parse
from metrics.promql.printer import to_text
from metrics.promql.tree import type_of
from metrics.values import Labels, QueryResult, Sample, Scalar, Vector

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "==": lambda value, threshold: value == threshold,
    "!=": lambda value, threshold: value != threshold,
    ">": lambda value, threshold: value > threshold,
    "<": lambda value, threshold: value < threshold,
    ">=": lambda value, threshold: value >= threshold,
    "<=": lambda value, threshold: value <= threshold,
}
_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of an expression.

    Attributes:
        text: its PromQL.
        left, op, right: the value's PromQL, the operator and the threshold's PromQL; all empty where the
            clause is no comparison. The value is always on the left: ``5 < a`` is told as ``a > 5``.
        unit: of the value, where the metrics' names tell it.
        constant: the threshold where it is a plain number.
        matching: how series meet, None beside a scalar.
    """

    text: str
    left: str = ""
    op: str = ""
    right: str = ""
    unit: str = ""
    constant: float | None = None
    matching: VectorMatching | None = None

    @property
    def compares(self) -> bool:
        """Whether it has a value and a threshold."""
        return bool(self.op)


@dataclass(frozen=True, slots=True)
class ClauseReading:
    """A clause at one time.

    Attributes:
        holding: series for which it is true.
        compared: series that have both a value and a threshold; for what is no comparison, as ``holding``.
        value, threshold: of the series nearest to making it true (true ones first), None where there is none.
        labels: of that series, without its name.
    """

    clause: Clause
    holding: int
    compared: int
    value: float | None = None
    threshold: float | None = None
    labels: Labels = ()


def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of an expression, in the order of the text.

    Raises:
        QueryError: the text cannot be parsed.
    """
    return tuple(_clause(expr) for expr in _conjuncts(parse(text)))


def returned(clause: Clause, result: QueryResult) -> ClauseReading:
    """A clause that is no comparison, by what it returned."""
    count = len(_samples(result))
    return ClauseReading(clause, count, count)


def compared(clause: Clause, left: QueryResult, right: QueryResult | float) -> ClauseReading:
    """A comparison, by what its two sides returned."""
    pairs = list(_pairs(clause, _samples(left), right))
    holding = sum(_HOLDS[clause.op](sample.value, threshold) for sample, threshold in pairs)
    usable = [pair for pair in pairs if not math.isnan(pair[0].value - pair[1])] or pairs
    if not usable:
        return ClauseReading(clause, 0, 0)
    sample, threshold = min(usable, key=lambda pair: _distance(clause.op, pair[0].value, pair[1]))
    labels = tuple(pair for pair in sample.labels if pair[0] != "__name__")
    return ClauseReading(clause, holding, len(pairs), sample.value, threshold, labels)


def _conjuncts(expr: Expr) -> Iterator[Expr]:
    while isinstance(expr, Paren):
        expr = expr.expr
    if isinstance(expr, Binary) and expr.op == "and":
        yield from _conjuncts(expr.left)
        yield from _conjuncts(expr.right)
    else:
        yield expr


def _clause(expr: Expr) -> Clause:
    text = to_text(expr)
    if not isinstance(expr, Binary) or expr.op not in _HOLDS or expr.return_bool:
        return Clause(text)
    left, op, right = expr.left, expr.op, expr.right
    if type_of(left) is ValueType.SCALAR:
        left, op, right = right, _FLIPPED.get(op, op), left
    bare = _bare(right)
    constant = bare.value if isinstance(bare, NumberLiteral) else None
    return Clause(text, to_text(left), op, to_text(right), unit_of(left), constant, expr.matching)


def _bare(expr: Expr) -> Expr:
    while isinstance(expr, Paren):
        expr = expr.expr
    return expr


def _samples(result: QueryResult) -> tuple[Sample, ...]:
    match result:
        case Vector(samples=samples):
            return samples
        case Scalar(value=value, at=at):
            return (Sample((), value, at),)
    return ()


def _pairs(
    clause: Clause, left: tuple[Sample, ...], right: QueryResult | float
) -> Iterator[tuple[Sample, float]]:
    """Every value with its threshold, matched as the engine does."""
    if isinstance(right, float | Scalar):
        threshold = right if isinstance(right, float) else right.value
        yield from ((sample, threshold) for sample in left)
        return
    by_signature: dict[Labels, list[Sample]] = {}
    for sample in _samples(right):
        by_signature.setdefault(_signature(sample, clause.matching), []).append(sample)
    for sample in left:
        for other in by_signature.get(_signature(sample, clause.matching), ()):
            yield sample, other.value


def _signature(sample: Sample, matching: VectorMatching | None) -> Labels:
    named = () if matching is None else matching.labels
    if matching is not None and matching.on:
        return tuple(pair for pair in sample.labels if pair[0] in named)
    return tuple(pair for pair in sample.labels if pair[0] not in {"__name__", *named})


def _distance(op: str, value: float, threshold: float) -> float:
    """How far a value is from making the comparison true; the smaller, the nearer."""
    margin = value - threshold
    if math.isnan(margin):
        return math.inf
    match op:
        case ">" | ">=":
            return -margin
        case "<" | "<=":
            return margin
        case "==":
            return abs(margin)
    return -abs(margin)
