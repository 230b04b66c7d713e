import pytest

from metrics.errors import ErrorKind, QueryError, Span
from metrics.promql import ast
from metrics.promql.parser import parse


def shape(expr: ast.Expr) -> str:
    """Every operation in its own parentheses."""
    match expr:
        case ast.Binary():
            return f"({shape(expr.left)} {expr.op} {shape(expr.right)})"
        case ast.Unary():
            return f"({expr.op}{shape(expr.expr)})"
        case ast.NumberLiteral():
            return f"{expr.value:g}"
        case ast.VectorSelector():
            return expr.matchers[0].value
        case ast.Subquery():
            return f"<{shape(expr.expr)}>"
        case _:
            return type(expr).__name__


def named(name: str, **labels: str) -> tuple[ast.Matcher, ...]:
    rest = (ast.Matcher(label, ast.MatchOp.EQUAL, value) for label, value in labels.items())
    return (ast.Matcher("__name__", ast.MatchOp.EQUAL, name), *rest)


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a * b + c", "((a * b) + c)"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b % c atan2 d", "(((a / b) % c) atan2 d)"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("a * b ^ c", "(a * (b ^ c))"),
        ("a or b and c unless d", "(a or ((b and c) unless d))"),
        ("a > b + c", "(a > (b + c))"),
        ("a == b and c", "((a == b) and c)"),
        ("-a ^ b", "(-(a ^ b))"),
        ("-a * b", "((-a) * b)"),
        ("-1 ^ 2", "(-(1 ^ 2))"),
        ("2 ^ -3 ^ 2", "(2 ^ (-(3 ^ 2)))"),
        ("2 ^ -a * b", "((2 ^ (-a)) * b)"),
        ("a + -b", "(a + (-b))"),
        ("- -a", "(-(-a))"),
        ("a + b[5m:]", "(a + <b>)"),
    ],
)
def test_operators_bind_as_in_prometheus(text: str, grouped: str) -> None:
    ending = " == bool 1" if "[" not in text else ""
    if ending:
        assert shape(parse(text)) == grouped
    else:
        with pytest.raises(QueryError, match="binary expression must contain only scalar"):
            parse(text)


def test_a_sign_becomes_part_of_a_number() -> None:
    assert parse("-1") == ast.NumberLiteral(-1.0, Span(0, 2))
    assert parse("--1") == ast.NumberLiteral(1.0, Span(0, 3))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e3", 1000),
        ("1E-2", 0.01),
        (".5", 0.5),
        ("5.", 5),
        ("0x1F", 31),
        ("0X_1f", 31),
        ("1_000", 1000),
        ("012", 10),
        ("08", 8),
        ("Inf", float("inf")),
        ("+iNf", float("inf")),
        ("-inf", float("-inf")),
        ("5m", 300),
        ("1h30m", 5400),
        ("1y2w3d4h5m6s7ms", 31_536_000 + 14 * 86_400 + 3 * 86_400 + 4 * 3600 + 306.007),
        ("9999999999999999999999", 1e22),
    ],
)
def test_a_number_has_the_value_go_gives_it(text: str, value: float) -> None:
    expr = parse(text)
    assert isinstance(expr, ast.NumberLiteral)
    assert expr.value == value


def test_nan_is_a_number() -> None:
    expr = parse("NaN")
    assert isinstance(expr, ast.NumberLiteral)
    assert expr.value != expr.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\tb\\\"c"', 'a\tb\\"c'),
        (r"'it\'s'", "it's"),
        (r"`raw\n`", "raw\\n"),
        ("`two\nlines`", "two\nlines"),
        (r'"\x41\101\u4e16\U0001F600"', "AA世😀"),
        (r'"\xe4\xb8\x96"', "世"),
        (r'"\xff"', "\udcff"),
        ('"콘서트"', "콘서트"),
        ("''", ""),
    ],
)
def test_a_string_is_unquoted_as_in_go(text: str, value: str) -> None:
    assert parse(text) == ast.StringLiteral(value, Span(0, len(text)))


def test_comments_and_line_ends_are_blank() -> None:
    text = "sum( # all of them\n  up # the jobs\r\n) # end"
    assert isinstance(parse(text), ast.Aggregation)


def test_a_selector_keeps_its_matchers_in_order() -> None:
    expr = parse('up{job="api", instance!="b", env=~"x|y", zone!~"z.*",}')
    assert isinstance(expr, ast.VectorSelector)
    assert expr.matchers == (
        ast.Matcher("__name__", ast.MatchOp.EQUAL, "up"),
        ast.Matcher("job", ast.MatchOp.EQUAL, "api"),
        ast.Matcher("instance", ast.MatchOp.NOT_EQUAL, "b"),
        ast.Matcher("env", ast.MatchOp.REGEX, "x|y"),
        ast.Matcher("zone", ast.MatchOp.NOT_REGEX, "z.*"),
    )


def test_quoted_names_may_hold_any_text() -> None:
    expr = parse('{"my.metric", "label.x"="y", le="1"}')
    assert isinstance(expr, ast.VectorSelector)
    assert expr.matchers == named("my.metric", **{"label.x": "y", "le": "1"})
    aggregated = parse('sum by ("label.x", `other label`) (up)')
    assert isinstance(aggregated, ast.Aggregation)
    assert aggregated.grouping == ("label.x", "other label")


@pytest.mark.parametrize(
    "word", ["sum", "by", "without", "and", "or", "unless", "offset", "start", "end", "topk", "limitk", "Sum"]
)
def test_most_keywords_are_also_metric_names(word: str) -> None:
    expr = parse(word)
    assert isinstance(expr, ast.VectorSelector)
    assert expr.matchers == named(word)


@pytest.mark.parametrize("word", ["bool", "on", "ignoring", "group_left", "group_right", "atan2"])
def test_some_keywords_are_no_metric_names(word: str) -> None:
    with pytest.raises(QueryError, match="unexpected <"):
        parse(word)


def test_keywords_are_label_names() -> None:
    expr = parse("sum by (on, bool, offset, by, sum, group_left, start, atan2) (up)")
    assert isinstance(expr, ast.Aggregation)
    assert expr.grouping == ("on", "bool", "offset", "by", "sum", "group_left", "start", "atan2")
    inside = parse('up{on="1", inf="2", without="3"}')
    assert isinstance(inside, ast.VectorSelector)
    assert [matcher.name for matcher in inside.matchers] == ["__name__", "on", "inf", "without"]


def test_offset_and_at_stand_in_either_order() -> None:
    one, other = parse("up offset 5m @ 10"), parse("up @ 10 offset 5m")
    assert isinstance(one, ast.VectorSelector)
    assert isinstance(other, ast.VectorSelector)
    assert (one.offset_ms, one.at_ms) == (other.offset_ms, other.at_ms) == (300_000, 10_000)


def test_offset_may_be_negative_and_a_number_of_seconds() -> None:
    for text, offset_ms in (("up offset -1h", -3_600_000), ("up offset 1.5", 1500), ("up offset -2", -2000)):
        expr = parse(text)
        assert isinstance(expr, ast.VectorSelector)
        assert expr.offset_ms == offset_ms


def test_a_range_selector_carries_time_on_its_selector() -> None:
    expr = parse("rate(up[5m] offset 1m @ end())")
    assert isinstance(expr, ast.Call)
    (matrix,) = expr.args
    assert isinstance(matrix, ast.MatrixSelector)
    assert matrix.range_ms == 300_000
    assert matrix.selector.offset_ms == 60_000
    assert matrix.selector.at_ms is ast.AtPreprocessor.END
    assert matrix.span == Span(5, 29)


def test_a_subquery_carries_its_own_time() -> None:
    expr = parse("max_over_time(rate(up[5m])[30m:1m] @ -1.5 offset -1m)")
    assert isinstance(expr, ast.Call)
    (subquery,) = expr.args
    assert isinstance(subquery, ast.Subquery)
    assert (subquery.range_ms, subquery.step_ms) == (1_800_000, 60_000)
    assert (subquery.at_ms, subquery.offset_ms) == (-1500, -60_000)


def test_a_subquery_without_step_leaves_it_to_the_engine() -> None:
    expr = parse("up[5m:]")
    assert isinstance(expr, ast.Subquery)
    assert expr.step_ms is None


def test_grouping_stands_before_or_after() -> None:
    before, after = parse("topk without (a) (3, up)"), parse("topk(3, up) without (a)")
    assert isinstance(before, ast.Aggregation)
    assert isinstance(after, ast.Aggregation)
    assert (before.grouping, before.without) == (after.grouping, after.without) == (("a",), True)
    assert after.span == Span(0, 23)


def test_matching_says_which_labels_and_how_many_meet() -> None:
    expr = parse("a / on (x, y) group_left (z) b")
    assert isinstance(expr, ast.Binary)
    assert expr.matching is not None
    assert expr.matching.cardinality is ast.Cardinality.MANY_TO_ONE
    assert (expr.matching.labels, expr.matching.on, expr.matching.include) == (("x", "y"), True, ("z",))


def test_set_operators_match_many_to_many() -> None:
    expr = parse("a and ignoring (x) b")
    assert isinstance(expr, ast.Binary)
    assert expr.matching is not None
    assert expr.matching.cardinality is ast.Cardinality.MANY_TO_MANY


def test_scalars_are_not_matched() -> None:
    for text in ("a + 1", "1 + a", "1 + 1", "a > bool 1"):
        expr = parse(text)
        assert isinstance(expr, ast.Binary)
        assert expr.matching is None


def test_every_node_knows_its_span() -> None:
    text = "sum by (job) (rate(up[5m])) > 3"
    expr = parse(text)
    assert isinstance(expr, ast.Binary)
    assert isinstance(expr.left, ast.Aggregation)
    spans = [expr.span, expr.left.span, expr.left.expr.span, expr.right.span]
    shown = [text[span.start : span.end] for span in spans]
    assert shown == [text, "sum by (job) (rate(up[5m]))", "rate(up[5m])", "3"]


def test_an_error_shows_line_column_and_a_caret() -> None:
    with pytest.raises(QueryError) as caught:
        parse("up +\n\trat(up[5m])")
    assert caught.value.position == (2, 2)
    assert str(caught.value) == (
        '2:2: unknown function with name "rat", did you mean "rate"?\n     rat(up[5m])\n     ^^^'
    )


def test_an_error_in_a_long_line_shows_the_part_around_it() -> None:
    with pytest.raises(QueryError) as caught:
        parse(" + ".join(["up"] * 50) + " + rat(up)" + " + up" * 50)
    first, excerpt, carets = str(caught.value).split("\n")
    assert first.startswith("1:251: unknown function")
    assert len(excerpt) < 140
    assert excerpt[carets.index("^") :].startswith("rat(up)")


@pytest.mark.parametrize(
    "text",
    ["info(up)", "limitk(3, up)", "mad_over_time(up[5m])", "up[5m + 1m]", "up[step()]", "up offset (5m)"],
)
def test_what_prometheus_calls_experimental_is_unsupported_and_said_so(text: str) -> None:
    with pytest.raises(QueryError, match="experimental") as caught:
        parse(text)
    assert caught.value.kind is ErrorKind.UNSUPPORTED


@pytest.mark.parametrize("pattern", [r"\\C", r"a\\C+", r"\\\\\\C", "(?P<é>a)"])
def test_an_expression_that_re2_knows_and_prometheus_does_not_is_refused(pattern: str) -> None:
    with pytest.raises(QueryError, match="error parsing regexp") as caught:
        parse(f'up{{job=~"{pattern}"}}')
    assert caught.value.kind is ErrorKind.BAD_DATA


@pytest.mark.parametrize("pattern", [r"\\\\C", r"\\Q\\C\\E", r"\\Q\\C", "(?P<e>a)", "C"])
def test_what_only_looks_like_one_is_not(pattern: str) -> None:
    parse(f'up{{job=~"{pattern}"}}')
