"""``showcall demo``, and ``showcall drill`` once: stack, Showcall, the drill, and what came of it."""

import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

import rehearsal
from rehearsal import Site
from settings.schema import RunbookMode
from stack.drills.comparison import WATCH_AFTER_SECONDS, left_alone_plan, side_of
from stack.drills.comparison_verdict import judge_left_alone
from stack.drills.outcome import compute_outcome
from stack.drills.plan import DrillPlan
from stack.drills.result import DrillResult
from stack.drills.result_file import save
from stack.drills.table import drill_tables
from stack.drills.verdict import Verdict, judge_drill
from stack.local.cpu import step_aside

ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What is played.

    Attributes:
        stay: keep stack and console up after the drill, until Ctrl-C.
        kind: the folder under ``data_dir`` that keeps it.
        mode: how far runbooks may go; None as configured.
    """

    site: Site
    stay: bool
    kind: str = "demo"
    mode: RunbookMode | None = None
    drill: DrillPlan = field(default_factory=DrillPlan)

    @property
    def effective_mode(self) -> RunbookMode:
        """How far runbooks will go."""
        return self.mode or self.site.settings.runbooks.mode

    @property
    def played(self) -> DrillPlan:
        """The drill for that mode: the long one where nothing acts, time for a person where one is asked."""
        if self.effective_mode is RunbookMode.OBSERVE:
            return left_alone_plan(self.drill)
        if self.effective_mode is RunbookMode.ASK:
            return replace(self.drill, wanted=replace(self.drill.wanted, act_within=ANSWER_SECONDS))
        return self.drill


def run(plan: DemoPlan, console: Console) -> int:
    """Play the whole story. Returns 0 only if every step of it happened.

    Raises:
        RehearsalError, stack.local.StackError, stack.drills.readiness.DrillNotReadyError: with what to do.
    """
    rehearsal.refuse_what_is_not_ours(plan.site)
    data_dir = rehearsal.new_folder(plan.site, plan.kind)
    with rehearsal.plain_database_errors(data_dir):
        return tell_the_story(plan, data_dir, console)


def tell_the_story(plan: DemoPlan, data_dir: Path, console: Console) -> int:
    """Stack, Showcall, drill, tables. Returns 0 only if every step happened."""
    with ExitStack() as ending:
        ending.enter_context(rehearsal.stack_up(plan.site.stack, console))
        step_aside()
        database = ending.enter_context(rehearsal.showcall_up(plan.site, data_dir, plan.mode, console))
        console.rule("Drill: pool exhaustion")
        result = rehearsal.play(plan.site, plan.played, database, console)
        save(result, data_dir / "drill.json")
        verdict = show(result, data_dir, console)
        if plan.stay:
            rehearsal.wait_for_interrupt(console)
        console.print("Stopping Showcall and the stack ...")
    return 0 if verdict.passed else 1


def show(result: DrillResult, data_dir: Path, console: Console) -> Verdict:
    """Print the tables and judge: with nothing to act, the published failure has to appear."""
    console.rule("What came of it")
    outcome = compute_outcome(result)
    left_alone = result.plan.watch_after is not None
    verdict = judge_alone(result) if left_alone else judge_drill(result, outcome)
    console.print(drill_tables(result, outcome, verdict))
    console.print(f"Kept in {data_dir}", highlight=False, soft_wrap=True)
    if not left_alone:
        console.print("The figures again, beside their aims:", highlight=False)
        console.print(f"  {figures_command(data_dir)}", highlight=False, markup=False, soft_wrap=True)
    return verdict


def judge_alone(result: DrillResult) -> Verdict:
    """The verdict of a drill in which nothing was to act."""
    side = side_of(result, WATCH_AFTER_SECONDS)
    return Verdict(tuple(judge_left_alone(result, side)), comparable=result.capacity.ok)


def figures_command(data_dir: Path) -> str:
    """What prints the figures of the drill kept there."""
    return shlex.join([".venv/bin/python", "benchmarks/first_light.py", str(data_dir / "drill.json")])
