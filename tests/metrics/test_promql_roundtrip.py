"""Any tree, printed, parses to itself."""

import math
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.errors import Span
from metrics.promql import ast
from metrics.promql.functions import AGGREGATORS, FUNCTIONS, Signature
from metrics.promql.literals import quoted, unquoted
from metrics.promql.parser import parse
from metrics.promql.printer import duration_text, number_text, to_text
from metrics.promql.tree import type_of

Exprs: TypeAlias = st.SearchStrategy[ast.Expr]
OfType: TypeAlias = dict[ast.ValueType, Exprs]

AT = Span(0, 0)
DURATIONS = st.integers(min_value=1, max_value=10**11)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.one_of(
    st.sampled_from(["up", "a:b", "sum", "by", "without", "on", "inf", "NaN", "my.metric", "콘서트", "a b"]),
    TEXT.filter(bool),
)
LABELS = st.one_of(st.sampled_from(["job", "le", "without", "inf", "a.b", "a:b"]), TEXT.filter(bool))
OTHER_LABELS = LABELS.filter(lambda name: name != "__name__")
OPERATORS = ("+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


@st.composite
def selectors(draw: st.DrawFn) -> ast.VectorSelector:
    rest = draw(st.lists(matchers(), max_size=3))
    position = draw(st.integers(0, len(rest)))
    name = ast.Matcher("__name__", ast.MatchOp.EQUAL, draw(NAMES))
    at_ms = draw(st.one_of(st.none(), st.integers(-(10**12), 10**15), st.sampled_from(ast.AtPreprocessor)))
    offset_ms = draw(st.one_of(st.just(0), DURATIONS, DURATIONS.map(lambda value: -value)))
    return ast.VectorSelector((*rest[:position], name, *rest[position:]), AT, offset_ms, at_ms)


@st.composite
def matchers(draw: st.DrawFn) -> ast.Matcher:
    op = draw(st.sampled_from(ast.MatchOp))
    plain = op in (ast.MatchOp.EQUAL, ast.MatchOp.NOT_EQUAL)
    value = draw(TEXT if plain else st.sampled_from(["a|b", ".*", "x.+y", "(?i)z", r"\d{2}"]))
    return ast.Matcher(draw(OTHER_LABELS), op, value)


def matrices(vectors: Exprs) -> Exprs:
    plain = st.builds(ast.MatrixSelector, selectors(), DURATIONS, st.just(AT))
    subqueries = st.builds(
        ast.Subquery,
        vectors,
        DURATIONS,
        st.one_of(st.none(), DURATIONS),
        st.just(AT),
        st.one_of(st.just(0), DURATIONS),
        st.one_of(st.none(), st.sampled_from(ast.AtPreprocessor)),
    )
    return st.one_of(plain, subqueries)


@st.composite
def calls(draw: st.DrawFn, of_type: OfType) -> ast.Call:
    choices = [
        signature
        for signature in FUNCTIONS.values()
        if signature.return_type is ast.ValueType.VECTOR and not signature.experimental
    ]
    signature: Signature = draw(st.sampled_from(choices))
    count = draw(st.integers(signature.least, signature.most or signature.least + 2))
    types = [signature.arg_types[min(i, len(signature.arg_types) - 1)] for i in range(count)]
    return ast.Call(signature.name, tuple(draw(of_type[kind]) for kind in types), AT)


@st.composite
def aggregations(draw: st.DrawFn, of_type: OfType) -> ast.Aggregation:
    aggregator = draw(st.sampled_from([each for each in AGGREGATORS.values() if not each.experimental]))
    param = None if aggregator.param_type is None else draw(of_type[aggregator.param_type])
    grouping = tuple(draw(st.lists(LABELS, max_size=2)))
    without = draw(st.booleans())
    return ast.Aggregation(aggregator.name, draw(of_type[ast.ValueType.VECTOR]), param, grouping, without, AT)


@st.composite
def binaries(draw: st.DrawFn, left: Exprs, right: Exprs) -> ast.Expr:
    one, other = draw(left), draw(right)
    both = type_of(one) is type_of(other) is ast.ValueType.VECTOR
    op = draw(st.sampled_from(OPERATORS if both else OPERATORS[:-3]))
    return_bool = op in COMPARISONS and draw(st.booleans())
    matching = draw(matchings(op)) if both else None
    return ast.Binary(op, one, other, return_bool, matching, AT)


@st.composite
def matchings(draw: st.DrawFn, op: str) -> ast.VectorMatching:
    many = op in ("and", "or", "unless")
    plain = ast.Cardinality.MANY_TO_MANY if many else ast.Cardinality.ONE_TO_ONE
    on = draw(st.booleans())
    labels = tuple(draw(st.lists(st.sampled_from(["job", "a.b"]), max_size=2, unique=True)))
    grouped = [] if many or not (on or labels) else [ast.Cardinality.MANY_TO_ONE, ast.Cardinality.ONE_TO_MANY]
    cardinality = draw(st.sampled_from([plain, *grouped]))
    include = draw(st.sampled_from([(), ("env",)])) if cardinality in grouped else ()
    return ast.VectorMatching(cardinality, labels, on, include)


def vectors() -> Exprs:
    return st.recursive(selectors().map(lambda each: each), _larger, max_leaves=6)


def _larger(vectors: Exprs) -> Exprs:
    numbers = st.builds(ast.NumberLiteral, st.floats(allow_nan=False) | st.just(math.nan), st.just(AT))
    of_type: OfType = {
        ast.ValueType.VECTOR: vectors,
        ast.ValueType.SCALAR: st.one_of(
            numbers, st.builds(ast.Call, st.just("time"), st.just(()), st.just(AT))
        ),
        ast.ValueType.STRING: st.builds(ast.StringLiteral, TEXT, st.just(AT)),
        ast.ValueType.MATRIX: matrices(vectors),
    }
    return st.one_of(
        calls(of_type),
        aggregations(of_type),
        binaries(vectors, vectors),
        binaries(vectors, of_type[ast.ValueType.SCALAR]),
        binaries(of_type[ast.ValueType.SCALAR], vectors),
        st.builds(ast.Unary, st.sampled_from("+-"), vectors, st.just(AT)),
        st.builds(ast.Paren, vectors, st.just(AT)),
    )


def bare(value: Any) -> Any:
    """The tree without spans and parentheses; numbers as text, so that NaN equals NaN and -0 is not 0."""
    if isinstance(value, ast.Paren):
        return bare(value.expr)
    if isinstance(value, ast.NumberLiteral):
        return ("number", number_text(value.value))
    if isinstance(value, tuple):
        return tuple(bare(each) for each in value)
    if is_dataclass(value):
        shown = [bare(getattr(value, field.name)) for field in fields(value) if field.name != "span"]
        return (type(value).__name__, *shown)
    return value


@settings(max_examples=300, deadline=None)
@given(vectors())
def test_a_printed_tree_parses_to_the_same_tree(expr: ast.Expr) -> None:
    assert bare(parse(to_text(expr))) == bare(expr)


@settings(max_examples=150, deadline=None)
@given(vectors())
def test_printing_what_was_parsed_changes_nothing(expr: ast.Expr) -> None:
    parsed = parse(to_text(expr))
    printed = to_text(parsed)
    assert printed == to_text(expr)
    assert repr(parse(printed)) == repr(parsed)


@given(TEXT)
def test_any_text_survives_quoting(text: str) -> None:
    assert unquoted(quoted(text)) == text


@given(st.floats(allow_nan=False))
def test_any_number_survives_printing(value: float) -> None:
    expr = parse(number_text(value))
    assert isinstance(expr, ast.NumberLiteral)
    assert number_text(expr.value) == number_text(value)


@given(DURATIONS)
def test_any_duration_survives_printing(milliseconds: int) -> None:
    expr = parse(f"up[{duration_text(milliseconds)}]")
    assert isinstance(expr, ast.MatrixSelector)
    assert expr.range_ms == milliseconds


def test_hand_made_trees_get_the_parentheses_they_need() -> None:
    a = ast.VectorSelector((ast.Matcher("__name__", ast.MatchOp.EQUAL, "a"),), AT)
    total = ast.Binary("+", a, a, False, ast.VectorMatching(ast.Cardinality.ONE_TO_ONE, (), on=False), AT)
    assert to_text(replace(total, op="*", left=total)) == "(a + a) * a"
    assert to_text(ast.Unary("-", total, AT)) == "-(a + a)"
    assert to_text(ast.Subquery(total, 60_000, None, AT)) == "(a + a)[1m:]"
    assert to_text(ast.Binary("^", ast.NumberLiteral(-1, AT), a, False, None, AT)) == "(-1) ^ a"
    assert to_text(ast.Unary("-", ast.NumberLiteral(1, AT), AT)) == "-(1)"
