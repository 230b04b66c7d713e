"""A comparison as tables for a terminal."""

from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stack.drills import comparison_rows as rows
from stack.drills.comparison import Comparison, side_of
from stack.drills.comparison_rows import Row
from stack.drills.comparison_verdict import ComparisonVerdict, Conclusion
from stack.drills.table import expectation_table

STYLES = {
    Conclusion.SHOWN: "bold green",
    Conclusion.NOT_SHOWN: "bold red",
    Conclusion.INCONCLUSIVE: "bold yellow",
}


def comparison_tables(comparison: Comparison, verdict: ComparisonVerdict) -> Group:
    """Side by side: users, latency, the pool, times, the machine; then what was expected."""
    alone = side_of(comparison.left_alone, comparison.watch_after)
    acting = side_of(comparison.acting, comparison.watch_after)
    objective = comparison.acting.plan.wanted.objective
    parts: list[RenderableType] = [
        side_by_side("users", rows.user_rows(alone, acting, objective)),
        side_by_side("dates: p50 / p90 / p95", rows.latency_rows(alone, acting)),
        side_by_side("connection pool", rows.pool_rows(alone, acting)),
        side_by_side("after the surge began", rows.timing_rows(comparison, alone, acting)),
        side_by_side("machine", rows.machine_rows(comparison, alone, acting)),
        expectation_table("left alone, expected", verdict.left_alone),
        expectation_table("acting, expected", verdict.acting),
        expectation_table("between them, expected", verdict.both),
        Text(verdict.text, style=STYLES[verdict.conclusion]),
    ]
    return Group(*parts)


def side_by_side(title: str, shown: Iterable[Row]) -> Table:
    """One table with a column for each run."""
    table = Table(title, box=box.SIMPLE_HEAD)
    for name in ("left alone", "acting"):
        table.add_column(name, justify="right")
    for row in shown:
        table.add_row(f"  {row.title}" if row.part else row.title, row.left_alone, row.acting)
    return table
