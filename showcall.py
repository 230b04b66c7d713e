"""The command line of Showcall."""

import gc
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

import allocator
import assembly
import configuration
import own_log
import postgresql
import upkeep
from assembly import StartError
from commands_on_demand import OnDemand, refusals
from dashboards import plan, push
from dashboards.access import access
from dashboards.grafana import GrafanaHttp
from dashboards.trouble import GrafanaError
from housekeeping.job import JobError
from settings import ConfigError
from settings.schema import RunbookMode
from web.session_store import Role
from web.sign_in import new_code

EXIT_PROBLEM = 1
EXIT_USAGE = 2

app = typer.Typer(
    cls=OnDemand,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The on-call engineer of a concert on-sale.",
)
dashboards_app = typer.Typer(no_args_is_help=True, help="Our dashboard in Grafana.")
app.add_typer(dashboards_app, name="dashboards")

ConfigOption = Annotated[Path, typer.Option("--config", help="The configuration.")]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Instead of data_dir in the configuration.")
]
SqliteOption = Annotated[
    bool, typer.Option("--sqlite", help="Use the SQLite file in data_dir, whatever else is configured.")
]
DEFAULT_CONFIG = Path("config.yaml")

out = Console()
err = Console(stderr=True)


def main() -> None:
    """Run a command; what a person can put right is said in plain words, without a stack trace."""
    try:
        app(obj=time.time)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)
    except refusals(StartError, JobError) as error:
        fail(str(error), EXIT_PROBLEM)


def fail(text: str, code: int) -> NoReturn:
    """Say it on standard error and end."""
    err.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def load(
    config: Path, data_dir: Path | None = None, mode: RunbookMode | None = None, *, sqlite: bool = False
) -> configuration.Configuration:
    """The configuration, with what the command line says instead of it."""
    return configuration.load(config, data_dir, mode, sqlite=sqlite)


@app.command("run")
def run(
    config: ConfigOption = DEFAULT_CONFIG,
    data_dir: DataDirOption = None,
    mode: Annotated[
        RunbookMode | None, typer.Option(help="How far runbooks may go, instead of runbooks.mode.")
    ] = None,
    show_sign_in: Annotated[
        bool | None,
        typer.Option(
            "--sign-in/--no-sign-in",
            help="Print a one-time sign-in link (default: on a terminal).",
        ),
    ] = None,
    sqlite: SqliteOption = False,
) -> None:
    """Watch, decide, act, and serve the console, until SIGTERM or Ctrl-C."""
    allocator.configure(os.environ)
    own_log.configure_logging()
    with undisturbed():
        running = assembly.build(load(config, data_dir, mode, sqlite=sqlite), time.time)
        running.take_signals()
        running.start()
    out.print(f"Console  {running.web.address}", highlight=False)
    out.print(f"Runbooks {running.settings.runbooks.mode.value} mode", highlight=False)
    if sys.stdout.isatty() if show_sign_in is None else show_sign_in:
        show_way_in(running)
    else:
        out.print("Sign in  `showcall sign-in NAME` prints a one-time link", highlight=False)
    running.wait()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nobody looks for garbage meanwhile, nor later among what was made: samples read back, above all."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def show_way_in(running: assembly.Showcall) -> None:
    """Print a one-time sign-in."""
    address = running.web.address
    try:
        code = new_code(running.database, "oncall", time.time(), Role.RESPONDER)
    except SQLAlchemyError as error:
        # Watching must not end because of this: the database may come back.
        reason = assembly.database_error(running.database.place, error)
        out.print(f"Sign in  not yet: {reason}; `showcall sign-in NAME` makes one later", highlight=False)
        return
    out.print(f"Sign in  {address}/sign-in#code={code}", highlight=False, soft_wrap=True)
    out.print("         (works once, for 15 minutes; `showcall sign-in NAME` makes another)", highlight=False)


@app.command("check")
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Read the configuration, the rules and the runbooks, and say everything that is wrong."""
    found = load(config)
    settings = found.settings
    rules = sum(len(group.rules) for group in found.rules.groups)
    out.print(
        f"{config}: good. {len(settings.collector.targets)} targets, {rules} rules, "
        f"{len(settings.levers)} levers, {len(found.catalog.runbooks)} runbooks "
        f"({settings.runbooks.mode.value} mode).",
        highlight=False,
    )


@app.command("health")
def health(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Ask a running Showcall how it is: exit code 0 pass, 1 warn, 2 fail or no answer."""
    web = load(config).settings.web
    connection = HTTPConnection(web.host, web.port, timeout=5.0)
    try:
        connection.request("GET", "/health")
        body = json.loads(connection.getresponse().read())
        checks = {name: found[0] for name, found in body["checks"].items()}
        rows = [(name, check["status"], check["observedValue"]) for name, check in checks.items()]
        status = str(body["status"])
    except (OSError, HTTPException, ValueError) as error:
        fail(f"no answer from http://{web.host}:{web.port}/health: {error}", EXIT_USAGE)
    except (KeyError, TypeError, AttributeError, IndexError):
        fail(f"http://{web.host}:{web.port}/health answers, but it is not a Showcall (web.port)", EXIT_USAGE)
    table = Table("component", "status", "observed", box=None)
    for row in rows:
        table.add_row(*row)
    out.print(table)
    out.print(f"status: {status}")
    sys.exit({"pass": 0, "warn": 1}.get(status, EXIT_USAGE))


@app.command("sign-in")
def sign_in(
    name: Annotated[str, typer.Argument(help="The user; created when new.")],
    role: Annotated[
        Role | None, typer.Option(help="What the user may do (a new one: responder; else unchanged).")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    data_dir: DataDirOption = None,
    sqlite: SqliteOption = False,
) -> None:
    """Make a one-time sign-in link for a user."""
    found = load(config, data_dir, sqlite=sqlite)
    settings = found.settings
    with assembly.opened_database(found) as database:
        code = new_code(database, name, time.time(), role)
    out.print(
        f"http://{settings.web.host}:{settings.web.port}/sign-in#code={code}",
        highlight=False,
        soft_wrap=True,
    )


@app.command("backup")
def backup(
    config: ConfigOption = DEFAULT_CONFIG, data_dir: DataDirOption = None, sqlite: SqliteOption = False
) -> None:
    """Make a backup of the database now, also while Showcall runs."""
    found = own_backups(load(config, data_dir, sqlite=sqlite))
    settings = found.settings
    file = settings.data_dir / assembly.DATABASE_FILE
    if not file.is_file():
        fail(f"{file}: there is no database yet", EXIT_PROBLEM)
    with assembly.opened_database(found) as database:
        out.print(upkeep.backup_now(settings, database, file, time.time()), highlight=False, soft_wrap=True)


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    config: ConfigOption = DEFAULT_CONFIG,
    data_dir: DataDirOption = None,
    sqlite: SqliteOption = False,
) -> None:
    """Put a backup in the place of the database; the present one is set aside."""
    settings = own_backups(load(config, data_dir, sqlite=sqlite)).settings
    said = upkeep.restore(file, settings.data_dir / assembly.DATABASE_FILE, time.time())
    out.print(said, highlight=False, soft_wrap=True)


def own_backups(found: configuration.Configuration) -> configuration.Configuration:
    """The same, if its database is a file of ours."""
    if found.database_url is not None:
        place = postgresql.server(found.database_url).shown
        fail(f"{place}: is backed up by PostgreSQL's own means (pg_dump, pg_restore)", EXIT_PROBLEM)
    return found


@dashboards_app.command("push")
def dashboards_push(
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing: exit code 0 all as wanted, 1 something differs.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put folder, data source and dashboard into Grafana, after showing what differs there."""
    settings = load(config).settings
    try:
        with GrafanaHttp(access(settings.grafana, os.environ)) as grafana:
            wanted = push.wanted(settings)
            steps = plan.plan(wanted, push.found(wanted, grafana))
            show([line for step in steps for line in push.lines(step, done=False)])
            if check_only:
                sys.exit(EXIT_PROBLEM if plan.differs(steps) else 0)
            for step in push.carry_out(steps, grafana):
                show(push.lines(step, done=True))
    except GrafanaError as error:
        fail(str(error), EXIT_USAGE)


@dashboards_app.command("show")
def dashboards_show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the dashboard's JSON, for a Grafana that reads its dashboards from files."""
    show([json.dumps(push.dashboard(load(config).settings), indent=2, ensure_ascii=False)])


def show(lines: Iterable[str]) -> None:
    """Print lines as they are."""
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
