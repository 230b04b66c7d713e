"""``label_replace`` and ``label_join``: the same values under other labels."""

import re
from collections.abc import Callable
from itertools import takewhile

from metrics.errors import ErrorKind, QueryError
from metrics.promql.frame import Frame
from metrics.promql.label_sets import NAME, LabelSets, valid_label_name
from metrics.promql.literals import readable
from metrics.promql.patterns import PatternError, compiled
from metrics.values import Labels, label, labels_of

_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


def label_replace(frame: Frame, target: str, replacement: str, source: str, pattern: str) -> Frame:
    """Where ``pattern`` matches the whole of label ``source``, label ``target`` becomes ``replacement``."""
    expression = _expression(pattern)
    _check_name(target, "label_replace")

    def renamed(labels: Labels) -> Labels:
        found = expression.fullmatch(label(labels, source))
        if found is None:
            return labels
        return _with(labels, target, _expanded(replacement, found))

    key = ("label_replace", target, replacement, source, pattern)
    return _relabelled(frame, key, target, renamed)


def label_join(frame: Frame, target: str, separator: str, sources: tuple[str, ...]) -> Frame:
    """Label ``target`` becomes the values of ``sources``, joined."""
    for name in sources:
        _check_name(name, "label_join", "source ")
    _check_name(target, "label_join", "destination ")

    def joined(labels: Labels) -> Labels:
        return _with(labels, target, separator.join(label(labels, name) for name in sources))

    key = ("label_join", target, separator, sources)
    return _relabelled(frame, key, target, joined)


def _relabelled(
    frame: Frame, key: tuple[object, ...], target: str, rename: Callable[[Labels], Labels]
) -> Frame:
    sets = frame.sets.remember(key, lambda: _renamed(frame.sets, target, rename))
    return Frame(sets, frame.values, frame.present)


def _renamed(sets: LabelSets, target: str, rename: Callable[[Labels], Labels]) -> LabelSets:
    labels = [rename(row) for row in sets.labels]
    pending = sets.pending
    if pending is not None and target == NAME:
        changed = (new != old for new, old in zip(labels, sets.labels, strict=True))
        pending = tuple(flag and not new for flag, new in zip(pending, changed, strict=True))
    return LabelSets(labels, pending)


def _with(labels: Labels, name: str, value: str) -> Labels:
    return labels_of((*(pair for pair in labels if pair[0] != name), (name, value)))


def _expanded(template: str, found: "re.Match[str]") -> str:
    """Go's ``Expand``: ``$1``, ``${1}``, ``${name}``; ``$$`` is a dollar, an unknown group is empty."""

    def group(reference: "re.Match[str]") -> str:
        dollar, braced, plain = reference.groups()
        if dollar:
            return "$"
        text = braced or plain
        name = "".join(takewhile(_may_name, text))
        if not name or (braced and name != text):
            return reference.group()
        return _group(found, name) + text[len(name) :]

    return _REFERENCE.sub(group, template)


def _may_name(character: str) -> bool:
    """Python's words have more: powers, fractions, Roman numerals."""
    return character == "_" or character.isalpha() or character.isdecimal()


def _group(found: "re.Match[str]", name: str) -> str:
    try:
        return found.group(int(name) if _NUMBER.fullmatch(name) else name) or ""
    except (IndexError, KeyError):
        return ""


def _expression(pattern: str) -> "re.Pattern[str]":
    try:
        pattern.encode()
        expression: re.Pattern[str] = compiled(pattern)
    except (PatternError, UnicodeEncodeError) as error:
        text = f"invalid regular expression in label_replace(): {readable(pattern)}"
        raise QueryError(ErrorKind.EXECUTION, text) from error
    return expression


def _check_name(name: str, function: str, kind: str = "destination ") -> None:
    if not valid_label_name(name):
        message = f"invalid {kind}label name in {function}(): {readable(name)}"
        raise QueryError(ErrorKind.EXECUTION, message)
