"""Reading the script language of Prometheus' own PromQL tests into values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from metrics.promql.ast import VectorSelector
from metrics.promql.parser import parse
from metrics.values import Labels, labels_of

STALE = "stale"
HISTOGRAM = "histogram"
Item = float | str | None
"""A number, STALE, HISTOGRAM, or None for a gap."""

_NUMBER = r"[+-]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_ITEM = re.compile(rf"({_NUMBER})(?:({_NUMBER})?x(\d+))?", re.IGNORECASE)
_GAP = re.compile(r"_(?:x(\d+))?")
_HISTOGRAM = re.compile(r"\{\{.*?\}\}(?:[+-]\{\{.*?\}\})?(?:x(\d+))?")
_UNITS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_LOAD = re.compile(r"load(?:_(with_nhcb))?\s+(\S+)$")
_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)$")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):\s*(.*))?$")


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget all series."""


@dataclass(frozen=True, slots=True)
class Load:
    """Series with a sample every ``step`` milliseconds from 0."""

    step: int
    series: tuple[tuple[Labels, tuple[Item, ...]], ...]
    custom_buckets: bool


@dataclass(slots=True)
class Evaluation:
    """One question and what must come of it; times in milliseconds. ``step`` 0 is an instant query.

    ``notes`` has patterns under ``warn`` and ``info``, one of which every warning or info must match, and
    the keys ``no_warn`` and ``no_info`` where there must be none.
    """

    line: int
    expr: str
    start: int
    end: int
    step: int
    ordered: bool = False
    fails: bool = False
    failure: str | None = None
    notes: dict[str, list[str]] = field(default_factory=dict)
    number: float | None = None
    series: list[tuple[Labels, tuple[Item, ...]]] = field(default_factory=list)

    @property
    def histograms(self) -> bool:
        """Whether a native histogram is expected."""
        return any(HISTOGRAM in items for _, items in self.series)


Command = Clear | Load | Evaluation


def duration(text: str) -> int:
    """Milliseconds of a Prometheus duration."""
    if text.lstrip("-").isdigit():
        return int(text) * 1000
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    return sum(int(number) * _UNITS[unit] for number, unit in parts) * (-1 if text.startswith("-") else 1)


def script(text: str) -> Iterator[Command]:
    """The commands of a script in order."""
    lines = ["" if line.strip().startswith("#") else line.strip() for line in text.split("\n")]
    place = 0
    while place < len(lines):
        block = _block(lines, place)
        if block:
            yield _command(block, place + 1)
        place += max(len(block), 1)


def _block(lines: list[str], place: int) -> list[str]:
    if lines[place] == "clear":
        return ["clear"]
    end = place
    while end < len(lines) and lines[end]:
        end += 1
    return lines[place:end]


def _command(block: list[str], line: int) -> Command:
    if block[0] == "clear":
        return Clear()
    if found := _LOAD.match(block[0]):
        return Load(duration(found[2]), tuple(_series(each) for each in block[1:]), bool(found[1]))
    return _evaluation(block, line)


def _evaluation(block: list[str], line: int) -> Evaluation:
    if found := _INSTANT.match(block[0]):
        at = duration(found[2] or "0")
        wanted = Evaluation(line, found[3], at, at, 0)
    elif found := _RANGE.match(block[0]):
        wanted = Evaluation(line, found[5], duration(found[2]), duration(found[3]), duration(found[4]))
    else:
        raise ValueError(f"line {line}: {block[0]}")
    wanted.fails, wanted.ordered = found[1] == "fail", found[1] == "ordered"
    if found[1] in {"warn", "info"}:
        wanted.notes[found[1]] = [""]
    for text in block[1:]:
        _expect(wanted, text)
    return wanted


def _expect(wanted: Evaluation, text: str) -> None:
    if found := _EXPECT.match(text):
        wanted.ordered |= found[1] == "ordered"
        wanted.fails |= found[1] == "fail"
        pattern = re.escape(found[3]) if found[2] == "msg" else found[3] or ""
        if found[1] == "fail":
            wanted.failure = pattern or wanted.failure
        elif found[1] != "ordered":
            wanted.notes.setdefault(found[1], []).append(pattern)
    elif text.startswith("expected_fail_message"):
        wanted.failure = re.escape(text.removeprefix("expected_fail_message").strip())
    elif text.startswith("expected_fail_regexp"):
        wanted.failure = text.removeprefix("expected_fail_regexp").strip()
    elif re.fullmatch(_NUMBER, text, re.IGNORECASE):
        wanted.number = float(text)
    else:
        wanted.series.append(_series(text))


def _series(text: str) -> tuple[Labels, tuple[Item, ...]]:
    end = _end_of_metric(text)
    return _labels(text[:end].strip()), tuple(_items(text[end:]))


def _end_of_metric(text: str) -> int:
    brace, blank = text.find("{"), re.search(r"\s", text)
    if brace < 0 or (blank and blank.start() < brace and text[blank.start() :].lstrip()[:1] != "{"):
        return blank.start() if blank else len(text)
    if text[brace : brace + 2] == "{{":
        return blank.start() if blank else len(text)
    quote = ""
    for place in range(brace, len(text)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote and text[place - 1] != "\\" else quote
        elif letter in "\"'`":
            quote = letter
        elif letter == "}":
            return place + 1
    raise ValueError(text)


def _labels(metric: str) -> Labels:
    if re.fullmatch(r"\{\s*\}", metric):
        return ()
    selector = parse(metric)
    assert isinstance(selector, VectorSelector)
    return labels_of([(matcher.name, matcher.value) for matcher in selector.matchers])


def _items(text: str) -> Iterator[Item]:
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        found = _HISTOGRAM.match(text, place) or re.compile(r"\S+").match(text, place)
        assert found
        yield from _expanded(found[0])
        place = found.end()


def _expanded(item: str) -> list[Item]:
    if item == STALE:
        return [STALE]
    if found := _HISTOGRAM.fullmatch(item):
        return [HISTOGRAM] * (1 + int(found[1] or 0))
    if found := _GAP.fullmatch(item):
        return [None] * int(found[1] or 1)
    found = _ITEM.fullmatch(item)
    if not found:
        raise ValueError(item)
    start, rise, times = float(found[1]), float(found[2] or "0"), int(found[3] or 0)
    values: list[Item] = [start]
    for _ in range(times):
        start += rise
        values.append(start)
    return values
