"""Every capture there is: what the collector's looks find, as tables and lines that people can read."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from alerts.captures.pool import PoolCapture
from alerts.captures.rule_values import AlertsCapture, QueriesCapture
from alerts.captures.threads import ThreadsCapture
from alerts.evidence import (
    Asked,
    Capture,
    Captured,
    CaptureError,
    CaptureName,
    Cell,
    Column,
    Form,
    LineGroup,
    Lines,
    Pace,
    Table,
    Traits,
)
from alerts.evidence_choice import Choice
from alerts.evidence_due import Chooser
from alerts.rule import RuleSet
from alerts.topology import Topology
from collector.captures.postgresql_look import LocksFound, PostgresqlLook, StatementsFound
from collector.captures.redis_look import RedisFound, RedisLook
from collector.captures.running_statements import together
from collector.deadline import Deadline
from collector.log_lines import LogExtract, LogGroup, LogReader, LogReaders
from collector.postgresql import PostgresqlSettings
from collector.redis import RedisSettings
from collector.resolver import Resolver
from collector.source import ScrapeError
from collector.sources import postgresql_settings, redis_settings
from database import Database
from metrics.values import Asker
from runbooks.lever_evidence import LeversCapture
from settings.schema import Settings, TargetKind, TargetSettings

SHORTEST_WINDOW_SECONDS = 10.0
SCRAPES_IN_A_WINDOW = 4
BEFORE_THE_OPENING_SECONDS = 30.0
LOG_AT_MOST_SECONDS = 300.0
GROUPS_SHOWN = 20
LINE_LENGTH = 600
SMALLEST_SHARE = 0.1  # percent of the database's time
EXAMPLE_LENGTH = 6000

_READ = (CaptureName.LOG, CaptureName.STATEMENTS, CaptureName.LOCKS, CaptureName.REDIS)
"""What a person reads first: what the service says, then what its database does."""

_STATEMENT = Column("Statement", Form.CODE, "", "Its text; every literal stands as ?.")
_SINCE = "since the numbers were reset"


def captures(
    settings: Settings,
    rules: RuleSet,
    *,
    asker: Asker,
    database: Database,
    logs: LogReaders,
    clock: Callable[[], float],
) -> tuple[Capture, ...]:
    """All captures of a configuration, in the order in which people read them. Opens nothing."""
    window = max(SHORTEST_WINDOW_SECONDS, SCRAPES_IN_A_WINDOW * settings.collector.interval)
    return (
        PoolCapture(asker, window),
        ThreadsCapture(asker),
        LeversCapture(database),
        AlertsCapture(asker, rules),
        QueriesCapture(asker, choices(rules)),
        *_looks(settings, logs, clock),
    )


def chooser(rules: RuleSet, topology: Topology) -> Chooser:
    """Which rule wants what."""
    return Chooser(choices(rules), topology)


def choices(rules: RuleSet) -> dict[str, Choice | None]:
    """By a rule's name; of several with one name the first that chooses."""
    found: dict[str, Choice | None] = {}
    for rule in rules.alerting:
        found[rule.name] = found.get(rule.name) or rule.evidence
    return found


def _looks(settings: Settings, logs: LogReaders, clock: Callable[[], float]) -> Sequence[Capture]:
    resolver = Resolver()
    found: list[Capture] = []
    for target in settings.collector.targets:
        match target.kind:
            case TargetKind.POSTGRESQL:
                where = postgresql_settings(target)
                found += [StatementsCapture(target, where, resolver), LocksCapture(target, where, resolver)]
            case TargetKind.REDIS:
                found.append(RedisCapture(target, redis_settings(target), resolver))
            case TargetKind.LOG if target.name in logs:
                found.append(LogCapture(target, logs[target.name], clock))
    return sorted(found, key=lambda capture: _READ.index(capture.traits.name))


def _traits(name: CaptureName, title: str, target: TargetSettings) -> Traits:
    return Traits(
        name, f"{title} of {target.name}", Pace.SLOW, target.name, target.component, f"target {target.name}"
    )


class StatementsCapture:
    """The costliest statements of a PostgreSQL, and those that run."""

    def __init__(self, target: TargetSettings, where: PostgresqlSettings, resolver: Resolver) -> None:
        self.traits = _traits(CaptureName.STATEMENTS, "slowest statements", target)
        self._look = PostgresqlLook(where, resolver)

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it looks at what is now
        """Ask over a connection of its own."""
        try:
            found = self._look.statements(Deadline.within(seconds))
        except ScrapeError as error:
            raise CaptureError(error.text) from None
        return Captured(f"PostgreSQL at {self._look.where}", tuple(_statement_tables(found)), found.notes)


def _statement_tables(found: StatementsFound) -> list[Table]:
    running = Table(
        "Running at that moment",
        (
            _STATEMENT,
            Column("Times", Form.NUMBER, "", "So many connections were at it, in the same state."),
            Column("For", Form.NUMBER, "s", "How long the oldest of them has been running."),
            Column("Transaction", Form.NUMBER, "s", "How long their oldest transaction has been open."),
            Column("State", Form.TEXT, "", "idle in transaction: it holds its locks and does nothing."),
            Column("Waits for", Form.TEXT, "", "What the server says it waits for; empty: it computes."),
            Column("User", Form.TEXT, "", "The role that asked."),
            Column("Process", Form.TEXT, "", "The server's process for the oldest."),
        ),
        tuple(
            (
                each.text,
                each.count,
                each.seconds,
                each.transaction_seconds,
                each.state,
                each.waits_for,
                each.user,
                str(each.pid),
            )
            for each in together(found.running)
        ),
        note="" if found.running else "Nothing was running.",
    )
    return [_costs_table(found), running] if found.statements else [running]


def _costs_table(found: StatementsFound) -> Table:
    columns = (
        _STATEMENT,
        Column("Share", Form.NUMBER, "%", f"Of all the time the database worked {_SINCE}."),
        Column("Mean", Form.NUMBER, "s", f"Mean time of one execution {_SINCE}."),
        Column("Longest", Form.NUMBER, "s", f"The slowest execution {_SINCE}."),
        Column("Calls", Form.NUMBER, "", f"Executions {_SINCE}."),
    )
    told = [each for each in found.statements if each.share >= SMALLEST_SHARE] or found.statements[:1]
    rows = tuple((each.text, each.share, each.mean, each.longest, each.calls) for each in told)
    left = len(found.statements) - len(told)
    notes = (
        f"{left} more under {SMALLEST_SHARE:g} % each are left out." if left else "",
        ""
        if found.since is None
        else f"Reset at {datetime.fromtimestamp(found.since, UTC):%Y-%m-%d %H:%M} UTC.",
    )
    note = " ".join(each for each in notes if each)
    return Table("Where the database's time went (pg_stat_statements)", columns, rows, note=note)


class LocksCapture:
    """Who waits for whom in a PostgreSQL."""

    def __init__(self, target: TargetSettings, where: PostgresqlSettings, resolver: Resolver) -> None:
        self.traits = _traits(CaptureName.LOCKS, "locks", target)
        self._look = PostgresqlLook(where, resolver)

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it looks at what is now
        """Ask over a connection of its own."""
        try:
            found = self._look.locks(Deadline.within(seconds))
        except ScrapeError as error:
            raise CaptureError(error.text) from None
        return Captured(f"PostgreSQL at {self._look.where}", tuple(_lock_tables(found)))


def _lock_tables(found: LocksFound) -> list[Table]:
    waiters = Table(
        "Who waits for a lock",
        (
            Column("Waiting statement", Form.CODE, "", "What cannot go on."),
            Column("For", Form.NUMBER, "s", "How long that statement has been running, its wait included."),
            Column("Wants", Form.TEXT, "", "The table, or what else it wants to lock, and how."),
            Column("Blocked by", Form.CODE, "", "The last statement of who holds the lock, or is before it."),
            Column("Its state", Form.TEXT, "", "idle in transaction: somebody forgot to commit."),
            Column("Its transaction", Form.NUMBER, "s", "How long the blocking transaction has been open."),
            Column("Processes", Form.TEXT, "", "The server's processes: who waits, and who blocks."),
        ),
        tuple(
            (
                each.text,
                each.seconds,
                f"{each.wants} {each.mode}",
                each.blocker_text,
                each.blocker_state,
                each.blocker_seconds,
                f"{each.pid} waits for {each.blocker or 'nobody who is still there'}",
            )
            for each in found.waiters
        ),
        note="" if found.waiters else "Nobody was waiting for a lock.",
    )
    counts = Table(
        "Locks by mode",
        (
            Column("Mode", Form.TEXT, "", "PostgreSQL's name of the lock."),
            Column("Held", Form.NUMBER, "", "So many are held."),
            Column("Wanted", Form.NUMBER, "", "So many are waited for."),
        ),
        tuple((each.mode, each.held, each.wanted) for each in found.counts),
    )
    return [waiters, counts] if found.counts else [waiters]


_INFO: tuple[tuple[str, Column], ...] = (
    ("used_memory", Column("Memory", Form.NUMBER, "bytes", "What its data and its own needs take now.")),
    ("used_memory_peak", Column("Peak", Form.NUMBER, "bytes", "The most it ever took.")),
    ("maxmemory", Column("Limit", Form.NUMBER, "bytes", "maxmemory; 0: none, it grows until it is killed.")),
    ("maxmemory_policy", Column("At the limit", Form.TEXT, "", "noeviction: writes fail; others drop keys.")),
    ("evicted_keys", Column("Evicted", Form.NUMBER, "keys", "Dropped at the limit since it started.")),
    ("expired_keys", Column("Expired", Form.NUMBER, "keys", "Gone at the end of their time to live.")),
    ("keyspace_hits", Column("Hits", Form.NUMBER, "", "Look-ups that found their key since it started.")),
    ("keyspace_misses", Column("Misses", Form.NUMBER, "", "Look-ups that did not.")),
    ("connected_clients", Column("Clients", Form.NUMBER, "", "Open connections.")),
    ("maxclients", Column("Clients at most", Form.NUMBER, "", "More are rejected.")),
    (
        "blocked_clients",
        Column("Blocked", Form.NUMBER, "", "Clients in a command that waits, as BLPOP does."),
    ),
    ("rejected_connections", Column("Rejected", Form.NUMBER, "", "Connections refused for want of room.")),
    ("instantaneous_ops_per_sec", Column("Commands", Form.NUMBER, "/s", "At that moment.")),
)


class RedisCapture:
    """INFO in extract and the slow log of a Redis."""

    def __init__(self, target: TargetSettings, where: RedisSettings, resolver: Resolver) -> None:
        self.traits = _traits(CaptureName.REDIS, "INFO", target)
        self._look = RedisLook(where, resolver)

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it looks at what is now
        """Ask over a connection of its own."""
        try:
            found = self._look.extract(Deadline.within(seconds))
        except ScrapeError as error:
            raise CaptureError(error.text) from None
        return Captured(f"Redis at {self._look.where}", tuple(_redis_tables(found)), found.notes)


def _redis_tables(found: RedisFound) -> list[Table]:
    shown = [(name, column) for name, column in _INFO if name in found.fields]
    row = tuple(_cell(found.fields[name], column) for name, column in shown)
    info = Table("INFO, in extract", tuple(column for _, column in shown), (row,), upright=True)
    if not found.slow:
        return [info]
    slow = Table(
        "The newest slow commands",
        (
            Column("Command", Form.CODE, "", "Its name and key, ids as ?; never a value."),
            Column("Took", Form.NUMBER, "s", "Time in the server, without the wait before it."),
            Column("Words", Form.NUMBER, "", "Length of the command."),
            Column("At", Form.TIME, "", "When it ran."),
        ),
        tuple((each.text, each.seconds, each.words, each.at) for each in found.slow),
    )
    return [info, slow]


def _cell(text: str, column: Column) -> Cell:
    if column.form is not Form.NUMBER:
        return text
    try:
        return float(text)
    except ValueError:
        return None


class LogCapture:
    """The newest lines of a followed log, from half a minute before the opening on, by template."""

    def __init__(self, target: TargetSettings, reader: LogReader, clock: Callable[[], float]) -> None:
        self.traits = _traits(CaptureName.LOG, "last lines", target)
        self._reader = reader
        self._clock = clock

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - the lines are in memory
        """What the log said up to now."""
        now = self._clock()
        wanted = now - asked.incident.opened_at + BEFORE_THE_OPENING_SECONDS
        span = min(max(wanted, BEFORE_THE_OPENING_SECONDS), LOG_AT_MOST_SECONDS)
        found = self._reader.extract(now, span)
        return Captured(f"the file {found.file}", (_log_lines(found),), _log_notes(found))


def _log_lines(found: LogExtract) -> Lines:
    groups = tuple(_group(each) for each in found.groups[:GROUPS_SHOWN])
    lines = "line" if found.lines_read == 1 else "lines"
    return Lines(
        f"{found.lines_read} {lines} of {found.to_at - found.from_at:.0f} s, by what they have in common",
        groups,
        note="" if groups else "It said nothing in that time.",
    )


def _log_notes(found: LogExtract) -> tuple[str, ...]:
    notes = []
    if found.dropped:
        notes.append(f"{found.dropped} older lines of that time were not kept: too many came.")
    if len(found.groups) > GROUPS_SHOWN:
        notes.append(f"{len(found.groups) - GROUPS_SHOWN} more kinds of lines are left out.")
    return tuple(notes)


def _group(found: LogGroup) -> LineGroup:
    return LineGroup(
        template=_cut(found.template, LINE_LENGTH),
        count=found.count,
        pattern=found.pattern,
        first_at=found.first_at,
        last_at=found.last_at,
        example=_cut(found.example, EXAMPLE_LENGTH),
        lines=tuple(_cut(line, LINE_LENGTH) for line in found.last_lines),
    )


def _cut(text: str, at: int) -> str:
    return text if len(text) <= at else f"{text[: at - 1]}…"
