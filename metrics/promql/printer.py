"""A syntax tree back to text: the canonical form, which parses to the same tree."""

import math
import re

from metrics.promql.ast import (
    Aggregation,
    AtPreprocessor,
    Binary,
    Call,
    Cardinality,
    Expr,
    Matcher,
    MatchOp,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorMatching,
    VectorSelector,
)
from metrics.promql.lexer import KEYWORDS
from metrics.promql.literals import quoted
from metrics.promql.operators import POWER_OF
from metrics.promql.selectors import NAME_LABEL

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = KEYWORDS | {"inf", "nan"}
_NOT_PLAIN_LABELS = frozenset({"without", "inf", "nan"})
_UNGROUPED = (Cardinality.ONE_TO_ONE, Cardinality.MANY_TO_MANY)
_TIGHTEST = max(POWER_OF.values()) + 1
_UNITS = (("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def to_text(expr: Expr) -> str:  # noqa: PLR0911 (one return a kind of node)
    """One line of PromQL. Parentheses are added only where a hand-made tree would be read differently."""
    match expr:
        case NumberLiteral():
            return number_text(expr.value)
        case StringLiteral():
            return quoted(expr.value)
        case VectorSelector():
            return _selector(expr) + _modifiers(expr)
        case MatrixSelector():
            return f"{_selector(expr.selector)}[{duration_text(expr.range_ms)}]{_modifiers(expr.selector)}"
        case Subquery():
            return _subquery(expr)
        case Call():
            return f"{expr.function}({', '.join(map(to_text, expr.args))})"
        case Aggregation():
            return _aggregation(expr)
        case Binary():
            return _binary(expr)
        case Unary():
            return expr.op + _signed_operand(expr.expr)
        case Paren():
            return f"({to_text(expr.expr)})"


def number_text(value: float) -> str:
    """A number literal that reads back as the same number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")


def duration_text(milliseconds: int) -> str:
    """A duration from large units to small, e.g. ``1h30m``."""
    left, parts = abs(milliseconds), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return ("-" if milliseconds < 0 else "") + ("".join(parts) or "0s")


def _selector(selector: VectorSelector) -> str:
    name, inside = _plain_name(selector.matchers), selector.matchers
    if name:
        inside = inside[1:]
    return name if name and not inside else name + "{" + ",".join(map(_matcher, inside)) + "}"


def _plain_name(matchers: tuple[Matcher, ...]) -> str:
    """The name where it can stand before the braces, else nothing."""
    names = [matcher for matcher in matchers if matcher.name == NAME_LABEL]
    if len(names) != 1 or matchers[0] is not names[0] or names[0].op is not MatchOp.EQUAL:
        return ""
    name = names[0].value
    return name if _METRIC.fullmatch(name) and name.lower() not in _RESERVED else ""


def _matcher(matcher: Matcher) -> str:
    if matcher.name == NAME_LABEL and matcher.op is MatchOp.EQUAL and matcher.value:
        return quoted(matcher.value)
    name = matcher.name if _LABEL.fullmatch(matcher.name) else quoted(matcher.name)
    return f"{name}{matcher.op}{quoted(matcher.value)}"


def _modifiers(target: VectorSelector | Subquery) -> str:
    at = "" if target.at_ms is None else f" @ {_time_text(target.at_ms)}"
    return at + (f" offset {duration_text(target.offset_ms)}" if target.offset_ms else "")


def _time_text(at_ms: int | AtPreprocessor) -> str:
    if isinstance(at_ms, AtPreprocessor):
        return f"{at_ms}()"
    seconds, rest = divmod(abs(at_ms), 1000)
    return f"{'-' if at_ms < 0 else ''}{seconds}" + (f".{rest:03d}" if rest else "")


def _subquery(expr: Subquery) -> str:
    step = "" if expr.step_ms is None else duration_text(expr.step_ms)
    inner = _operand(expr.expr, _TIGHTEST)
    return f"{inner}[{duration_text(expr.range_ms)}:{step}]{_modifiers(expr)}"


def _aggregation(expr: Aggregation) -> str:
    args = to_text(expr.expr) if expr.param is None else f"{to_text(expr.param)}, {to_text(expr.expr)}"
    if not expr.grouping and not expr.without:
        return f"{expr.op}({args})"
    return f"{expr.op} {'without' if expr.without else 'by'} {_labels(expr.grouping)} ({args})"


def _binary(expr: Binary) -> str:
    power = POWER_OF[expr.op]
    left = _operand(expr.left, power + 1 if expr.op == "^" else power)
    right = _right_operand(expr.right, power if expr.op == "^" else power + 1)
    words = [expr.op, *(["bool"] if expr.return_bool else []), *_matching(expr.matching)]
    return f"{left} {' '.join(words)} {right}"


def _matching(matching: VectorMatching | None) -> list[str]:
    if matching is None or (matching.cardinality in _UNGROUPED and not matching.on and not matching.labels):
        return []
    words = ["on" if matching.on else "ignoring", _labels(matching.labels)]
    if matching.cardinality not in _UNGROUPED:
        side = "group_left" if matching.cardinality is Cardinality.MANY_TO_ONE else "group_right"
        words += [side, _labels(matching.include)]
    return words


def _labels(labels: tuple[str, ...]) -> str:
    return f"({', '.join(map(_label, labels))})"


def _label(label: str) -> str:
    plain = _LABEL.fullmatch(label) and label.lower() not in _NOT_PLAIN_LABELS
    return label if plain else quoted(label)


def _power(expr: Expr) -> int:
    if isinstance(expr, Binary):
        return POWER_OF[expr.op]
    return POWER_OF["*"] if isinstance(expr, Unary) or _is_signed(expr) else _TIGHTEST


def _is_signed(expr: Expr) -> bool:
    return isinstance(expr, NumberLiteral) and number_text(expr.value)[0] in "+-"


def _operand(expr: Expr, least_power: int) -> str:
    return to_text(expr) if _power(expr) >= least_power else f"({to_text(expr)})"


def _right_operand(expr: Expr, least_power: int) -> str:
    """Behind an operator a sign stands on its own."""
    return to_text(expr) if isinstance(expr, Unary | NumberLiteral) else _operand(expr, least_power)


def _signed_operand(expr: Expr) -> str:
    """A sign before a number would become part of it."""
    if isinstance(expr, NumberLiteral):
        return f"({to_text(expr)})"
    return _right_operand(expr, POWER_OF["*"] + 1)
