"""What demo and drill stand on: a stack and a Showcall of their own, a folder each, and the drill as played.

The stack and Showcall end with this process, however it ends (the kernel sees to that on Linux).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from database import Database
from demonstration_view import Narrator, TimelineObserver
from settings.schema import RunbookMode, Settings
from stack import local
from stack.config import StackConfig
from stack.drills.plan import DrillPlan
from stack.drills.pool_exhaustion import run_drill
from stack.drills.result import DrillResult
from stack.drills.target import running_stack
from stack.local.child import ChildSpec, end, environment, spawn
from stack.local.inspection import Condition, examine
from stack.local.layout import Layout
from stack.local.ports import holder_of, is_free
from web.session_store import Role
from web.sign_in import new_code

READY_SECONDS = 30.0
KEPT = 5
FOLDER_NAME = re.compile(r"\d{8}T\d{6}Z")
STOP_SIGNALS = ((signal.SIGTERM, 8.0),)


class RehearsalError(RuntimeError):
    """It cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where things are. ``clock`` gives Unix seconds."""

    settings: Settings
    config_file: Path
    clock: Callable[[], float]

    @property
    def stack(self) -> StackConfig:
        """The stack's own configuration."""
        return StackConfig(**self.settings.stack.model_dump())


def new_folder(site: Site, kind: str) -> Path:
    """Where this one keeps its data: a folder each, so that none reads another's incidents. Old ones go."""
    folder = site.settings.data_dir / kind
    remove_old(folder)
    return folder / datetime.fromtimestamp(site.clock(), UTC).strftime("%Y%m%dT%H%M%SZ")


@contextmanager
def plain_database_errors(data_dir: Path) -> Iterator[None]:
    """A database of ours that fails is told in words: its own text has what was to be stored, codes too.

    Raises:
        RehearsalError: instead of SQLAlchemy's errors.
    """
    try:
        yield
    except SQLAlchemyError as error:
        found = getattr(error, "orig", None) or type(error).__name__
        raise RehearsalError(
            f"{data_dir / 'showcall.db'}: the database cannot be used: {found}. "
            f"What Showcall says: {data_dir / 'showcall.log'}"
        ) from None


def refuse_what_is_not_ours(site: Site) -> None:
    """Demo and drill start their own stack and their own Showcall, and take nobody else's for theirs.

    Raises:
        RehearsalError: a stack runs already, or something listens on ``web.port``; both are told at once.
    """
    refuse([*running_stack_problem(site.stack), *taken_port_problem(site.settings)])


def refuse(problems: Sequence[str]) -> None:
    """Raise all problems at once, or nothing."""
    if problems:
        raise RehearsalError("\n".join(problems))


def running_stack_problem(config: StackConfig) -> Iterator[str]:
    """A stack that a person started: its capacity is an old one, and it is not ours to stop."""
    run_dir = config.run_dir.resolve()
    _, found = examine(Layout(run_dir))
    if found.condition is Condition.RUNNING:
        yield f"a stack runs already (run_dir {run_dir}): stop it with `showcall stack down`"


def taken_port_problem(settings: Settings) -> Iterator[str]:
    """Another Showcall there would answer in the place of our own."""
    web = settings.web
    if not is_free(web.host, web.port):
        yield (
            f"web.port: port {web.port} of {web.host} is taken by {holder_of(web.port)}, wanted a free port. "
            "Stop that process, or choose another web.port in config.yaml."
        )


def remove_old(folder: Path) -> None:
    """Keep the newest; anything without such a name is left alone."""
    found = (each for each in folder.glob("*") if FOLDER_NAME.fullmatch(each.name) and not each.is_symlink())
    for old in sorted(found)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


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
def showcall_up(site: Site, data_dir: Path, mode: RunbookMode | None, console: Console) -> Iterator[Database]:
    """A Showcall in a process of its own, and its database to look into; ``mode`` None: as configured."""
    console.rule("Showcall" if mode is None else f"Showcall, {mode.value} mode")
    # Measuring the stack takes a while, so somebody may have come since.
    refuse([*taken_port_problem(site.settings)])
    log = private_log(data_dir)
    command = [sys.executable, "-m", "launch", "run", "--config", str(site.config_file)]
    # What is played is kept apart from what happened, wherever that is.
    command.append("--sqlite")
    if mode is not None:
        command += ["--mode", mode.value]
    spec = ChildSpec(
        argv=[*command, "--data-dir", str(data_dir)],
        log=log,
        cwd=site.config_file.parent,
        environment=environment(PYTHONUNBUFFERED="1"),
        death_signal=signal.SIGTERM,
    )
    process = spawn(spec)
    try:
        wait_until_ready(site.settings, process, log)
        database = Database(f"sqlite:///{data_dir}/showcall.db")
        code = new_code(database, "oncall", site.clock(), Role.RESPONDER)
        address = f"http://{site.settings.web.host}:{site.settings.web.port}"
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
        RehearsalError: Showcall ended, or was not ready in time; with the end of its log.
    """
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RehearsalError(f"Showcall ended with exit code {process.returncode}:\n{tail(log)}")
        answer = ready_answer(settings.web.host, settings.web.port)
        if answer == "ready":
            return
        time.sleep(0.2)
    raise RehearsalError(f"Showcall was not ready within {READY_SECONDS:g} s ({answer}):\n{tail(log)}")


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


def play(site: Site, plan: DrillPlan, database: Database, console: Console) -> DrillResult:
    """Play the drill and print every timeline row as it happens."""
    narrator = Narrator(console)
    return run_drill(
        plan, running_stack(site.stack), TimelineObserver(database), narrator.tell, clock=site.clock
    )


def wait_for_interrupt(console: Console) -> None:
    """Stay up until Ctrl-C."""
    console.print("The stack and the console stay up. Ctrl-C stops everything.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print()
