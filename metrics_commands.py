"""``showcall metrics check``, ``export`` and ``import``: the samples on disk by hand."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

import assembly
import configuration
import own_log
from database import DataDirectoryInUseError, DataDirectoryLock
from metrics import exporting, importing, openmetrics
from metrics.disk import checking
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.shelf import Shelf
from metrics.disk.spool import Spool
from metrics.errors import QueryError
from metrics.exporting import Exported, UnsayableError, Wanted
from metrics.holdings import ChangedError, Holdings
from metrics.importing import Intake, NoRoomError, Reach, Refusal
from openmetrics_files import OpenMetricsError, OpenMetricsFiles
from settings.durations import parse_duration
from settings.schema import Settings

EXIT_PROBLEM = 1
EXIT_USAGE = 2
STDOUT = "-"
STDOUT_NAME = "standard output"
_TELL_EVERY = 100_000
_EVER = 2**62

DEFAULT_CONFIG = Path("config.yaml")
ConfigOption = Annotated[Path, typer.Option("--config", help="The configuration.")]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Instead of data_dir in the configuration.")
]

app = typer.Typer()
metrics_app = typer.Typer(no_args_is_help=True, help="The samples on disk.")
app.add_typer(metrics_app, name="metrics")

out = Console()
err = Console(stderr=True)


class MetricsFilesError(Exception):
    """What was asked for cannot be done; the text says why, in plain words."""


REFUSALS = (MetricsFilesError,)


@metrics_app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, data_dir: DataDirOption = None) -> None:
    """Read every byte of the samples' files, also while Showcall runs; exit code 1 if any is damaged."""
    folder = _settings(config, data_dir).data_dir / assembly.STORE_FOLDER
    table = Table("file", "bytes", "targets", "rows", "samples", "damage", box=None)
    damage: list[Damage] = []
    try:
        for found in checking.check(folder):
            damage += found.damage
            numbers = map(str, (found.size, found.origins, found.rows, found.samples, len(found.damage)))
            table.add_row(found.file, *numbers)
    except OSError as error:
        say(f"{folder}: cannot be read ({error.strerror})")
        sys.exit(EXIT_USAGE)
    out.print(table)
    for each in damage:
        out.print(str(each), highlight=False, markup=False, soft_wrap=True)
    out.print(f"{folder}: {f'{len(damage)} damaged pieces' if damage else 'good'}", highlight=False)
    sys.exit(EXIT_PROBLEM if damage else 0)


@metrics_app.command()
def export(
    context: typer.Context,
    *,
    match: Annotated[
        list[str] | None, typer.Option(help="Only series of this selector; may be given again.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="From this time: ISO 8601, Unix seconds, or as -2h.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until this time, included.")] = None,
    output: Annotated[str, typer.Option(help="The file; - for standard output.")] = STDOUT,
    config: ConfigOption = DEFAULT_CONFIG,
    data_dir: DataDirOption = None,
) -> None:
    """Write samples as OpenMetrics text with timestamps, also while Showcall runs; changes nothing."""
    wanted = _wanted(match or [], begin, end, context.obj())
    folder = _settings(config, data_dir).data_dir / assembly.STORE_FOLDER
    try:
        holdings = Holdings(folder, wanted.first, wanted.last)
    except OSError as error:
        raise MetricsFilesError(f"{folder}: cannot be read ({error.strerror})") from None
    try:
        with _written(output) as file, err.status("reading") as status:
            told = _write(file, exporting.exported(holdings, wanted), status)
    except BrokenPipeError:
        # Whoever read it has enough.
        sys.stderr.close()
        sys.exit(EXIT_PROBLEM)
    except OSError as error:
        raise MetricsFilesError(f"{output}: cannot be written ({error.strerror})") from None
    except (UnsayableError, ChangedError) as error:
        raise MetricsFilesError(str(error)) from None
    for damage in holdings.damage:
        say(str(damage))
    say(told.text(STDOUT_NAME if output == STDOUT else output))
    sys.exit(EXIT_PROBLEM if any(map(_is_loss, holdings.damage)) else 0)


@metrics_app.command("import")
def import_(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(help="OpenMetrics text, plain or gzip; - for standard input.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read and judge: change nothing.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    data_dir: DataDirOption = None,
) -> None:
    """Take samples of the past from OpenMetrics text with timestamps, while no Showcall runs."""
    own_log.configure_logging()
    settings = _settings(config, data_dir)
    reach = Reach(round(context.obj() * 1000), round(settings.metrics.retention * 1000))
    try:
        if dry_run:
            intake = Intake(reach, None)
            with err.status("reading") as status:
                _read(files, OpenMetricsFiles(), intake, status)
        else:
            with _lock(settings.data_dir), err.status("reading") as status:
                intake = _import(settings, reach, files, status)
    except (OpenMetricsError, NoRoomError) as error:
        raise MetricsFilesError(str(error)) from None
    sys.exit(_tell(intake, reach, dry_run))


def say(text: str) -> None:
    """One line on standard error."""
    err.print(text, highlight=False, markup=False, soft_wrap=True)


def moment(option: str, text: str, now: float) -> int:
    """Milliseconds of a time as a person writes it: ISO 8601 (UTC unless it says otherwise), Unix seconds,
    or how long before ``now``, such as ``-2h``. Raises typer.BadParameter.
    """
    try:
        if text.startswith("-") and text[-1:].isalpha():
            return round((now - parse_duration(text[1:])) * 1000)
        with suppress(ValueError):
            return round(float(text) * 1000)
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        wanted = "want e.g. 2026-11-22T16:00:00Z, 1795363200 or -2h"
        raise typer.BadParameter(f"{option}: {text!r} is not a time ({wanted})") from None


@dataclass(slots=True)
class _Told:
    """What was written."""

    series: int = 0
    samples: int = 0
    first: int = _EVER
    last: int = -_EVER
    size: int = 0

    def add(self, found: Exported) -> None:
        self.series += 1
        self.samples += len(found.times)
        self.first = min(self.first, int(found.times[0]))
        self.last = max(self.last, int(found.times[-1]))

    def text(self, file: str) -> str:
        span = f", {_shown(self.first)} to {_shown(self.last)}" if self.samples else ""
        return f"{file}: {self.series:,} series, {self.samples:,} samples{span}, {self.size:,} bytes"


def _write(file: BinaryIO, found: Iterator[Exported], status: Status) -> _Told:
    told = _Told()
    for each in found:
        told.add(each)
        for text in openmetrics.lines(each.labels, each.times, each.values):
            told.size += file.write(text.encode())
            status.update(f"{told.series:,} series, {told.samples:,} samples, {told.size:,} bytes")
    told.size += file.write(openmetrics.END.encode())
    return told


@contextmanager
def _written(output: str) -> Iterator[BinaryIO]:
    """Where the text goes; a file is in its place when it is whole, or not at all."""
    place = Path(output)
    if output == STDOUT or (place.exists() and not place.is_file()):
        with nullcontext(sys.stdout.buffer) if output == STDOUT else place.open("wb") as file:
            yield file
            file.flush()
        return
    beside = place.with_name(f"{place.name}.part")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def _import(settings: Settings, reach: Reach, files: list[str], status: Status) -> Intake:
    folder = settings.data_dir / assembly.STORE_FOLDER
    kept = settings.metrics
    try:
        shelf = Shelf(folder, kept.retention, kept.retention_bytes)
        spool = Spool(folder)
    except OSError as error:
        raise MetricsFilesError(f"{folder}: cannot be written to ({error.strerror})") from None
    with closing(spool):
        source, intake = OpenMetricsFiles(), Intake(reach, spool)
        _read(files, source, intake, status)
        for done, _ in enumerate(importing.seal(shelf, spool, source.labels), 1):
            status.update(f"{done} of {len(intake.blocks)} blocks")
    if shelf.damage:
        say(
            f"{folder}: {sum(shelf.damage.values()):,} damaged pieces of blocks were left out, as named above"
        )
    if shelf.size > kept.retention_bytes:
        say(
            f"{folder}: {shelf.size:,} bytes of samples, over metrics.retention_bytes "
            f"({kept.retention_bytes:,}): the oldest blocks go when Showcall runs"
        )
    return intake


def _read(files: list[str], source: OpenMetricsFiles, intake: Intake, status: Status) -> None:
    for file in files:
        for count, read in enumerate(source.read(file)):
            intake.take(*read)
            if count % _TELL_EVERY == 0:
                status.update(f"{file}: {count:,} samples read")


def _tell(intake: Intake, reach: Reach, dry_run: bool) -> int:
    """Say what became of the samples; the exit code."""
    reasons = {
        Refusal.TOO_OLD: f"before {_shown(reach.first)}: metrics.retention would delete them at once",
        Refusal.NOT_OVER: f"{_shown(reach.end)} to now: these 15 minutes are not over, import again then",
        Refusal.FUTURE: f"after now ({_shown(reach.now)})",
    }
    for refusal, count in intake.refused.items():
        say(f"{count:,} samples not taken, {reasons[refusal]}")
    did = "would be imported" if dry_run else "imported"
    out.print(
        f"{intake.samples:,} samples of {len(intake.series):,} series {did} "
        f"into {len(intake.blocks):,} blocks of 15 minutes",
        highlight=False,
        soft_wrap=True,
    )
    return EXIT_PROBLEM if intake.refused else 0


@contextmanager
def _lock(data_dir: Path) -> Iterator[None]:
    try:
        lock = DataDirectoryLock(data_dir)
    except DataDirectoryInUseError as error:
        raise MetricsFilesError(f"{error}; an import needs the samples' files for itself") from None
    except OSError as error:
        raise MetricsFilesError(assembly.unusable(data_dir, error)) from None
    try:
        yield
    finally:
        lock.release()


def _wanted(match: list[str], begin: str | None, end: str | None, now: float) -> Wanted:
    first = -_EVER if begin is None else moment("--from", begin, now)
    last = _EVER if end is None else moment("--to", end, now)
    if first > last:
        raise typer.BadParameter(f"--from {begin} is after --to {end}")
    try:
        return Wanted(exporting.accepted(match), first, last)
    except QueryError as error:
        raise typer.BadParameter(f"--match: {error}") from None


def _is_loss(damage: Damage) -> bool:
    """Whether more is missing than the newest row of a running Showcall, which may look torn."""
    return damage.kind is not DamageKind.TORN_TAIL or not damage.file.endswith(".wal")


def _settings(config: Path, data_dir: Path | None) -> Settings:
    return configuration.load(config, data_dir).settings


def _shown(at: int) -> str:
    """A time in milliseconds, in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
