"""The comments of an exposition page that mean something: HELP, TYPE and UNIT."""

import re
from dataclasses import dataclass
from enum import StrEnum

from collector.exposition_grammar import (
    BLANK,
    ESCAPE,
    METRIC_NAME,
    QUOTED,
    BadLineError,
    PageFormat,
    shortened,
    unescaped,
)


class CommentKind(StrEnum):
    """The comments that mean something."""

    HELP = "HELP"
    TYPE = "TYPE"
    UNIT = "UNIT"


@dataclass(frozen=True, slots=True)
class Comment:
    """A HELP, TYPE or UNIT line."""

    kind: CommentKind
    name: str
    text: str


TYPES = frozenset(
    {"counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown", "untyped"}
)

_KINDS = {
    PageFormat.TEXT: frozenset({"HELP", "TYPE"}),
    PageFormat.OPENMETRICS: frozenset({"HELP", "TYPE", "UNIT"}),
}
_ONE_BLANK = re.compile(" ")
_HELP_ESCAPE = {
    PageFormat.TEXT: re.compile(r"\\([\\n])"),
    PageFormat.OPENMETRICS: ESCAPE,
}


def comment_line(line: str, form: PageFormat) -> Comment | None:
    """Lex a line that begins with ``#``; None for a comment that means nothing. Raises BadLineError."""
    strict = form is PageFormat.OPENMETRICS
    words = line.split(" ", 2) if strict else BLANK.split(line.strip(" \t"), maxsplit=2)
    known = len(words) == 3 and words[0] == "#" and words[1] in _KINDS[form]
    if not known and not strict:
        return None
    name, blank, text = _apart(words[2], strict) if known else ("", "", "")
    if strict and not blank:
        raise BadLineError(f"want # HELP, # TYPE or # UNIT with a name and a text, found {shortened(line)}")
    if name == '""':
        return None  # of no metric, which is no reason to lose the page
    return _checked_comment(Comment(CommentKind(words[1]), _metric_name(name, words[1]), text), form)


def _apart(rest: str, strict: bool) -> tuple[str, str, str]:
    """The name as it is written, the blank after it, and the text."""
    quoted = QUOTED.match(rest)
    end = quoted.end() if quoted else 0
    blank = (_ONE_BLANK if strict else BLANK).search(rest, end)
    if blank is None:
        return rest, "", ""
    return rest[: blank.start()], blank.group(), rest[blank.end() :]


def _metric_name(written: str, kind: str) -> str:
    quoted = QUOTED.fullmatch(written)
    if quoted is None and not METRIC_NAME.fullmatch(written):
        raise BadLineError(f"{shortened(written)} in # {kind} is not a metric name")
    return unescaped(quoted.group(1)) if quoted else written


def _checked_comment(comment: Comment, form: PageFormat) -> Comment:
    if comment.kind is CommentKind.HELP:
        return Comment(comment.kind, comment.name, unescaped(comment.text, _HELP_ESCAPE[form]))
    if comment.kind is CommentKind.UNIT:
        if comment.text and not comment.name.endswith(f"_{comment.text}"):
            raise BadLineError(f"unit {comment.text!r} is not the end of the name {comment.name}")
        return comment
    text = comment.text if form is PageFormat.OPENMETRICS else comment.text.strip(" \t")
    if text not in TYPES or (form is PageFormat.OPENMETRICS and text == "untyped"):
        raise BadLineError(f"type {text!r} of {comment.name} is not one of {', '.join(sorted(TYPES))}")
    return Comment(comment.kind, comment.name, "unknown" if text == "untyped" else text)
