"""The part of Go's template language that rule files use, parsed into values.

``{{ $labels.x }}``, ``{{ $value }}``, literals, function calls, parentheses, pipes, comments, trim markers.
Control structures (``if``, ``range``, ``define``, ...) are refused with a clear error.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias


class TemplateError(ValueError):
    """A template that cannot be read or expanded; the text names what was found and what is wanted."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A quoted text, a number or a truth value."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class AllLabels:
    """``$labels`` or ``.Labels``."""


@dataclass(frozen=True, slots=True)
class LabelValue:
    """``$labels.name``: empty where the alert has no such label."""

    name: str


@dataclass(frozen=True, slots=True)
class SampleValue:
    """``$value`` or ``.Value``."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function with its arguments; a pipe gives the value before it as the last one."""

    name: str
    args: "tuple[Operand, ...]"


Operand: TypeAlias = Literal | AllLabels | LabelValue | SampleValue | FunctionCall
Part: TypeAlias = str | Operand

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    |(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<name>(?:\$|\.)?[A-Za-z_][\w.]*|\$\.[A-Za-z_][\w.]*|\$|\.)
    |(?P<mark>[|()]|:=|=|,)
    |(?P<other>\S))""",
    re.VERBOSE | re.ASCII,
)
_ACTION = re.compile(r'\{\{(?:[^"`}]|"(?:[^"\\\n]|\\.)*"|`[^`]*`|\}(?!\}))*\}\}', re.DOTALL)
_KEYWORDS = frozenset(
    {"if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"}
)
_MOST_PARENTHESES = 32
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}

_Token: TypeAlias = tuple[str, str]


def parse_template(text: str) -> tuple[Part, ...]:
    """The literal texts and the operands of a template, in order.

    Raises:
        TemplateError: the template is not one, or uses what is not supported.
    """
    parts: list[Part] = []
    end = 0
    trim_next = False
    for found in _ACTION.finditer(text):
        body, trim_before, trim_after = _trimmed(found.group()[2:-2])
        parts.append(_literal(text[end : found.start()], trim_next, trim_before))
        if not (body.startswith("/*") and body.endswith("*/")):
            parts.append(_Parser(body).whole())
        end, trim_next = found.end(), trim_after
    if "{{" in text[end:]:
        raise TemplateError(
            f"unclosed action {text[text.index('{{', end) :][:40]!r} (want '}}}}' at its end)"
        )
    parts.append(_literal(text[end:], trim_next, False))
    return tuple(part for part in parts if part != "")


def _trimmed(body: str) -> tuple[str, bool, bool]:
    before = body.startswith("-") and body[1:2].isspace()
    after = body.endswith("-") and body[-2:-1].isspace()
    return body[1 if before else 0 : -1 if after else None].strip(), before, after


def _literal(text: str, trim_start: bool, trim_end: bool) -> str:
    text = text.lstrip() if trim_start else text
    return text.rstrip() if trim_end else text


class _Parser:
    """Recursive descent over the tokens of one action."""

    def __init__(self, body: str) -> None:
        if body.count("(") > _MOST_PARENTHESES:
            raise TemplateError(f"more than {_MOST_PARENTHESES} parentheses in one action")
        self._body = body
        self._tokens: list[_Token] = [
            (str(found.lastgroup), str(found.group(str(found.lastgroup)))) for found in _TOKEN.finditer(body)
        ]
        self._next = 0

    def whole(self) -> Operand:
        found = self._pipeline()
        if self._peek() is not None:
            raise self._unexpected()
        return found

    def _pipeline(self) -> Operand:
        value = self._command(None)
        while self._peek() == ("mark", "|"):
            self._next += 1
            value = self._command(value)
        return value

    def _command(self, piped: Operand | None) -> Operand:
        token = self._peek()
        if token is not None and token[0] == "name" and _is_function(token[1]):
            return self._call(piped)
        operand = self._operand()
        if piped is not None or self._starts_operand():
            raise TemplateError(f"{{{{ {self._body} }}}}: only a function can be given a value")
        return operand

    def _call(self, piped: Operand | None) -> Operand:
        name = self._tokens[self._next][1]
        self._next += 1
        if name in _KEYWORDS:
            raise TemplateError(f"{{{{ {self._body} }}}}: {name!r} is not supported in templates here")
        args = []
        while self._starts_operand():
            args.append(self._operand())
        return FunctionCall(name, (*args, piped) if piped is not None else tuple(args))

    def _starts_operand(self) -> bool:
        token = self._peek()
        return token is not None and (token[0] in {"string", "number", "name"} or token == ("mark", "("))

    def _operand(self) -> Operand:
        token = self._peek()
        if token is None or not self._starts_operand():
            raise self._unexpected()
        self._next += 1
        kind, text = token
        if kind == "mark":
            return self._parenthesised()
        if kind == "string":
            return Literal(_unquoted(text))
        if kind == "number":
            return Literal(int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text))
        return FunctionCall(text, ()) if _is_function(text) else _reference(text)

    def _parenthesised(self) -> Operand:
        inner = self._pipeline()
        if self._peek() != ("mark", ")"):
            raise self._unexpected()
        self._next += 1
        return inner

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _unexpected(self) -> TemplateError:
        token = self._peek()
        found = "its end" if token is None else repr(token[1])
        return TemplateError(f"{{{{ {self._body} }}}}: unexpected {found}")


def _is_function(name: str) -> bool:
    return name[0] not in "$." and name not in {"true", "false"}


def _reference(text: str) -> Operand:
    """``$labels.x`` and its like: three spellings, none of which reaches a Python attribute."""
    if text in {"true", "false"}:
        return Literal(text == "true")
    path = text.removeprefix("$.").removeprefix(".") if text[0] == "." or text[:2] == "$." else text
    head, _, rest = path.partition(".")
    if path in {"$labels", "Labels"}:
        return AllLabels()
    if path in {"$value", "Value"}:
        return SampleValue()
    if head in {"$labels", "Labels"} and rest and "." not in rest:
        return LabelValue(rest)
    raise TemplateError(f"{text!r} is not known in templates (want $labels, $labels.<name> or $value)")


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found.group(1), found.group()), text[1:-1])
