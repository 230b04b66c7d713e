"""Our parser and another implementation of the same grammar accept and refuse the same queries.

The other one is laxer in places and strict in one; those are left out by name. It crashes the process on
deep nesting and on durations out of range, which are never handed to it.
"""

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from ruamel.yaml import YAML

from metrics.errors import ErrorKind, QueryError
from metrics.promql.parser import parse
from metrics.promql.printer import to_text

ROOT = Path(__file__).parents[2]
CONFORMANCE = Path(os.environ.get("CONFORMANCE_DIR", ROOT.parent / "shared" / "conformance"))

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not CONFORMANCE.is_dir(), reason=f"no public test data at {CONFORMANCE}"),
]

EVAL = re.compile(
    r"\s*eval(?:_fail|_warn|_ordered|_info)?\s+"
    r"(?:instant\s+(?:at\s+\S+)?|range\s+from\s+\S+\s+to\s+\S+\s+step\s+\S+)\s+(?P<expr>.*)"
)
PIECES = re.compile(r"\s+|[A-Za-z0-9_:.]+|\"[^\"]*\"|\W")
INSERTED = re.findall(
    r"\S+",
    "( ) { } [ ] , + - * ^ == < bool on (a) by without offset 5m 1 @ sum rate and atan2 ignoring group_left "
    "\"x\" 'y' =~ = a foo:bar 1e3 0x1f .5 topk `z` le 1h30m",
)
CRASHES_THERE = re.compile(r"(?:offset|\[|:)\s*[-+]?\s*(?:inf|nan|\w*e\d)", re.IGNORECASE)
LAXER = re.compile(
    r"unary expression only allowed"  # ranges with a sign pass there
    r"|expected type instant vector in call to function \"\w+\", got scalar"  # ln(-1) passes there
    r"|unexpected \"\(\""  # start() and end() are functions there
)


def rule_expressions() -> Iterator[str]:
    for path in sorted(CONFORMANCE.glob("rules/**/*.yml")):
        yield from _expressions(YAML(typ="safe", pure=True).load(path))


def _expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _expressions(child)


def script_expressions() -> Iterator[str]:
    for path in sorted(CONFORMANCE.glob("promqltest/*.test")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = EVAL.fullmatch(line)
            if found:
                yield found["expr"]


def ours(text: str) -> QueryError | None:
    try:
        parse(text)
    except QueryError as error:
        return error
    return None


def accepted_there(text: str) -> bool:
    try:
        promql_parser.parse(text)
    except ValueError:
        return False
    return True


def mutated(text: str, source: random.Random) -> str:
    pieces = PIECES.findall(text)
    for _ in range(source.choice((1, 1, 2, 3))):
        at = source.randrange(len(pieces) + 1)
        if source.random() < 0.4:
            pieces[at : at + 1] = []
        elif source.random() < 0.8:
            pieces.insert(at, f" {source.choice(INSERTED)} ")
        else:
            pieces = pieces[:at]
    return "".join(pieces)


def test_every_rule_of_the_field_parses_and_prints_to_itself() -> None:
    texts = list(rule_expressions())
    assert len(texts) > 100
    for text in texts:
        printed = to_text(parse(text))
        assert to_text(parse(printed)) == printed
        assert accepted_there(printed)


def test_every_query_of_the_public_scripts_is_accepted_or_experimental() -> None:
    texts = list(script_expressions())
    assert len(texts) > 1000
    errors = {text: error for text in texts if (error := ours(text)) is not None}
    assert {error.kind for error in errors.values()} <= {ErrorKind.UNSUPPORTED}
    assert len(errors) < len(texts) / 10


@pytest.mark.parametrize("seed", range(4))
def test_mutated_queries_are_accepted_here_as_there(seed: int) -> None:
    source = random.Random(seed)
    corpus = [text for text in {*rule_expressions(), *script_expressions()} if len(text) < 200]
    corpus.sort()
    disagreed = []
    for _ in range(1500):
        text = mutated(source.choice(corpus), source)
        if CRASHES_THERE.search(text):
            continue
        error = ours(text)
        if error is not None and (error.kind is ErrorKind.UNSUPPORTED or LAXER.search(error.message)):
            continue
        if (error is None) != accepted_there(text):
            disagreed.append((text, error))
    assert not disagreed
