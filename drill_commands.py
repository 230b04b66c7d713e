"""``showcall demo``, ``drill`` and ``report``: what the command line hands to the rehearsals."""

import shlex
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

import assembly
import comparison
import configuration
import demonstration
from rehearsal import RehearsalError, Site
from settings.schema import RunbookMode
from stack import local
from stack.drills.json_file import DrillFileError
from stack.drills.readiness import DrillNotReadyError

EXIT_INTERRUPTED = 130
DRILL_FOLDER = "drill"
DEFAULT_CONFIG = Path("config.yaml")
ConfigOption = Annotated[Path, typer.Option("--config", help="The configuration.")]

REFUSALS = (local.StackError, RehearsalError, DrillNotReadyError)

app = typer.Typer()


class DrillName(StrEnum):
    """The drills there are."""

    POOL_EXHAUSTION = "pool_exhaustion"


@app.command()
def demo(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    stay: Annotated[
        bool | None, typer.Option("--stay/--exit", help="Stay up afterwards (default: on a terminal).")
    ] = None,
) -> None:
    """A real on-sale breaks and heals: stack, Showcall, a surge, an incident, its mitigation."""
    out = Console()
    stays = sys.stdout.isatty() if stay is None else stay
    play(lambda: demonstration.run(demonstration.DemoPlan(site(context, config), stays), out), out)


@app.command()
def drill(
    context: typer.Context,
    name: Annotated[DrillName, typer.Argument(help="Which drill.")],
    *,
    compare: Annotated[
        bool, typer.Option("--compare", help="Twice: left alone, then acting; saved as a report.")
    ] = False,
    mode: Annotated[
        RunbookMode | None, typer.Option(help="How far runbooks may go (default: as configured).")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    stay: Annotated[
        bool, typer.Option("--stay/--exit", help="Keep stack and console up afterwards, until Ctrl-C.")
    ] = False,
) -> None:
    """Play a drill on a stack and a Showcall of its own, and judge it; exit code 0 only if all of it held."""
    assert name is DrillName.POOL_EXHAUSTION  # noqa: S101 - there is no other yet
    if compare and mode is not None:
        raise typer.BadParameter("--compare plays both modes: leave --mode away")
    out = Console()
    if compare:
        both = comparison.ComparisonPlan(site(context, config), stay, command_line())
        play(lambda: comparison.run(both, out), out)
    once = demonstration.DemoPlan(site(context, config), stay, kind=DRILL_FOLDER, mode=mode)
    play(lambda: demonstration.run(once, out), out)


@app.command()
def report(
    path: Annotated[Path, typer.Argument(help="The raw runs of a comparison (….drills.json).")],
) -> None:
    """Make the report of a comparison again from its raw runs, beside them."""
    try:
        page = comparison.again(path)
    except (DrillFileError, ValueError, OSError) as error:
        raise RehearsalError(str(error)) from None
    Console().print(f"Report    {page}", highlight=False, soft_wrap=True)


def site(context: typer.Context, config: Path) -> Site:
    """Where things are, by the configuration; the command line hands over its clock."""
    return Site(configuration.load(config).settings, config.resolve(), context.obj)


def play(story: Callable[[], int], out: Console) -> NoReturn:
    """Play a story to its end, or to Ctrl-C or SIGTERM; the process ends with its exit code."""
    assembly.end_on_sigterm()
    try:
        sys.exit(story())
    except KeyboardInterrupt:
        out.print("\nStopped. Nothing is left running.")
        sys.exit(EXIT_INTERRUPTED)


def command_line() -> str:
    """The command as a person would type it again."""
    return shlex.join(["showcall", *sys.argv[1:]])
