"""A rule's chart: for each comparison its value and its threshold over the last minutes."""

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from alerts.clause import Clause, clauses
from alerts.rule_outcome import RuleStatus
from alerts.timeline import JsonValue
from alerts.unit import unit_of
from metrics.errors import QueryError
from metrics.promql.parser import parse
from metrics.remote.long_range import LongRange
from metrics.values import Asker, Labels, Points
from web.charts import on_grid, page_of, seam

SECONDS = 900.0
STEP = 3.0
MOST_LINES = 6

RuleChart: TypeAlias = dict[str, JsonValue]


def rule_chart(
    status: RuleStatus, asker: Asker, now: float, long_range: LongRange | None = None
) -> RuleChart:
    """The chart as JSON, in the form of an incident's charts: Unix seconds, null where there is no value."""
    end = math.floor(now / STEP) * STEP
    times = [end - SECONDS + index * STEP for index in range(int(SECONDS / STEP) + 1)]
    page = page_of(long_range, [status.rule.expr], times)
    return {
        "start": times[0],
        "end": end,
        "times": list(times),
        "bands": [],
        "charts": list(_charts(status, page or asker, times)),
        **seam(page),
    }


def _charts(status: RuleStatus, asker: Asker, times: Sequence[float]) -> Iterator[JsonValue]:
    compared = [clause for clause in clauses(status.rule.expr) if clause.compares]
    for index, clause in enumerate(compared):
        yield {
            "key": f"clause-{index}",
            "title": clause.text,
            "unit": clause.unit,
            "lines": [
                *_lines(asker, clause.left, "value", times, dashed=False),
                *_threshold(asker, clause, times),
            ],
        }
    if not compared:
        yield {
            "key": "expression",
            "title": status.rule.expr,
            "unit": unit_of(parse(status.rule.expr)),
            "lines": _lines(asker, status.rule.expr, "value", times, dashed=False),
        }


def _threshold(asker: Asker, clause: Clause, times: Sequence[float]) -> list[JsonValue]:
    if clause.constant is None:
        return _lines(asker, clause.right, "threshold", times, dashed=True)
    values: list[JsonValue] = [clause.constant] * len(times)
    return [{"title": "threshold", "expr": clause.right, "dashed": True, "values": values}]


def _lines(asker: Asker, expr: str, title: str, times: Sequence[float], *, dashed: bool) -> list[JsonValue]:
    """A line for each of the first series; one without values where nothing can be asked."""
    found = _asked(asker, expr, times)[:MOST_LINES]
    if not found:
        return [{"title": title, "expr": expr, "dashed": dashed, "values": [None] * len(times)}]
    return [
        {
            "title": title if len(found) == 1 else f"{title} {_named(points.labels)}",
            "expr": expr,
            "dashed": dashed,
            "values": on_grid(points, times, STEP),
        }
        for points in found
    ]


def _asked(asker: Asker, expr: str, times: Sequence[float]) -> tuple[Points, ...]:
    try:
        return asker.query_range(expr, times[0], times[-1], STEP).series
    except QueryError:
        return ()


def _named(labels: Labels) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels if name not in {"__name__", "job"})
