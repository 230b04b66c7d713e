"""Reading a few numbers off a metrics page in Prometheus' text format."""

from collections.abc import Collection, Mapping


def totals(page: str, names: Collection[str]) -> Mapping[str, float]:
    """The sum over all label sets of each metric named; one that is not on the page is not in the answer.

    Raises:
        ValueError: a line of one of these metrics has no number.
    """
    found: dict[str, float] = {}
    for line in page.splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name in names:
            value = line.rpartition("}")[2] if "}" in line else line[len(name) :]
            found[name] = found.get(name, 0.0) + _number(name, value)
    return found


def _number(name: str, text: str) -> float:
    try:
        return float(text.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        raise ValueError(f"{name}: {text.strip()!r} is not a number") from None
