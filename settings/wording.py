"""What pydantic found wrong, in the words of the person who wrote the file: value found, value wanted."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"

_NOUNS = {
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of this size",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "too small (want at least {})"),
    "greater_than": ("gt", "too small (want more than {})"),
    "less_than_equal": ("le", "too large (want at most {})"),
    "less_than": ("lt", "too large (want less than {})"),
    "string_too_short": ("min_length", "too short (want at least {} characters)"),
    "string_too_long": ("max_length", "too long (want at most {} characters)"),
    "too_short": ("min_length", "too short (want at least {} entries)"),
    "too_long": ("max_length", "too long (want at most {} entries)"),
}
_PATTERNS = {NAME_PATTERN: "small letters, digits and _, beginning with a letter"}
_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")


def worded(group: Sequence[ErrorDetails]) -> str:
    """One message for what is wrong with one value; several errors are the members of a union."""
    detail = group[0]
    kind, context = detail["type"], detail.get("ctx", {})
    nouns = [_NOUNS[each["type"]] for each in group if each["type"] in _NOUNS]
    if "error" in context:
        return str(context["error"])
    if nouns:
        return f"{shown(detail['input'])} is not {' or '.join(dict.fromkeys(nouns))}"
    if kind in _BOUNDS:
        bound, phrase = _BOUNDS[kind]
        return f"{shown(detail['input'])} is {phrase.format(context[bound])}"
    return _OTHERS.get(kind, _as_pydantic_says)(detail, context)


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """`` (did you mean 'x'?)`` with the nearest known word, else the known ones; empty if there are none."""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if near:
        return f" (did you mean {near[0]!r}?)"
    return f" (known: {', '.join(known)})" if known else ""


def shown(value: object) -> str:
    """A value found in a file, short and without the password of a URL."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = _PASSWORD_IN_URL.sub("…@", str(value))
    return repr(text if len(text) <= 60 else text[:57] + "…")


def _not_one_of(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    known = re.findall(r"'([^']*)'", str(context.get("expected", context.get("expected_tags", ""))))
    found = context.get("tag", detail["input"])
    near = difflib.get_close_matches(str(found), known, n=1, cutoff=0.6)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{shown(found)} is not one of {', '.join(known)}{meant}"


def _not_of_the_pattern(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    pattern = str(context["pattern"])
    return f"{shown(detail['input'])} does not fit (want {_PATTERNS.get(pattern, f'a match of {pattern}')})"


def _without_tag(_: ErrorDetails, context: Mapping[str, Any]) -> str:
    return f"{context['discriminator']} is missing"


def _as_pydantic_says(detail: ErrorDetails, _: Mapping[str, Any]) -> str:
    return f"{shown(detail['input'])}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"


_OTHERS: Mapping[str, Callable[[ErrorDetails, Mapping[str, Any]], str]] = {
    "enum": _not_one_of,
    "literal_error": _not_one_of,
    "union_tag_invalid": _not_one_of,
    "union_tag_not_found": _without_tag,
    "string_pattern_mismatch": _not_of_the_pattern,
}
