"""What the collector's looks find, as tables and lines that people can read."""

from datetime import UTC, datetime

from alerts.evidence import Cell, Column, Form, LineGroup, Lines, Table
from collector.captures.postgresql_look import LocksFound, StatementsFound
from collector.captures.redis_look import RedisFound
from collector.captures.running_statements import together
from collector.log_lines import LogExtract, LogGroup

GROUPS_SHOWN = 20
LINE_LENGTH = 600
SMALLEST_SHARE = 0.1  # percent of the database's time
EXAMPLE_LENGTH = 6000

_STATEMENT = Column("Statement", Form.CODE, "", "Its text; every literal stands as ?.")
_SINCE = "since the numbers were reset"


def statement_tables(found: StatementsFound) -> list[Table]:
    """Where the database's time went, where that is known, and what ran at that moment."""
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


def lock_tables(found: LocksFound) -> list[Table]:
    """Who waits for whom, and the locks by mode."""
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


def redis_tables(found: RedisFound) -> list[Table]:
    """INFO in extract, and the slow log where it has something."""
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


def log_lines(found: LogExtract) -> Lines:
    """The lines of a span of time by template."""
    groups = tuple(_group(each) for each in found.groups[:GROUPS_SHOWN])
    lines = "line" if found.lines_read == 1 else "lines"
    return Lines(
        f"{found.lines_read} {lines} of {found.to_at - found.from_at:.0f} s, by what they have in common",
        groups,
        note="" if groups else "It said nothing in that time.",
    )


def log_notes(found: LogExtract) -> tuple[str, ...]:
    """What of them is left out."""
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
