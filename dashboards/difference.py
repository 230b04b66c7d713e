"""What differs between a thing as we want it and as it is in Grafana, in words.

What Grafana adds by itself is not a difference: its own numbers, and keys that it fills with nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alerts.timeline import JsonValue

SHOWN_LENGTH = 100

_GRAFANAS_OWN = frozenset({"id", "version", "iteration", "pluginVersion"})
_NOTHING: tuple[JsonValue, ...] = (None, "", False, [], {})
_NAMED_BY = ("id", "name", "refId")
"""What tells the elements of a list apart: panels, variables and annotations, queries."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place; ``there`` is in Grafana, ``here`` is what we want; None where there is nothing."""

    where: str
    there: str | None
    here: str | None

    def __str__(self) -> str:
        if self.there is None:
            return f"{self.where}: not in Grafana" + (f", {self.here} here" if self.here else "")
        if self.here is None:
            return f"{self.where}: only in Grafana" + (f", {self.there}" if self.there else "")
        return f"{self.where}: {self.there} in Grafana, {self.here} here"


def differences(there: JsonValue, here: JsonValue, where: str = "") -> Iterator[Difference]:
    """Every place where ``there`` is not as ``here``, in the order of ``here``."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        yield from _of_mappings(there, here, where)
    elif isinstance(there, list) and isinstance(here, list):
        yield from _of_lists(there, here, where)
    elif there != here:
        yield Difference(where or "everything", shown(there), shown(here))


def _of_mappings(
    there: Mapping[str, JsonValue], here: Mapping[str, JsonValue], where: str
) -> Iterator[Difference]:
    for key, value in here.items():
        if key in there:
            yield from differences(there[key], value, _below(where, key))
        elif value not in _NOTHING:
            yield Difference(_below(where, key), None, shown(value))
    for key, value in there.items():
        if key not in here and key not in _GRAFANAS_OWN and value not in _NOTHING:
            yield Difference(_below(where, key), shown(value), None)


def _of_lists(there: Sequence[JsonValue], here: Sequence[JsonValue], where: str) -> Iterator[Difference]:
    key = _key(there, here)
    if key is None:
        if list(there) != list(here):
            yield from _by_place(there, here, where)
        return
    mine, others = _keyed(here, key), _keyed(there, key)
    for name, element in mine.items():
        if name in others:
            yield from differences(others[name], element, _named(where, element, key))
        else:
            yield Difference(_named(where, element, key), None, "")
    for name, element in others.items():
        if name not in mine:
            yield Difference(_named(where, element, key), "", None)
    order = [name for name in others if name in mine]
    if order != [name for name in mine if name in others]:
        yield Difference(f"{where}, their order", "another", "ours")


def _by_place(there: Sequence[JsonValue], here: Sequence[JsonValue], where: str) -> Iterator[Difference]:
    if len(there) != len(here):
        yield Difference(where, shown(list(there)), shown(list(here)))
        return
    for place, (one, other) in enumerate(zip(there, here, strict=True), start=1):
        yield from differences(one, other, f"{where}[{place}]")


def _key(*lists: Sequence[JsonValue]) -> str | None:
    """The key whose values tell all elements of each list apart, if there is one."""
    if not any(lists):
        return None
    for key in _NAMED_BY:
        named = [_keyed(elements, key) for elements in lists]
        if all(len(each) == len(elements) for each, elements in zip(named, lists, strict=True)):
            return key
    return None


def _keyed(elements: Sequence[JsonValue], key: str) -> dict[str, Mapping[str, JsonValue]]:
    return {
        str(element[key]): element for element in elements if isinstance(element, Mapping) and key in element
    }


def _below(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _named(where: str, element: Mapping[str, JsonValue], key: str) -> str:
    title = element.get("title")
    name = f"{title!r} ({element[key]})" if title else repr(element[key])
    return f"{where} {name}"


def shown(value: JsonValue) -> str:
    """A value on one line, cut where it is long."""
    text = str(value) if isinstance(value, int | float) else repr(value)
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}…"
