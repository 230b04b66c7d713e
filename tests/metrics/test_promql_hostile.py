"""Whatever is sent as a query, the answer is a tree or an error with a position, and soon."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import Store
from metrics.errors import QueryError
from metrics.promql.ast import Binary
from metrics.promql.parser import MAX_CHARACTERS, MAX_DEPTH, parse
from metrics.promql.printer import to_text
from tests.metrics.differential_queries import every_query

LONG = MAX_CHARACTERS - 100

BOMBS = {
    "nested parentheses": "(" * 10_000 + "1" + ")" * 10_000,
    "open parentheses": "(" * LONG,
    "open calls": "sum(" * 30_000,
    "a megabyte": "a" * 1_000_000,
    "a long chain": "+".join(["a"] * 60_000),
    "a chain of powers": "^".join(["a"] * 60_000),
    "signs": "-" * LONG + "1",
    "subqueries of subqueries": "a" + "[5m:]" * 20_000,
    "digits": "1" * LONG + "a",
    "digits and underscores": "1_" * (LONG // 2),
    "an open string of escapes": '"' + "\\n" * (LONG // 2),
    "an endless duration": "1s" * (LONG // 2),
    "spaces before a mistake": " " * LONG + "x y",
    "deep and long": "+".join(["(" * 100 + "a" + ")" * 100] * 200),
    "a selector of a megabyte": '{a="' + "x" * 1_000_000 + '"}',
    "a megabyte of alternatives": "a or " * 200_000 + "a",
    "a megabyte of parentheses": "(" * 500_000 + ")" * 500_000,
    "ten thousand functions": "abs(" * 10_000 + "a" + ")" * 10_000,
    "ten thousand ranges": "max_over_time(" * 10_000 + "a" + "[1h:1s])" * 10_000,
    "ten thousand braces": "{" * 10_000 + "}" * 10_000,
    "a regex too large": 'a{b=~"(((x{100}){100}){100}){100}"}',
}

VALID = (
    'sum by (job, "a.b") (rate(http_requests_total{code=~"5..", path!="/"}[5m] offset -1h @ end()))'
    " / on (job) group_left (zone) -(up{x='y'} ^ 2) > bool 0.5e3 # end"
)


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_f29_a_bomb_is_refused_quickly_and_with_a_short_message(text: str) -> None:
    started = time.process_time()
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert time.process_time() - started < 1.0
    assert len(str(caught.value)) < 500


def test_a_long_list_of_labels_is_no_bomb() -> None:
    labels = ",".join(f'label_{number}="x"' for number in range(5000))
    parse(f"up{{{labels}}}")


def test_trees_may_be_as_deep_as_the_limit_says() -> None:
    chain = parse(" or ".join(["a"] * MAX_DEPTH))
    assert isinstance(chain, Binary)
    assert to_text(chain).count("or") == MAX_DEPTH - 1
    with pytest.raises(QueryError, match="nested deeper than 128 levels"):
        parse(" or ".join(["a"] * (MAX_DEPTH + 1)))
    parse("(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1))
    with pytest.raises(QueryError, match="nested deeper than 128 levels"):
        parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)


@pytest.mark.parametrize("length", range(len(VALID)))
def test_f29_every_truncation_gives_a_tree_or_an_error(length: int) -> None:
    parse_or_refuse(VALID[:length])


@pytest.mark.parametrize("query", every_query()[::7])
def test_f29_every_truncation_of_known_queries_is_answered_or_refused(query: str) -> None:
    store = Store()
    for length in range(len(query)):
        with contextlib.suppress(QueryError):
            store.ask(query[:length], 1_700_000_000.0)


COSTLY = {
    "as deep as may be": "(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1),
    "a long chain of sets": " or ".join(["vector(1)"] * MAX_DEPTH),
    "powers of powers": "2" + "^2" * (MAX_DEPTH - 1),
    "ranges of ranges": "max_over_time(" * 60 + "vector(1)" + "[1h:1s])" * 60,
    "a range of centuries": "sum_over_time(vector(1)[100y:1ms])",
    "a thousand signs": "a offset " + "-" * 1000 + "5m",
    "more of a kind than can be counted": "topk(9e18, vector(1))",
    "a long replacement": 'label_replace(vector(1), "a", "' + "$1" * 10_000 + '", "", "(.*)")',
    "a date beyond all dates": "year(vector(1e300)) + month(vector(-1e300)) + hour(vector(NaN))",
    "a regex that backtracks elsewhere": 'a{b=~"(x+x+)+y"}',
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY.keys())
def test_f29_a_costly_query_is_answered_or_refused_soon(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(QueryError):
        Store().ask(text, 1_700_000_000.0)
    assert time.process_time() - started < 10.0


@pytest.mark.parametrize("start", range(0, len(VALID), 3))
def test_every_hole_gives_a_tree_or_an_error(start: int) -> None:
    parse_or_refuse(VALID[:start] + VALID[start + 3 :])


@given(st.text(max_size=40))
def test_any_text_gives_a_tree_or_an_error(text: str) -> None:
    parse_or_refuse(text)


PIECES = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "up",
    "5m",
    "1",
    ",",
    "by",
    "sum",
    "offset",
    "@",
    "-",
    "=",
    '"x"',
    "on",
    ":",
]


@given(st.lists(st.sampled_from(PIECES), max_size=15))
def test_any_order_of_tokens_gives_a_tree_or_an_error(pieces: list[str]) -> None:
    parse_or_refuse(" ".join(pieces))


def parse_or_refuse(text: str) -> None:
    error = refusal(text)
    if error is not None and error.span is not None:
        assert 0 <= error.span.start <= error.span.end <= len(text)
        assert error.message


def refusal(text: str) -> QueryError | None:
    try:
        parse(text)
    except QueryError as error:
        return error
    return None
