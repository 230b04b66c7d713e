"""``showcall drill --compare``: the same drill twice on one stack, left alone, then acting; the report."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

import comparison_figures
import comparison_report
import rehearsal
from database import Database
from rehearsal import Site
from reports import shelf
from settings.schema import RunbookMode
from stack.drills import comparison_file, result_file
from stack.drills.comparison import Comparison, compared_plan, left_alone_plan, too_fast
from stack.drills.comparison_file import Made
from stack.drills.comparison_table import comparison_tables
from stack.drills.comparison_verdict import judge_comparison
from stack.drills.plan import DrillPlan
from stack.drills.readiness import wait_for_rest
from stack.drills.result import DrillResult
from stack.drills.target import running_stack
from stack.local.cpu import step_aside

REST_SECONDS = 120.0
LEFT_ALONE, ACTING = "left_alone", "acting"
REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What is compared.

    Attributes:
        stay: keep the stack and the acting Showcall up afterwards, until Ctrl-C.
        command: the command line, for the report.
    """

    site: Site
    stay: bool
    command: str
    drill: DrillPlan = DrillPlan()  # noqa: RUF009 - it is frozen


def run(plan: ComparisonPlan, console: Console) -> int:
    """Play both runs, compare, keep the report. Returns 0 only if the comparison shows what it should.

    Raises:
        RehearsalError, stack.local.StackError, stack.drills.readiness.DrillNotReadyError: with what to do.
    """
    rehearsal.refuse_what_is_not_ours(plan.site)
    folder = rehearsal.new_folder(plan.site, "drill")
    with rehearsal.plain_database_errors(folder):
        return tell_the_story(plan, folder, console)


def tell_the_story(plan: ComparisonPlan, folder: Path, console: Console) -> int:
    """Stack, left alone, rest, acting, report."""
    site, began = plan.site, time.monotonic()
    made = Made(site.clock(), version("showcall"), plan.command)
    with ExitStack() as ending:
        ending.enter_context(rehearsal.stack_up(site.stack, console))
        step_aside()
        left_alone = play_left_alone(plan, folder / LEFT_ALONE, console)
        rest(plan, console)
        acting_up = rehearsal.showcall_up(site, folder / ACTING, RunbookMode.AUTO, console)
        acting = play_acting(plan, folder / ACTING, ending.enter_context(acting_up), console)
        threads = site.stack
        limit = too_fast(threads.request_threads, threads.pool_size, threads.pool_timeout)
        found = Comparison(left_alone, acting, limit)
        passed = show(found, console)
        keep(plan.site, found, made, folder, console)
        console.print(f"Both runs took {duration(time.monotonic() - began)}.", highlight=False)
        if plan.stay:
            rehearsal.wait_for_interrupt(console)
        console.print("Stopping Showcall and the stack ...")
    return 0 if passed else 1


def play_left_alone(plan: ComparisonPlan, folder: Path, console: Console) -> DrillResult:
    """The run in which runbooks only say what they would do."""
    with rehearsal.showcall_up(plan.site, folder, RunbookMode.OBSERVE, console) as database:
        console.rule("Drill 1 of 2: left alone (runbooks observe)")
        result = rehearsal.play(plan.site, left_alone_plan(plan.drill), database, console)
    result_file.save(result, folder / "drill.json")
    return result


def play_acting(plan: ComparisonPlan, folder: Path, database: Database, console: Console) -> DrillResult:
    """The run in which runbooks act."""
    console.rule("Drill 2 of 2: runbooks act")
    result = rehearsal.play(plan.site, compared_plan(plan.drill), database, console)
    result_file.save(result, folder / "drill.json")
    return result


def rest(plan: ComparisonPlan, console: Console) -> None:
    """Until the stack is as it was: everybody has gone home, what still waits for the pool ends by itself."""
    console.print("Everybody went home; waiting for the stack to come to rest ...")
    took = wait_for_rest(running_stack(plan.site.stack), plan.drill, REST_SECONDS, plan.site.clock)
    console.print(f"At rest after {took:.0f} s.", highlight=False)


def show(found: Comparison, console: Console) -> bool:
    """Print the tables; whether the comparison shows what it should."""
    console.rule("Side by side")
    verdict = judge_comparison(found)
    console.print(comparison_tables(found, verdict))
    return verdict.passed


def keep(site: Site, found: Comparison, made: Made, folder: Path, console: Console) -> None:
    """Put the report on the shelf of ``data_dir`` and beside the incidents of both runs."""
    shelves = site.settings.data_dir / REPORTS
    name = shelf.name_of(made.at, f"{found.acting.plan.name}-comparison")
    raw = shelves / f"{name}.drills.json"
    comparison_file.save(found, made, raw)
    page = write(found, made, shelves, name)
    for run_folder in (folder / LEFT_ALONE, folder / ACTING):
        write(found, made, run_folder / REPORTS, name)
    console.print(f"Report    {page}", highlight=False, soft_wrap=True)
    console.print(f"Raw       {raw}  (again: showcall report {raw})", highlight=False, soft_wrap=True)


def write(found: Comparison, made: Made, folder: Path, name: str) -> Path:
    """The report on one shelf; returns its page."""
    verdict = judge_comparison(found)
    report = comparison_report.build(found, verdict, made)
    return shelf.keep(folder, name, report, comparison_figures.figures(found, verdict, made))


def again(raw: Path) -> Path:
    """Make the report of a kept comparison again, beside it. Returns its page.

    Raises:
        DrillFileError: the file is no comparison.
        ValueError: its name is not that of a report.
    """
    found, made = comparison_file.load(raw)
    return write(found, made, raw.parent, raw.name.removesuffix(".json").removesuffix(".drills"))


def duration(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
