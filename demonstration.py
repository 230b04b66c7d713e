"""``showcall demo``: the concert stack, a Showcall of its own process, the drill, and what came of it.

The stack and Showcall end with this process, however it ends (the kernel sees to that on Linux).
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from database import Database
from demonstration_view import Narrator, TimelineObserver
from settings.schema import Settings
from stack import local
from stack.config import StackConfig
from stack.drills.outcome import compute_outcome
from stack.drills.plan import DrillPlan
from stack.drills.pool_exhaustion import run_drill
from stack.drills.result import DrillResult
from stack.drills.result_file import save
from stack.drills.table import drill_tables
from stack.drills.target import running_stack
from stack.drills.verdict import judge_drill
from stack.local.child import ChildSpec, end, environment, spawn
from stack.local.cpu import step_aside
from stack.local.inspection import Condition, examine
from stack.local.layout import Layout
from stack.local.ports import holder_of, is_free
from web.session_store import Role
from web.sign_in import new_code

READY_SECONDS = 30.0
KEPT_DEMOS = 5
FOLDER_NAME = re.compile(r"\d{8}T\d{6}Z")
STOP_SIGNALS = ((signal.SIGTERM, 8.0),)


class DemoError(RuntimeError):
    """The demo cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Where things are, and whether somebody is watching.

    Attributes:
        stay: keep stack and console up after the drill, until Ctrl-C.
        clock: Unix seconds.
    """

    settings: Settings
    config_file: Path
    stay: bool
    clock: Callable[[], float]

    @property
    def folder(self) -> Path:
        """Where every demo keeps its data; one folder each, so that one never reads another's incidents."""
        return self.settings.data_dir / "demo"


def run(plan: DemoPlan, console: Console) -> int:
    """Play the whole story. Returns 0 only if every step of it happened.

    Raises:
        DemoError, stack.local.StackError, stack.drills.readiness.DrillNotReadyError: with what to do.
    """
    data_dir = plan.folder / datetime.fromtimestamp(plan.clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
    config = StackConfig(**plan.settings.stack.model_dump())
    refuse_what_is_not_ours(plan.settings, config)
    remove_old_demos(plan.folder)
    try:
        return tell_the_story(plan, config, data_dir, console)
    except SQLAlchemyError as error:
        # Its own text has the statement with what was to be stored, a sign-in code among it.
        found = getattr(error, "orig", None) or type(error).__name__
        raise DemoError(
            f"{data_dir / 'showcall.db'}: the demo's database cannot be used: {found}. "
            f"What Showcall says: {data_dir / 'showcall.log'}"
        ) from None


def refuse_what_is_not_ours(settings: Settings, config: StackConfig) -> None:
    """The demo starts its own stack and its own Showcall; it takes nobody else's for its own.

    Raises:
        DemoError: a stack runs already, or something listens on ``web.port``; both are told at once.
    """
    refuse([*running_stack_problem(config), *taken_port_problem(settings)])


def refuse(problems: Sequence[str]) -> None:
    """Raise all problems at once, or nothing."""
    if problems:
        raise DemoError("\n".join(problems))


def running_stack_problem(config: StackConfig) -> Iterator[str]:
    """A stack that a person started: its capacity is an old one, and it is not ours to stop."""
    run_dir = config.run_dir.resolve()
    _, found = examine(Layout(run_dir))
    if found.condition is Condition.RUNNING:
        yield f"a stack runs already (run_dir {run_dir}): stop it with `showcall stack down`"


def taken_port_problem(settings: Settings) -> Iterator[str]:
    """Another Showcall there would answer in the place of the demo's own."""
    web = settings.web
    if not is_free(web.host, web.port):
        yield (
            f"web.port: port {web.port} of {web.host} is taken by {holder_of(web.port)}, wanted a free port. "
            "Stop that process, or choose another web.port in config.yaml."
        )


def remove_old_demos(folder: Path) -> None:
    """Keep the newest demos; anything without the name of a demo is left alone."""
    demos = (each for each in folder.glob("*") if FOLDER_NAME.fullmatch(each.name) and not each.is_symlink())
    for old in sorted(demos)[:-KEPT_DEMOS]:
        shutil.rmtree(old, ignore_errors=True)


def tell_the_story(plan: DemoPlan, config: StackConfig, data_dir: Path, console: Console) -> int:
    """Stack, Showcall, drill, tables. Returns 0 only if every step happened."""
    with ExitStack() as ending:
        ending.enter_context(stack_up(config, console))
        step_aside()
        database = ending.enter_context(showcall_up(plan, data_dir, console))
        result = play(plan, config, database, console)
        save(result, data_dir / "drill.json")
        verdict = show(result, data_dir, console)
        if plan.stay:
            wait_for_interrupt(console)
        console.print("Stopping Showcall and the stack ...")
    return 0 if verdict else 1


@contextmanager
def stack_up(config: StackConfig, console: Console) -> Iterator[None]:
    """The concert stack, for as long as the block lasts."""
    console.rule("The concert stack")

    def tell(step: local.Step) -> None:
        console.print(f"  {step.part:<9} {step.text}", highlight=False)

    state = local.up(config, tell, supervised_by=os.getpid())
    try:
        if state.capacity is not None:
            capacity = state.capacity
            console.print(
                f"  It serves [bold]{capacity.queries_per_second:.2f} date queries/s[/bold] "
                f"with {capacity.seats:,} seats"
                + (f" [red]({capacity.reason})[/red]" if capacity.reason else ""),
                highlight=False,
            )
        yield
    finally:
        local.down(config.run_dir, lambda _: None)


@contextmanager
def showcall_up(plan: DemoPlan, data_dir: Path, console: Console) -> Iterator[Database]:
    """A Showcall in a process of its own, and its database to look into."""
    console.rule("Showcall")
    # Measuring the stack takes a while, so somebody may have come since.
    refuse([*taken_port_problem(plan.settings)])
    log = private_log(data_dir)
    command = [sys.executable, "-m", "showcall", "run", "--config", str(plan.config_file)]
    spec = ChildSpec(
        argv=[*command, "--data-dir", str(data_dir)],
        log=log,
        cwd=plan.config_file.parent,
        environment=environment(PYTHONUNBUFFERED="1"),
        death_signal=signal.SIGTERM,
    )
    process = spawn(spec)
    try:
        wait_until_ready(plan.settings, process, log)
        database = Database(f"sqlite:///{data_dir}/showcall.db")
        code = new_code(database, "oncall", plan.clock(), Role.RESPONDER)
        address = f"http://{plan.settings.web.host}:{plan.settings.web.port}"
        console.print(f"  Console   [bold]{address}[/bold]", highlight=False)
        console.print(f"  Sign in   {address}/sign-in#code={code}", highlight=False, soft_wrap=True)
        console.print("            (works once, for 15 minutes)")
        yield database
        database.close()
    finally:
        end(process, STOP_SIGNALS)


def private_log(data_dir: Path) -> Path:
    """An empty log in a folder, both for us alone: who can sign in is in there."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    data_dir.chmod(0o700)
    log = data_dir / "showcall.log"
    log.touch(mode=0o600)
    log.chmod(0o600)
    return log


def wait_until_ready(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for /-/ready.

    Raises:
        DemoError: Showcall ended, or was not ready in time; with the end of its log.
    """
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"Showcall ended with exit code {process.returncode}:\n{tail(log)}")
        answer = ready_answer(settings.web.host, settings.web.port)
        if answer == "ready":
            return
        time.sleep(0.2)
    raise DemoError(f"Showcall was not ready within {READY_SECONDS:g} s ({answer}):\n{tail(log)}")


def ready_answer(host: str, port: int) -> str:
    """What /-/ready says, or why it says nothing."""
    connection = HTTPConnection(host, port, timeout=1.0)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().read().decode().strip()
    except OSError as error:
        return str(error)
    finally:
        connection.close()


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log file."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def play(plan: DemoPlan, config: StackConfig, database: Database, console: Console) -> DrillResult:
    """Play the drill and print every timeline row as it happens."""
    console.rule("Drill: pool exhaustion")
    narrator = Narrator(console)
    return run_drill(
        DrillPlan(), running_stack(config), TimelineObserver(database), narrator.tell, clock=plan.clock
    )


def show(result: DrillResult, data_dir: Path, console: Console) -> bool:
    """Print the tables; whether every step happened."""
    console.rule("What came of it")
    outcome = compute_outcome(result)
    verdict = judge_drill(result, outcome)
    console.print(drill_tables(result, outcome, verdict))
    console.print(f"Kept in {data_dir}", highlight=False, soft_wrap=True)
    console.print("The figures again, beside their aims:", highlight=False)
    console.print(f"  {figures_command(data_dir)}", highlight=False, markup=False, soft_wrap=True)
    return verdict.passed


def figures_command(data_dir: Path) -> str:
    """What prints the figures of the drill kept there."""
    return shlex.join([".venv/bin/python", "benchmarks/first_light.py", str(data_dir / "drill.json")])


def wait_for_interrupt(console: Console) -> None:
    """Stay up until Ctrl-C."""
    console.print("The stack and the console stay up. Ctrl-C stops everything.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print()
