"""``showcall stack``: the concert stack as local processes."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import configuration
from settings.schema import Settings
from stack import local
from stack.config import StackConfig

EXIT_PROBLEM = 1

DEFAULT_CONFIG = Path("config.yaml")
ConfigOption = Annotated[Path, typer.Option("--config", help="The configuration.")]

REFUSALS = (local.StackError,)

app = typer.Typer()
stack_app = typer.Typer(no_args_is_help=True, help="The concert stack as local processes.")
app.add_typer(stack_app, name="stack")

out = Console()


@stack_app.command()
def up(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Start Valkey, PostgreSQL and the concert service, load the data, measure the capacity."""
    state = local.up(stack_config(configuration.load(config).settings), tell)
    if state.capacity is not None and not state.capacity.ok:
        raise local.StackError(f"the capacity could not be calibrated: {state.capacity.reason}")


@stack_app.command()
def status(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say what runs; exit code 0 only when all of it does."""
    found = local.status(configuration.load(config).settings.stack.run_dir)
    table = Table("process", "pid", "state", "up since", "ports", "CPU %", "memory MB", box=None)
    for process in found.processes:
        table.add_row(
            process.name,
            str(process.pid),
            "running" if process.alive else "gone",
            process.up_since or "-",
            " ".join(map(str, process.ports)),
            "-" if process.cpu_percent is None else f"{process.cpu_percent:.0f}",
            "-" if process.memory_bytes is None else f"{process.memory_bytes / 1e6:.0f}",
        )
    out.print(table)
    out.print(
        f"stack: {found.condition.value}{f' ({found.reason})' if found.reason else ''}", highlight=False
    )
    sys.exit(0 if found.condition is local.Condition.RUNNING else EXIT_PROBLEM)


@stack_app.command()
def logs(
    name: Annotated[str, typer.Argument(help="concert, concert-output, redis, database or supervisor")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1)] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show a log of the stack."""
    for line in local.logs(configuration.load(config).settings.stack.run_dir, name, lines, follow):
        print(line)  # noqa: T201 - a log goes out as it is


@stack_app.command()
def down(
    purge: Annotated[bool, typer.Option("--purge", help="Remove the loaded data too.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Stop the stack."""
    local.down(configuration.load(config).settings.stack.run_dir, tell, purge=purge)


def stack_config(settings: Settings) -> StackConfig:
    """The stack's own configuration."""
    return StackConfig(**settings.stack.model_dump())


def tell(step: local.Step) -> None:
    """Print one line of progress."""
    out.print(f"{step.part:<9} {step.text}", highlight=False, markup=False)
