"""What PromQL's literals mean: Go's number and string syntax, Prometheus' durations."""

import math
import re

from metrics.promql.numbers import go_float

_SIMPLE_ESCAPES = {
    "a": b"\a",
    "b": b"\b",
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
    "\\": b"\\",
    '"': b'"',
    "'": b"'",
}
_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\\"'])|(?P<octal>[0-7]{3})|x(?P<byte>[0-9a-fA-F]{2})"
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))"
)
_TO_ESCAPE = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}

_MISPLACED = re.compile(r"_(?![0-9])|(?<![0-9])_")

_UNIT_MS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1)
_DURATION = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII
)
_MAX_DURATION_MS = (2**63 - 1) // 1_000_000
_MAX_TIME_MS = 2**53
_DIGITS_OF_INT64 = 19


class LiteralError(ValueError):
    """A literal that has no value; ``offset`` is where in it the trouble begins."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


def number_of(text: str) -> float:
    """The value of a number as Go reads it: ``0x`` is hexadecimal, a leading 0 octal where it can be.

    Underscores may separate digits.
    """
    word = text.lower()
    if word in ("inf", "nan"):
        return float(word)
    whole = _whole_number(word)
    if whole is not None:
        return float(whole)
    if word.startswith("0x") or _MISPLACED.search(word):
        raise LiteralError(f"error parsing number: {quoted(text[:40])} has invalid syntax")
    value = _float(word.replace("_", ""))
    if value in (float("inf"), None):
        raise LiteralError(f"error parsing number: {quoted(text[:40])} is out of range or has invalid syntax")
    return value or 0.0


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as ``1h30m``: units from large to small, each at most once."""
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        raise LiteralError(f"not a valid duration string: {quoted(text[:40])}")
    if any(count is not None and len(count) > _DIGITS_OF_INT64 for count in found.groups()):
        raise LiteralError("duration out of range")
    total = sum(int(count or 0) * size for count, size in zip(found.groups(), _UNIT_MS, strict=True))
    if total > _MAX_DURATION_MS:
        raise LiteralError("duration out of range")
    return total


def seconds_as_ms(seconds: float) -> int:
    """Milliseconds of a number of seconds that stands where a duration is wanted."""
    if not abs(seconds) * 1000 <= _MAX_DURATION_MS:
        raise LiteralError("duration out of range")
    return _rounded(seconds * 1000)


def at_ms(seconds: float) -> int:
    """Milliseconds of the time behind ``@``, in Unix seconds."""
    if not abs(seconds) * 1000 <= _MAX_TIME_MS:
        raise LiteralError(f"timestamp out of bounds for @ modifier: {_fixed(seconds)}")
    return _rounded(seconds * 1000)


def _fixed(value: float) -> str:
    """As ``%f`` writes it."""
    return f"{value:f}" if math.isfinite(value) else go_float(value)


def _rounded(value: float) -> int:
    """Half away from zero, as Go rounds."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


def unquoted(literal: str) -> str:
    """The text of a string literal in any of the three quotes; backquotes know no escapes.

    A byte that ``\\xff`` and the like put where it is no UTF-8 stays, as a lone surrogate: see ``readable``.
    """
    quote, inner = literal[0], literal[1:-1]
    if quote == "`" or "\\" not in inner:
        return inner
    parts: list[bytes] = []
    at = 0
    while (backslash := inner.find("\\", at)) >= 0:
        escape = _ESCAPE.match(inner, backslash)
        parts += (inner[at:backslash].encode(), _escaped(escape, quote, backslash + 1))
        at = escape.end() if escape else len(inner)
    parts.append(inner[at:].encode())
    return b"".join(parts).decode("utf-8", errors="surrogateescape")


def readable(text: str) -> str:
    """The text with the replacement character for bytes that are no UTF-8."""
    return text if text.isprintable() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def quoted(text: str) -> str:
    """A double-quoted literal with that text."""
    return '"' + "".join(map(_quoted_character, text)) + '"'


def _whole_number(word: str) -> int | None:
    """As ``strconv.ParseInt(word, 0, 64)``; None where that fails."""
    digits = word.removeprefix("0x")
    base = 16 if digits != word else 8 if word.startswith("0") and len(word) > 1 else 10
    if len(digits) > 4 * _DIGITS_OF_INT64:
        return None
    try:
        value = int(digits.removeprefix("_") if base != 10 else digits, base)
    except ValueError:
        return None
    return value if value < 2**63 else None


def _float(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _escaped(escape: re.Match[str] | None, quote: str, offset: int) -> bytes:
    if escape is None:
        raise LiteralError("unknown or unfinished escape sequence", offset)
    simple = escape["simple"]
    if simple:
        if simple in "\"'" and simple != quote:
            raise LiteralError(f"unknown escape sequence \\{simple}", offset)
        return _SIMPLE_ESCAPES[simple]
    if escape["octal"] or escape["byte"]:
        code = int(escape["octal"], 8) if escape["octal"] else int(escape["byte"], 16)
        if code > 0xFF:
            raise LiteralError("escape sequence is an invalid Unicode code point", offset)
        return bytes([code])
    code = int(escape["short"] or escape["long"], 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise LiteralError("escape sequence is an invalid Unicode code point", offset)
    return chr(code).encode()


def _quoted_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character in _TO_ESCAPE:
        return _TO_ESCAPE[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code < 0xDD00:
        code -= 0xDC00
        return f"\\x{code:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
