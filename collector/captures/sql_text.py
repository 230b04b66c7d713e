"""Statements without what people typed into them: every literal becomes ``?``.

A scanner over PostgreSQL's lexical rules (its documentation, chapter "Lexical Structure"): string, escape
string, dollar-quoted and bit-string literals, numbers and parameters. Servers cut long statements off, so a
literal that never ends is one up to the end. Identifiers in double quotes stay; comments go.
"""

import re
from collections.abc import Iterator

CUT_AT = 300
"""Characters of a statement that are shown."""

_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\* )
    | (?P<literal>
          (?:[eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z))
        | (?:(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z))
        | (?:\$(?P<tag>[A-Za-z_\x80-\uffff][\w\x80-\uffff]*|)\$.*?(?:\$(?P=tag)\$|\Z))
        | (?:\$\d+)
      )
    | (?P<keep> (?:[uU]&)?"(?:[^"]|"")*(?:"|\Z) | [A-Za-z_\x80-\uffff][\w$\x80-\uffff]* )
    | (?P<number> (?:0[xXoObB][\da-fA-F_]+) | (?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)? )
    | (?P<space> \s+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_LIST = re.compile(r"\?(?: ?, ?\?)+")


def normalised(sql: str, cut_at: int = CUT_AT) -> str:
    """One line without literals and comments, lists of literals as ``?, ...``, at most ``cut_at`` long."""
    short = _LIST.sub("?, ...", " ".join("".join(_shown(sql)).split()))
    return short if len(short) <= cut_at else f"{short[: cut_at - 1]}…"


def _shown(sql: str) -> Iterator[str]:
    at = 0
    while found := _TOKEN.match(sql, at):
        at = _after_comment(sql, at) if found[0] == "/*" else found.end()
        match found.lastgroup:
            case "comment" | "space":
                yield " "
            case "literal" | "number":
                yield "?"
            case _:
                yield found[0]


def _after_comment(sql: str, at: int) -> int:
    """Where a block comment ends that begins at ``at``; comments may stand in comments."""
    depth = 0
    for found in _COMMENT_EDGE.finditer(sql, at):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return len(sql)
