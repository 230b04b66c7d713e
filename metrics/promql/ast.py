"""The syntax tree of PromQL. Every node knows its span in the text; durations are whole milliseconds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from metrics.errors import Span


class ValueType(StrEnum):
    """The four types of PromQL expressions."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"


class MatchOp(StrEnum):
    """How a label is matched; regular expressions are RE2 and fully anchored."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher; the metric name is the label ``__name__``."""

    name: str
    op: MatchOp
    value: str


class AtPreprocessor(StrEnum):
    """``@ start()`` and ``@ end()``."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number; duration literals are seconds."""

    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class StringLiteral:
    """A string, unquoted."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """An instant vector selector. ``at_ms`` is the time of ``@``, if any."""

    matchers: tuple[Matcher, ...]
    span: Span
    offset_ms: int = 0
    at_ms: "int | AtPreprocessor | None" = None


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """A range vector selector: the inner selector carries offset and ``@``."""

    selector: VectorSelector
    range_ms: int
    span: Span


@dataclass(frozen=True, slots=True)
class Subquery:
    """``expr[range:step]``; a step of None is the engine's default."""

    expr: "Expr"
    range_ms: int
    step_ms: int | None
    span: Span
    offset_ms: int = 0
    at_ms: "int | AtPreprocessor | None" = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    function: str
    args: "tuple[Expr, ...]"
    span: Span


@dataclass(frozen=True, slots=True)
class Aggregation:
    """``op by|without (grouping) (param, expr)``; ``op`` is e.g. ``sum`` or ``topk``."""

    op: str
    expr: "Expr"
    param: "Expr | None"
    grouping: tuple[str, ...]
    without: bool
    span: Span


class Cardinality(StrEnum):
    """How many series meet how many."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """``on``/``ignoring`` labels and ``group_left``/``group_right`` with the labels to include."""

    cardinality: Cardinality
    labels: tuple[str, ...]
    on: bool
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """``left op right``: an arithmetic, comparison or set operator; ``matching`` is None beside scalars."""

    op: str
    left: "Expr"
    right: "Expr"
    return_bool: bool
    matching: VectorMatching | None
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """``+expr`` or ``-expr``."""

    op: str
    expr: "Expr"
    span: Span


@dataclass(frozen=True, slots=True)
class Paren:
    """An expression in parentheses."""

    expr: "Expr"
    span: Span


Expr: TypeAlias = (
    NumberLiteral
    | StringLiteral
    | VectorSelector
    | MatrixSelector
    | Subquery
    | Call
    | Aggregation
    | Binary
    | Unary
    | Paren
)
