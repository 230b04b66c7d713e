"""A chart as inline SVG whose text keeps its size at any width.

Text, grid and marks are placed by percentages; only the lines live in an inner viewport that is stretched,
and their strokes are not. So the same markup is readable on a telephone, on a wall and on paper.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from reports.document import Chart, Mark, Series

SIDE = 1000
"""The inner viewport's width and height."""

_FILLING = 'width="100%" height="100%"'
_MOST_TICKS = 5
_LETTER_ROOM = 0.05
_NEAR_TOP = 0.85


@dataclass(frozen=True, slots=True)
class Scale:
    """Where values lie: 0 to 1 from ``low`` to ``high``, by logarithm where ``logarithmic``."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """A value's place, kept inside."""
        low, high, found = self.low, self.high, value
        if self.logarithmic:
            low, high, found = (math.log10(max(each, 1.0)) for each in (low, high, found))
        return min(1.0, max(0.0, (found - low) / (high - low)))


def svg(chart: Chart) -> str:
    """The chart's drawing; every text in it is escaped."""
    x, y = time_scale(chart.since, chart.until), value_scale(chart)
    parts = [
        f'<svg class="plot" role="img" {_FILLING}><title>{escape(chart.title)}</title>',
        f"<desc>{escape(described(chart))}</desc>",
        *_bands(chart, x),
        *_grid(x, y),
        *_limits(chart, y),
        f'<svg class="lines" {_FILLING} viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none">',
        *(_path(series, x, y) for series in chart.series),
        "</svg>",
        *_marks(chart.marks, x),
        "</svg>",
    ]
    return "".join(parts)


def described(chart: Chart) -> str:
    """The chart in words, for those who do not see it: each line's highest and last value."""
    return "; ".join(_in_words(series, chart.unit) for series in chart.series)


def _in_words(series: Series, unit: str) -> str:
    if not series.points:
        return f"{series.name}: no values"
    highest, last = max(value for _, value in series.points), series.points[-1][1]
    return f"{series.name}: at most {highest:g} {unit}, at the end {last:g} {unit}"


def time_scale(since: float, until: float) -> Scale:
    """Seconds, marked at round ones; 0 is always a round one."""
    steps = (10, 20, 30, 60, 120, 300, 600, 1800, 3600)
    step = next((each for each in steps if (until - since) / each <= 9), 86_400)
    first = math.ceil(since / step)
    return Scale(since, until, tuple(step * n for n in range(first, math.floor(until / step) + 1)))


def value_scale(chart: Chart) -> Scale:
    """From 0 (or 1) to a round number that holds every line and every limit."""
    values = [value for series in chart.series for _, value in series.points]
    highest = max([*values, *(limit.value for limit in chart.limits), 1.0])
    if chart.logarithmic:
        powers = math.ceil(math.log10(highest) - 1e-9) or 1
        return Scale(1, 10.0**powers, tuple(10.0**n for n in range(powers + 1)), logarithmic=True)
    step = round_step(highest)
    count = math.ceil(highest / step - 1e-9)
    return Scale(0, step * count, tuple(step * n for n in range(count + 1)))


def round_step(highest: float) -> float:
    """The smallest step of 1, 2 or 5 times a power of ten that needs at most five of it."""
    power = 10.0 ** math.floor(math.log10(highest / _MOST_TICKS))
    return next(power * each for each in (1, 2, 5, 10) if highest / (power * each) <= _MOST_TICKS)


def letter_rows(marks: Sequence[Mark], x: Scale) -> tuple[int, ...]:
    """A row for each mark's letter so that neighbours do not cover each other; 0 is the lowest."""
    ends: list[float] = []
    rows = []
    for mark in marks:
        place = x.share(mark.at)
        row = next((n for n, end in enumerate(ends) if place >= end), len(ends))
        ends[row:] = [place + _LETTER_ROOM, *ends[row + 1 :]]
        rows.append(row)
    return tuple(rows)


def _path(series: Series, x: Scale, y: Scale) -> str:
    points = [
        (_number(x.share(at) * SIDE), _number((1 - y.share(value)) * SIDE)) for at, value in series.points
    ]
    if not points:
        return ""
    drawn = [f"M{points[0][0]} {points[0][1]}"]
    drawn += [f"H{at}V{value}" if series.steps else f"L{at} {value}" for at, value in points[1:]]
    kind = f"line {series.paint.value}{' thin' if series.thin else ''}"
    return f'<path class="{kind}" d="{"".join(drawn)}"/>'


def _bands(chart: Chart, x: Scale) -> Iterator[str]:
    for band in chart.bands:
        left, right = x.share(band.since), x.share(band.until)
        yield (
            f'<rect class="band {band.paint.value}" x="{_percent(left)}" width="{_percent(right - left)}" '
            f'y="0" height="100%"><title>{escape(band.name)}</title></rect>'
        )


def _grid(x: Scale, y: Scale) -> Iterator[str]:
    for tick in y.ticks:
        place = _percent(1 - y.share(tick))
        yield f'<line class="grid" x1="0" x2="100%" y1="{place}" y2="{place}"/>'
        yield f'<text class="value" x="-6" y="{place}" dy="0.32em">{_tick(tick)}</text>'
    for tick in x.ticks:
        place = _percent(x.share(tick))
        kind = "grid zero" if tick == 0 else "grid"
        yield f'<line class="{kind}" x1="{place}" x2="{place}" y1="0" y2="100%"/>'
        yield f'<text class="time" x="{place}" y="100%" dy="1.35em">{_tick(tick)}</text>'


def _limits(chart: Chart, y: Scale) -> Iterator[str]:
    for limit in chart.limits:
        share = y.share(limit.value)
        place, below = _percent(1 - share), "1.05em" if share > _NEAR_TOP else "-0.35em"
        yield f'<line class="limit" x1="0" x2="100%" y1="{place}" y2="{place}"/>'
        yield f'<text class="limit" x="100%" y="{place}" dx="-4" dy="{below}">{escape(limit.name)}</text>'


def _marks(marks: Sequence[Mark], x: Scale) -> Iterator[str]:
    for mark, row in zip(marks, letter_rows(marks, x), strict=True):
        place, kind, height = _percent(x.share(mark.at)), f"mark {mark.paint.value}", -4 - 12 * row
        yield f'<line class="{kind}" x1="{place}" x2="{place}" y1="0" y2="100%"/>'
        yield f'<text class="{kind}" x="{place}" y="{height}">{escape(mark.letter)}</text>'


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _percent(share: float) -> str:
    return f"{_number(share * 100)}%"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
