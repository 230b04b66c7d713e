"""What pydantic found wrong, in the words of the person who wrote the file: value found, value wanted."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from settings.urls import without_password

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
SLACK_CHANNEL = r"^[CG][A-Z0-9]{2,}$"
SLACK_USER = r"^[UW][A-Z0-9]{2,}$"

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
_PATTERNS = {
    NAME_PATTERN: "small letters, digits and _, beginning with a letter",
    SLACK_CHANNEL: "a channel's id as Slack's channel details show it, e.g. C0123ABCD; not its name",
    SLACK_USER: "a member's id as Slack's profile shows it, e.g. U0123ABCD; not a name",
}


def worded(group: Sequence[ErrorDetails], found: object) -> str:
    """One message for what is wrong with one value, as it was written.

    Several errors are what the members of a union say of it.
    """
    kind, context = group[0]["type"], group[0].get("ctx", {})
    nouns = [_NOUNS[each["type"]] for each in group if each["type"] in _NOUNS]
    if "error" in context:
        return str(context["error"])
    if nouns:
        return f"{shown(found)} is not {' or '.join(dict.fromkeys(nouns))}"
    if kind in _BOUNDS:
        return _out_of_bounds(kind, context, found)
    if kind in _OTHERS:
        return _OTHERS[kind](context, found)
    says = group[0]["msg"]
    return f"{shown(found)}: {says[:1].lower()}{says[1:]}"


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
    text = without_password(str(value))
    return repr(text if len(text) <= 60 else text[:57] + "…")


def _out_of_bounds(kind: str, context: Mapping[str, Any], found: object) -> str:
    if found in ("", [], {}):
        return "is empty"
    bound, phrase = _BOUNDS[kind]
    limit = context[bound]
    return f"{shown(found)} is {phrase.format(f'{limit:.15g}' if isinstance(limit, float) else limit)}"


def _not_one_of(context: Mapping[str, Any], found: object) -> str:
    known = re.findall(r"'([^']*)'", str(context.get("expected", context.get("expected_tags", ""))))
    wrong = context.get("tag", found)
    near = difflib.get_close_matches(str(wrong), known, n=1, cutoff=0.6)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{shown(wrong)} is not one of {', '.join(known)}{meant}"


def _not_of_the_pattern(context: Mapping[str, Any], found: object) -> str:
    pattern = str(context["pattern"])
    return f"{shown(found)} does not fit (want {_PATTERNS.get(pattern, f'a match of {pattern}')})"


def _without_tag(context: Mapping[str, Any], _: object) -> str:
    return f"{context['discriminator']} is missing"


_OTHERS: Mapping[str, Callable[[Mapping[str, Any], object], str]] = {
    "enum": _not_one_of,
    "literal_error": _not_one_of,
    "union_tag_invalid": _not_one_of,
    "union_tag_not_found": _without_tag,
    "string_pattern_mismatch": _not_of_the_pattern,
}
