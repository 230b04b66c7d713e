"""Our parser and that of a real Prometheus 3.5 accept the same queries, and it reads what we print as meant.

``format_query`` is its parser and printer without evaluation. Left out by name: what is experimental there,
and one thing that it takes and the language does not have, a word where the step of a subquery stands.
"""

import random
import re

import pytest

from metrics.errors import QueryError
from metrics.promql.parser import parse
from metrics.promql.printer import to_text
from tests.metrics.differential_queries import every_query, new_in_3
from tests.metrics.real_prometheus import Prometheus
from tests.metrics.test_promql_oracle import mutated, rule_expressions, script_expressions

pytestmark = pytest.mark.xdist_group("prometheus")

DURATION_AS_NUMBER = re.compile(r"(?<![\[:\w.])(?<!offset )(?<!offset -)\d+(ms|[smhdwy])")
"""Durations that stand for numbers are printed as numbers here."""
WORD_AS_STEP = re.compile(r"\[[^\]:]*\w\s+[A-Za-z_][^\]:]*\]")
UNEXPECTED = re.compile(r'unexpected (?:<[^>]+>|[a-z ]+ ".*?"|"[^"]+"|character.*|end of input)')


class Reader:
    """How a server reads queries."""

    def __init__(self, server: Prometheus) -> None:
        self._server = server

    def printed(self, text: str) -> str | None:
        """Its canonical form of a query; None for one that it refuses."""
        document = self._server.ask("format_query", {"query": text})
        return str(document["data"]) if document["status"] == "success" else None

    def refusal(self, text: str) -> str:
        """Its error."""
        return str(self._server.ask("format_query", {"query": text})["error"])


@pytest.fixture(scope="module")
def reader(lts: Prometheus) -> Reader:
    return Reader(lts)


def corpus() -> list[str]:
    return sorted({*rule_expressions(), *script_expressions(), *every_query(), *new_in_3()})


def refused(text: str) -> QueryError | None:
    try:
        parse(text)
    except QueryError as error:
        return error
    return None


def test_every_known_query_is_accepted_or_refused_alike(reader: Reader) -> None:
    off = [text for text in corpus() if (refused(text) is None) != (reader.printed(text) is not None)]
    assert off == []


def test_what_we_print_is_read_there_as_the_query_itself(reader: Reader) -> None:
    texts = [text for text in corpus() if refused(text) is None and not DURATION_AS_NUMBER.search(text)]
    assert len(texts) > 1000
    off = [
        (text, to_text(parse(text)))
        for text in texts
        if _named(reader.printed(to_text(parse(text)))) != _named(reader.printed(text))
    ]
    assert off == []


def _named(printed: str | None) -> str | None:
    """The form with every metric name before its braces."""
    found = printed and re.sub(r'\{__name__="([a-zA-Z_:]+)",?', r"\1{", printed)
    return found and found.replace("{}", "")


@pytest.mark.parametrize("seed", range(1))
def test_mutated_queries_are_accepted_and_refused_alike_and_in_the_same_place(
    reader: Reader, seed: int
) -> None:
    source = random.Random(seed)
    texts = [text for text in corpus() if len(text) < 200]
    accepted, placed = [], []
    for _ in range(1500):
        text = mutated(source.choice(texts), source)
        error, there = refused(text), reader.printed(text)
        if error is None or there is not None:
            if (error is None) != (there is not None) and not WORD_AS_STEP.search(text):
                accepted.append((text, error))
        elif (found := UNEXPECTED.match(error.message)) and found[0] in (told := reader.refusal(text)):
            line, column = error.position or (0, 0)
            if f"{line}:{column}:" not in told:
                placed.append((text, error.message, error.position, told))
    assert accepted == []
    assert placed == []


WRITTEN = r"""
{"콘서트.좌석"}
{"a b","c d"="e"}
sum by ("a.b", c) ({"x"})
{__name__="a.b"}
{"__name__"="up"}
a + on ("x.y") group_left ("z w") b
{"a\nb"}
up{"le"="1"}
"\xff\n\t"
'it\'s'
`a\b`
up offset -5m @ end()
up[5m] @ start() offset 90s
up @ -1.5
up @ 0x10
-up ^ 2
-(-1)
1 - -1
0x1F
1e-300
1e300
+Inf
-inf
nan
1_000
a or b and c unless d
a - (b - c)
2 ^ (3 ^ 2)
(a)[5m:]
a[5m:30s] @ 5 offset 1m
sum(a) by (b)
topk by () (1, a)
a{b=''}
count_values('x', a)
a == bool on () b
a / ignoring () group_right (x) b
{job!=''}
{__name__=~'a|b'}
bool
by
offset
"""


@pytest.mark.parametrize("text", WRITTEN.strip().split("\n"))
def test_names_strings_numbers_and_modifiers_are_printed_to_what_is_meant(reader: Reader, text: str) -> None:
    error, there = refused(text), reader.printed(text)
    assert (error is None) == (there is not None), (error, there)
    if error is None:
        assert _named(reader.printed(to_text(parse(text)))) == _named(there)
