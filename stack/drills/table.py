"""The drill's outcome as tables for a terminal; plain text where there is none."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stack.drills.expectation import Expectation
from stack.drills.figures import Figures
from stack.drills.instants import Instants
from stack.drills.outcome import LeverStory, Outcome
from stack.drills.result import DrillResult
from stack.drills.verdict import Verdict
from stack.load.outcome_kind import OutcomeKind

NOTHING = "-"


def drill_tables(result: DrillResult, outcome: Outcome, verdict: Verdict) -> Group:
    """Everything a person wants to see at the end: what happened when, figures, levers, verdict."""
    parts: list[RenderableType] = [
        Text(_headline(result), style="bold"),
        steps(outcome.instants, result),
        figure_table(outcome, result),
        lever_table(outcome),
        expectation_table("expected", verdict.expectations),
        Text(_conclusion(verdict), style="bold green" if verdict.passed else "bold red"),
    ]
    return Group(*parts)


def steps(instants: Instants, result: DrillResult) -> Table:
    """First waiting request -> alert -> action -> recovered, and the way back."""
    table = Table("what", "at (UTC)", "after the step before", "since first waiting", box=box.SIMPLE_HEAD)
    before: float | None = None
    for title, at in _steps(instants, result):
        if at is None:
            table.add_row(Text(title, style="red"), Text("not seen", style="red"), NOTHING, NOTHING)
            continue
        first = instants.first_waiting
        since = None if first is None or at < first else at - first
        table.add_row(title, _clock(at), _seconds(None if before is None else at - before), _seconds(since))
        before = at
    return table


def figure_table(outcome: Outcome, result: DrillResult) -> Table:
    """Dates asked for, users served: before, during, after, and the tail."""
    table = Table("", box=box.SIMPLE_HEAD)
    columns = {
        "before": outcome.before,
        "during": outcome.during,
        "after": outcome.after,
        "tail": outcome.tail,
    }
    for name, figures in columns.items():
        length = f"\n{figures.window.seconds:.0f} s" if figures else "\nnever"
        table.add_column(name + length, justify="right")
    for title, show in _figure_rows(result.plan.wanted.objective):
        table.add_row(title, *(show(figures) if figures else NOTHING for figures in columns.values()))
    return table


def lever_table(outcome: Outcome) -> Table:
    """Where each lever was, in order."""
    table = Table("lever", "baseline", "values in order", "at the end", box=box.SIMPLE_HEAD)
    for story in outcome.levers:
        end = "at baseline" if story.back else f"{_value(story.last)}, held or on its way"
        style = "green" if story.back else "red"
        table.add_row(story.name, _value(story.baseline), _path(story), Text(end, style=style))
    return table


def expectation_table(title: str, expectations: Iterable[Expectation]) -> Table:
    """Every expectation with what was found and what was wanted."""
    table = Table(title, "found", "wanted", "", box=box.SIMPLE_HEAD)
    for expectation in expectations:
        mark = Text("ok", style="green") if expectation.passed else Text("FAILED", style="red")
        table.add_row(expectation.title, found_text(expectation), expectation.wanted, mark)
    return table


def found_text(expectation: Expectation) -> str:
    """The value with its unit, and what is missing."""
    value = value_text(expectation)
    return f"{value} ({expectation.why})" if expectation.why else value


def value_text(expectation: Expectation) -> str:
    """The value with its unit."""
    found = expectation.found
    return NOTHING if found is None else f"{_number(found)} {expectation.unit}".strip()


def _headline(result: DrillResult) -> str:
    capacity, machine = result.capacity, result.machine
    surge, seconds = result.plan.surge_users(capacity), result.surge_until - result.surge_from
    return (
        f"Drill {result.plan.name}: {capacity.queries_per_second:.2f} queries/s measured, "
        f"a surge of {surge:.1f} users/s for {seconds:.0f} s; "
        f"machine {machine.busy_percent:.0f} % busy, {machine.steal_percent:.1f} % stolen by its host"
    )


def _conclusion(verdict: Verdict) -> str:
    if verdict.passed:
        return "Every step happened, every figure is in its bounds."
    note = "" if verdict.comparable else " The stack was not calibrated: do not compare these figures."
    return f"{len(verdict.failed)} of {len(verdict.expectations)} expectations failed.{note}"


def _steps(instants: Instants, result: DrillResult) -> Iterator[tuple[str, float | None]]:
    yield "surge begins", result.surge_from
    yield "first waiting request", instants.first_waiting
    yield "alert fires", instants.alert_firing
    source = f" ({instants.cut_source})" if instants.cut_source else ""
    yield f"action: first cut{source}", instants.first_cut
    yield "backlog gone", instants.backlog_gone
    yield "recovered (one period)", instants.recovered
    yield "levers released", instants.release_began
    yield "levers at baseline", instants.levers_back
    yield "incident resolved", instants.resolved


def _figure_rows(objective: float) -> Iterator[tuple[str, Callable[[Figures], str]]]:
    yield "dates asked for", lambda f: str(f.dates)
    yield "p50", lambda f: _seconds(f.p50)
    yield "p90", lambda f: _seconds(f.p90)
    yield "p95", lambda f: _seconds(f.p95)
    yield "failures by kind", lambda f: _kinds(f.failures)
    yield "pool timeouts", lambda f: f"{f.pool_timeouts:.0f}"
    yield (
        "waiting for a connection, mean",
        lambda f: NOTHING if f.pending_mean is None else f"{f.pending_mean:.1f}",
    )
    yield "users arrived", lambda f: str(f.arrived)
    yield "users served", lambda f: str(f.served)
    yield f"users served within {objective:g} s", lambda f: str(f.within_objective)
    yield "users who gave up waiting", lambda f: str(f.gave_up)
    yield "users who failed", lambda f: str(f.failed)
    yield "times put back in the queue", lambda f: str(f.put_back)


def _kinds(failures: Mapping[OutcomeKind, int]) -> str:
    return "\n".join(f"{kind} {count}" for kind, count in failures.items()) or "none"


def _path(story: LeverStory) -> str:
    return " > ".join(_value(value) for value in story.visited)


def _value(value: float | str) -> str:
    return value if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f} s"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-4]
