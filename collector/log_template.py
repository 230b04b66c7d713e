"""The template of a log line: what varies from line to line is replaced by what it is.

``took 12.5 ms for user 4711 "Kim"`` becomes ``took <n> ms for user <n> <text>``. One pass over the first
2,000 characters; every expression is linear.
"""

import re

LONGEST_LOOKED_AT = 2000
LONGEST_TEMPLATE = 300
HEX_FROM = 8
ID_CHANGES = 3

_TIME = re.compile(
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})? ?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d)?\]? *",
    re.ASCII,
)
_VARYING = re.compile(
    r"""(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"""
    r"""|(?P<text>"[^"]{0,500}"|(?<!\w)'[^']{0,500}'(?!\w))"""
    r"""|(?P<word>\w+)"""
)
_FIGURES = re.compile(r"\d+")
_CHANGES = re.compile(r"\d+|[^\W\d]+")
_HEX = re.compile(r"(?:0[xX])?[0-9a-fA-F]+")
_JOINED = re.compile(r"<n>(?:[.,]<n>)+")


def template_of(line: str) -> str:
    """The template of a line, without the time that it may begin with and without doubled spaces."""
    text = line[:LONGEST_LOOKED_AT]
    begin = _TIME.match(text)
    text = " ".join(text[begin.end() :].split()) if begin else " ".join(text.split())
    return _JOINED.sub("<n>", _VARYING.sub(_replaced, text))[:LONGEST_TEMPLATE]


def _replaced(found: "re.Match[str]") -> str:
    word = found["word"]
    return f"<{found.lastgroup}>" if word is None else _word(word)


def _word(word: str) -> str:
    if not _FIGURES.search(word):
        return word
    if _is_hex(word):
        return "<hex>"
    parts = _CHANGES.findall(word)
    return "<id>" if len(parts) > ID_CHANGES and len(word) >= HEX_FROM else _FIGURES.sub("<n>", word)


def _is_hex(word: str) -> bool:
    """0x and digits, or at least eight hexadecimal digits of which some are letters."""
    if not _HEX.fullmatch(word):
        return False
    return word[:2] in ("0x", "0X") or (len(word) >= HEX_FROM and not word.isdigit())
