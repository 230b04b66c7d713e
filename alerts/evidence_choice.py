"""The annotation ``evidence`` of a rule: which captures, and which queries, an incident with it keeps.

One item a line: names of captures separated by commas, or one PromQL expression. A bare word is always a
name, so that a misspelt one is told; a metric alone is written with braces, ``queue_waiting{}``.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.evidence import CaptureName
from alerts.rule_promql import read_expr
from metrics.errors import QueryError

_NAMES = re.compile(r"\s*\w+\s*(,\s*\w+\s*)*,?\s*")
_NAMEABLE = tuple(name.value for name in CaptureName if name is not CaptureName.QUERIES)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule chose; the queries are PromQL."""

    captures: frozenset[CaptureName]
    queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrongLine:
    """What is wrong with a line of the annotation, counted from 0."""

    line: int
    message: str


def read_choice(text: str) -> tuple[Choice, tuple[WrongLine, ...]]:
    """What an annotation says, and everything that is wrong with it."""
    names: set[CaptureName] = set()
    queries: list[str] = []
    wrong: list[WrongLine] = []
    for number, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        if _NAMES.fullmatch(line):
            words = [word.strip() for word in line.split(",") if word.strip()]
            names |= {CaptureName(word) for word in words if word in _NAMEABLE}
            wrong += [WrongLine(number, _unknown(word)) for word in words if word not in _NAMEABLE]
        else:
            wrong += [WrongLine(number, message) for message in _wrong_promql(line.strip())]
            queries.append(line.strip())
    if not names and not queries and not wrong:
        wrong.append(WrongLine(0, f"names nothing (want some of {', '.join(_NAMEABLE)}, or PromQL)"))
    return Choice(frozenset(names), tuple(queries)), tuple(wrong)


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(word, _NAMEABLE, 1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return (
        f"{word!r} is no capture (want one of {', '.join(_NAMEABLE)}; "
        f"a metric by its bare name is written {word}{{}}){meant}"
    )


def _wrong_promql(text: str) -> Iterator[str]:
    try:
        read_expr(text)
    except QueryError as error:
        yield str(error)
