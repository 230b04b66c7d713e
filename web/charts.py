"""The incident's charts: what is asked, over which time, and when an action held a lever."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alerts.incident import Incident
from alerts.timeline import JsonValue
from metrics.errors import QueryError
from metrics.remote.long_range import LongRange, Page
from metrics.values import Asker, Points
from runbooks.run import Run

BEFORE_SECONDS = 60.0
AFTER_SECONDS = 60.0
MOST_POINTS = 600

DATES = 'uri="/api/v1/concert/{concertId}/date"'


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    title: str
    expr: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart; all its lines share the unit."""

    key: str
    title: str
    unit: str
    lines: tuple[Line, ...]


def _quantile(share: float) -> str:
    return (
        f"histogram_quantile({share}, sum by (le) "
        f"(rate(http_server_requests_seconds_bucket{{{DATES}}}[10s])))"
    )


CHARTS = (
    Chart("latency", "Latency of date requests", "s",
          (Line("p50", _quantile(0.5)), Line("p95", _quantile(0.95)))),
    Chart("pool", "Pool: busy and waiting", "requests",
          (Line("waiting", "sum(hikaricp_connections_pending)"),
           Line("busy", "sum(hikaricp_connections_active)"))),
    Chart("queue", "Queue: waiting and active users", "users",
          (Line("waiting", "sum(queue_waiting)"), Line("active", "sum(queue_active)"))),
    Chart("cap", "Cap on active users", "users",
          (Line("cap", "sum(queue_active_cap)"),)),
    Chart("throughput", "Date requests answered, users admitted", "1/s",
          (Line("answered", f"sum(rate(http_server_requests_seconds_count{{{DATES}}}[10s]))"),
           Line("admitted", "sum(rate(queue_admitted_total[10s]))"))),
    Chart("cpu", "CPU (local processes stand in for containers)", "cores",
          (Line("concert", 'sum(rate(container_cpu_usage_seconds_total{name="concert"}[10s]))'),
           Line("database", 'sum(rate(container_cpu_usage_seconds_total{name="database"}[10s]))'))),
)  # fmt: skip


def document(
    asker: Asker, incident: Incident, runs: Sequence[Run], now: float, long_range: LongRange | None = None
) -> dict[str, JsonValue]:
    """All charts of an incident as JSON: shared times in Unix seconds, null where there is no value."""
    start, end = window(incident, now)
    step = max(1.0, math.ceil((end - start) / MOST_POINTS))
    start = math.floor(start / step) * step
    times = [start + index * step for index in range(int((end - start) / step) + 1)]
    exprs = [line.expr for chart in CHARTS for line in chart.lines]
    page = page_of(long_range, exprs, times)
    return {
        "start": start,
        "end": end,
        "times": list(times),
        "bands": [band(run, end) for run in runs if run.started_at is not None],
        "charts": [drawn(page or asker, chart, times, step) for chart in CHARTS],
        **seam(page),
    }


def page_of(long_range: LongRange | None, exprs: Sequence[str], times: Sequence[float]) -> Page | None:
    """What is asked for a page's charts where there is a remote: one seam for all of them."""
    return None if long_range is None else long_range.page(exprs, times[0], times[-1])


def seam(page: Page | None) -> dict[str, JsonValue]:
    """Where the remote's part ends, and what it could not answer; to ask after the charts are drawn."""
    if page is None or page.seam is None:
        return {"seam": None, "troubles": []}
    return {
        "seam": {"at": page.seam.at, "title": f"remote {page.seam.host}"},
        "troubles": list(page.troubles),
    }


def window(incident: Incident, now: float) -> tuple[float, float]:
    """From a minute before it opened to a minute after it resolved, or to now."""
    end = now if incident.resolved_at is None else min(now, incident.resolved_at + AFTER_SECONDS)
    return incident.opened_at - BEFORE_SECONDS, end


def band(run: Run, end: float) -> dict[str, JsonValue]:
    """When a run held its lever."""
    return {
        "title": f"{run.runbook} ({run.lever})",
        "start": run.started_at,
        "end": run.ended_at if run.ended_at is not None else end,
    }


def drawn(asker: Asker, chart: Chart, times: Sequence[float], step: float) -> dict[str, JsonValue]:
    """One chart with its values."""
    return {
        "key": chart.key,
        "title": chart.title,
        "unit": chart.unit,
        "lines": [
            {"title": line.title, "expr": line.expr, "values": asked(asker, line, times, step)}
            for line in chart.lines
        ],
    }


def asked(asker: Asker, line: Line, times: Sequence[float], step: float) -> list[JsonValue]:
    """The line's value at each time, None where there is none."""
    try:
        found = asker.query_range(line.expr, times[0], times[-1], step).series
    except QueryError:
        return [None] * len(times)
    return on_grid(found[0], times, step) if found else [None] * len(times)


def on_grid(points: Points, times: Sequence[float], step: float) -> list[JsonValue]:
    """A series' values laid onto the chart's times."""
    laid: list[JsonValue] = [None] * len(times)
    for at, value in zip(points.at.tolist(), points.values.tolist(), strict=True):
        index = round((at - times[0]) / step)
        if 0 <= index < len(laid) and math.isfinite(value):
            laid[index] = value
    return laid
