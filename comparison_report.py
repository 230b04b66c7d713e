"""A comparison as a report: what it has to say, in the report's own values."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import comparison_charts
from comparison_charts import ACTING, LEFT_ALONE
from reports.document import Line, Listing, Paint, Report, Section, Table, TableRow, Tile, Tone
from stack.drills import comparison_rows
from stack.drills.comparison import Comparison, Side, side_of
from stack.drills.comparison_file import Made
from stack.drills.comparison_rows import Row
from stack.drills.comparison_verdict import ComparisonVerdict, Conclusion
from stack.drills.expectation import Expectation
from stack.drills.figures import Figures
from stack.drills.result import DrillResult, LogStamp
from stack.drills.table import found_text

STORY = frozenset(
    {
        "alert_firing",
        "incident_opened",
        "incident_mitigated",
        "incident_reopened",
        "incident_resolved",
        "run_started",
        "lever_set",
        "lever_stepped",
        "not_effective",
        "verified",
        "releasing",
        "run_ended",
        "undone",
    }
)
TONES = {
    Conclusion.SHOWN: (Tone.GOOD, "Prevented: the failure appears left alone, and not with runbooks acting"),
    Conclusion.NOT_SHOWN: (Tone.BAD, "Not shown: something that had to follow did not"),
    Conclusion.INCONCLUSIVE: (Tone.UNSURE, "Inconclusive: play it again"),
}
PAINTS = (Paint.FIRST, Paint.SECOND)


def build(comparison: Comparison, verdict: ComparisonVerdict, made: Made) -> Report:
    """The whole report."""
    alone = side_of(comparison.left_alone, comparison.watch_after)
    acting = side_of(comparison.acting, comparison.watch_after)
    tone, words = TONES[verdict.conclusion]
    return Report(
        title="Connection pool exhausted: left alone, and with runbooks acting",
        subtitle=subtitle(comparison, alone),
        first=LEFT_ALONE,
        second=ACTING,
        verdict=words,
        conclusion=verdict.text,
        tone=tone,
        at=made.at,
        since=comparison.left_alone.started_at,
        until=comparison.acting.ended_at,
        facts=tuple(facts(comparison, made)),
        tiles=tuple(tiles(comparison, alone, acting)),
        sections=(
            users_section(comparison, alone, acting),
            time_section(comparison, alone, acting),
            failure_section(alone),
            story_section(comparison, alone),
            verdict_section(verdict),
            method_section(comparison, alone, acting),
        ),
    )


def subtitle(comparison: Comparison, alone: Side) -> str:
    """What was played, in one sentence."""
    drill = comparison.acting
    return (
        f"The same on-sale twice on one stack: {alone.users.arrived} simulated users arrive within "
        f"{drill.plan.surge_seconds:.0f} s at a database that serves "
        f"{drill.capacity.queries_per_second:.2f} date queries a second. "
        "First Showcall only watches, then it acts."
    )


def tiles(comparison: Comparison, alone: Side, acting: Side) -> Iterator[Tile]:
    """The four figures that a person remembers."""
    objective = comparison.acting.plan.wanted.objective
    yield Tile("Pool timeouts", str(alone.timeouts), str(acting.timeouts))
    yield Tile(
        "Dates, 95 % within, second half of the surge", p95(alone.second_half), p95(acting.second_half)
    )
    yield Tile(
        f"Users served with every page within {objective:g} s",
        str(alone.users.within_objective),
        str(acting.users.within_objective),
    )
    yield Tile("Users who saw an error or a timeout", str(alone.users.saw_error), str(acting.users.saw_error))


def p95(figures: Figures) -> str:
    """The 95th percentile, as a lower bound where it is one."""
    bound = "≥ " if figures.cut_off else ""
    return comparison_rows.NOTHING if figures.p95 is None else f"{bound}{figures.p95:.1f} s"


def users_section(comparison: Comparison, alone: Side, acting: Side) -> Section:
    """What became of people, and how long they waited."""
    plan = comparison.acting.plan
    served = comparison.acting.capacity.queries_per_second / plan.queries
    arriving = acting.users.arrived / plan.surge_seconds
    return Section(
        "What it was like for the users",
        (
            f"Every simulated user asks for the dates of one concert {plan.queries} times, with "
            f"{plan.think:g} s of thought after each answer, and gives up after "
            f"{plan.waiting_patience:g} s in the waiting queue. Both runs have the same users, who arrive at "
            f"the same moments, and both are judged {comparison.watch_after:.0f} s after the surge: who is "
            "still without an answer then counts as failed.",
            f"The database can serve {served:.1f} such users a second, and {arriving:.1f} arrive: nobody can "
            "serve them all. Acting serves those it lets in and lets the others wait in the queue, where "
            "they may give up; left alone, everybody waits in the pool.",
        ),
        tables=(
            table("Users of the surge", comparison_rows.user_rows(alone, acting, plan.wanted.objective)),
            table(
                "Dates: p50 / p90 / p95",
                comparison_rows.latency_rows(alone, acting),
                note=(
                    "Counted from the moment the request was meant to be sent, by the window in which that "
                    f"was. A failed request counts as at least {plan.patience.timeout:g} s, the user's own "
                    "timeout; one without an answer at the end counts with what it had waited, which makes "
                    "the figure a lower bound (≥)."
                ),
            ),
        ),
    )


def time_section(comparison: Comparison, alone: Side, acting: Side) -> Section:
    """What happened when: table and charts."""
    charts = comparison_charts.charts(comparison, alone, acting)
    letters = comparison_charts.legend(charts[0].marks)
    return Section(
        "What happened when",
        (
            "Seconds count from the beginning of the surge, which lasts "
            f"{comparison.acting.plan.surge_seconds:.0f} s. The run left alone ends "
            f"{comparison.watch_after:.0f} s after it, when everybody is sent home. In the charts: "
            f"{letters}.",
        ),
        tables=(
            table("The pool", comparison_rows.pool_rows(alone, acting)),
            table("After the surge began", comparison_rows.timing_rows(comparison, alone, acting)),
        ),
        charts=charts,
    )


def failure_section(alone: Side) -> Section:
    """The published failure in the service's own words."""
    count = len(alone.timeout_lines)
    lines = tuple(
        Line(datetime.fromtimestamp(line.at, UTC).strftime("%H:%M:%S.%f")[:-3] + "Z", line.text)
        for line in spread(alone.timeout_lines)
    )
    return Section(
        "The failure, in the service's own log",
        (
            "A request that gets no database connection within the pool's patience fails with this line. "
            f"Left alone there were {count} of them; the first came "
            f"{comparison_rows.seconds(alone.first_timeout)} after the surge began."
            if count
            else "Left alone, no request ran into the pool's patience: there is no such line in the log.",
        ),
        listings=(Listing(f"{len(lines)} of {count} lines", lines, verbatim=True),) if lines else (),
    )


def spread(lines: tuple[LogStamp, ...]) -> tuple[LogStamp, ...]:
    """The first, one in the middle and the last."""
    picked = {0, len(lines) // 2, len(lines) - 1} if lines else set()
    return tuple(lines[index] for index in sorted(picked))


def story_section(comparison: Comparison, alone: Side) -> Section:
    """What Showcall would have done, and what it did."""
    would = tuple(Line(after(comparison.left_alone, event.at), event.text) for event in alone.would)
    did = tuple(
        Line(after(comparison.acting, seen.event.at), seen.event.text)
        for seen in comparison.acting.events
        if seen.event.kind in STORY
    )
    return Section(
        "What Showcall did",
        ("Rows of the incident's timeline, in seconds after the surge began.",),
        listings=(
            Listing(
                "Left alone: what it would have done (observe mode, nothing was sent)", would, nothing(would)
            ),
            Listing("Acting: what it did", did, nothing(did)),
        ),
    )


def nothing(lines: tuple[Line, ...]) -> str:
    """Said in the place of an empty list."""
    return "" if lines else "Nothing."


def after(run: DrillResult, at: float) -> str:
    """Seconds after the surge began."""
    return comparison_rows.since_surge(run, at)


def verdict_section(verdict: ComparisonVerdict) -> Section:
    """Every expectation with what was found."""
    groups = (
        ("Left alone, the published failure has to appear", verdict.left_alone),
        ("Acting, the drill has to go well", verdict.acting),
        ("Between the two", verdict.both),
    )
    count = len(verdict.expectations)
    failed = sum(1 for each in verdict.expectations if not each.passed)
    held = "All of them held." if not failed else f"{failed} of them did not hold."
    return Section(
        "What was expected",
        (f"{count} expectations were written down before. {held}",),
        tables=tuple(expected(title, expectations) for title, expectations in groups),
    )


def expected(title: str, expectations: Iterable[Expectation]) -> Table:
    """One table of expectations."""
    return Table(
        title,
        ("expected", "found", "wanted", ""),
        tuple(
            TableRow(
                each.title,
                (found_text(each), each.wanted, "ok" if each.passed else "failed"),
                tone=Tone.GOOD if each.passed else Tone.BAD,
            )
            for each in expectations
        ),
    )


def method_section(comparison: Comparison, alone: Side, acting: Side) -> Section:
    """The machine, what is simulated, and what limits the comparison."""
    return Section(
        "The machine, and what is simulated",
        (
            "The users are simulated. The stack is real (the concert service, PostgreSQL, Valkey) and runs "
            "as local processes that stand in for containers on one machine, with the load beside it; "
            "container limits are compared with, not enforced. The run left alone always comes first, so the "
            "acting one finds warmer caches.",
            "A pool timeout can only appear while the stack serves fewer than "
            f"{comparison.too_fast:.2f} queries/s: faster, and the request threads that do not fit the pool "
            f"are through before its patience ends. {drift(comparison, alone)}",
        ),
        tables=(table("Machine", comparison_rows.machine_rows(comparison, alone, acting)),),
    )


def drift(comparison: Comparison, alone: Side) -> str:
    """How the host's speed moved between the measurement and the run."""
    measured, served = comparison.left_alone.capacity.queries_per_second, alone.rate.per_second
    if served is None:
        return "The pool was not saturated for long enough to say how fast the host was during the run."
    change = 100 * (served / measured - 1)
    fast = " That is too fast for the failure to appear." if served > comparison.too_fast else ""
    return (
        f"Measured before: {measured:.2f} queries/s; served while saturated, left alone: {served:.2f} "
        f"({change:+.0f} %).{fast}"
    )


def table(title: str, rows: Iterable[Row], note: str = "") -> Table:
    """A table with a column for each run."""
    shown = tuple(TableRow(row.title, (row.left_alone, row.acting), row.part) for row in rows)
    return Table(title, ("", LEFT_ALONE, ACTING), shown, note, PAINTS)


def facts(comparison: Comparison, made: Made) -> Iterator[tuple[str, str]]:
    """Where the report comes from."""
    capacity = comparison.acting.capacity
    yield "Started", datetime.fromtimestamp(made.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    yield "Command", made.command
    yield "Showcall", made.version
    yield "Drill", f"{comparison.acting.plan.name}, seed {comparison.acting.plan.seed}"
    yield "Data", f"{capacity.seats:,} seats, simulated"
    yield "Capacity measured", capacity.measured_at
