"""The figures of a comparison as numbers, for programs: the JSON beside the report."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from stack.drills.comparison import Comparison, side_of
from stack.drills.comparison_file import Made
from stack.drills.comparison_verdict import ComparisonVerdict
from stack.drills.expectation import between
from stack.drills.result import DrillResult


def figures(comparison: Comparison, verdict: ComparisonVerdict, made: Made) -> Mapping[str, Any]:
    """The same as numbers, for programs."""
    return {
        "command": made.command,
        "version": made.version,
        "too_fast": comparison.too_fast,
        "conclusion": verdict.conclusion.value,
        "left_alone": side_figures(comparison.left_alone, comparison.watch_after),
        "acting": side_figures(comparison.acting, comparison.watch_after),
        "expectations": {
            group: [asdict(each) for each in expectations]
            for group, expectations in (
                ("left_alone", verdict.left_alone),
                ("acting", verdict.acting),
                ("both", verdict.both),
            )
        },
    }


def side_figures(run: DrillResult, watch_after: float) -> Mapping[str, Any]:
    """One run in numbers; instants in seconds after the surge began."""
    side = side_of(run, watch_after)
    instants = {
        name: between(run.surge_from, at) if isinstance(at, float) else None
        for name, at in asdict(side.instants).items()
        if name != "cut_source"
    }
    return {
        "users": asdict(side.users),
        "windows": {
            each.window.name: {
                "seconds": each.window.seconds,
                "dates": each.dates,
                "cut_off": each.cut_off,
                "p50": each.p50,
                "p90": each.p90,
                "p95": each.p95,
                "failures": dict(each.failures),
            }
            for each in side.windows
        },
        "pool_timeouts": side.timeouts,
        "timeout_lines": len(side.timeout_lines),
        "first_timeout": side.first_timeout,
        "most_pending": side.most_pending,
        "instants": instants,
        "incidents": len(run.incidents),
        "would_have_acted": [event.text for event in side.would],
        "capacity": asdict(run.capacity),
        "served_while_saturated": {"per_second": side.rate.per_second, "seconds": side.rate.seconds},
        "served_in_second_half": side.throughput,
        "machine": asdict(run.machine),
    }
