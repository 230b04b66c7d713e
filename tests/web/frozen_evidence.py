"""Evidence as a surge leaves it, for the pages."""

from dataclasses import replace

from alerts import evidence_store
from alerts.evidence import (
    Captured,
    CaptureName,
    Cell,
    Column,
    Evidence,
    EvidenceState,
    Form,
    LineGroup,
    Lines,
    Occasion,
    Pace,
    Piece,
    Table,
    Traits,
    Words,
)
from tests.web.desk import NOW, Desk

OPENED = NOW - 42
TIMEOUT = "HikariPool-1 - Connection is not available, request timed out after 30000ms"
STATEMENT = (
    "SELECT schedules.id, schedules.starts_at, count(seats.id) AS free_seats FROM schedules LEFT JOIN seats "
    "ON seats.schedule_id = schedules.id AND seats.reserved_by IS NULL WHERE schedules.concert_id = ?"
)
NUMBERS: tuple[tuple[str, str, float, str], ...] = (
    ("Total", "", 10, "Connections that are open, used or not."),
    ("Active", "", 10, "Connections that a request is using at this moment."),
    ("Idle", "", 0, "Open connections that nobody uses."),
    ("Waiting", "", 27, "Requests that stand in line for a connection, each holding a request thread."),
    ("Backlog", "s", 5.4, "How long who joins the line now will wait."),
)


def pool() -> Evidence:
    columns = tuple(Column(title, Form.NUMBER, unit, meaning) for title, unit, _, meaning in NUMBERS)
    row: tuple[Cell, ...] = tuple(value for _, _, value, _ in NUMBERS)
    table = Table("HikariPool-1 at 127.0.0.1:18081", columns, (row,), upright=True)
    line = "HikariPool-1 - Pool stats (total=10, active=10, idle=0, waiting=27)"
    words = Words("As HikariCP would write it", line, "Computed from the metrics above, not read from a log.")
    return taken(CaptureName.POOL, "connection pool", (table, words), Pace.QUICK, at=0.05, seconds=0.004)


def statements(text: str = STATEMENT) -> Evidence:
    columns = (
        Column("Statement", Form.CODE, "", "Its text; every literal stands as ?."),
        Column("Share", Form.NUMBER, "%", "Of all the time the database worked."),
        Column("Mean", Form.NUMBER, "s", "Mean time of one execution."),
        Column("Calls", Form.NUMBER, "", "Executions."),
        Column("Since", Form.TIME),
    )
    table = Table("Where the database's time went", columns, ((text, 97.2, 1.93, 412, OPENED),))
    return taken(CaptureName.STATEMENTS, "slowest statements of database", (table,), at=0.9, seconds=0.12)


def log(line: str = TIMEOUT) -> Evidence:
    group = LineGroup(
        template=line,
        count=12,
        pattern="pool_timeout",
        first_at=OPENED + 70,
        last_at=OPENED + 71,
        example=f"{line}\n\tat com.zaxxer.hikari.pool.HikariPool",
        lines=(f"16:00:00 {line} (total=10, active=10, idle=0, waiting=31)",),
    )
    lines = Lines("12 lines of 30 s", (group,))
    return taken(CaptureName.LOG, "last lines of concert_log", (lines,), at=70.2, seconds=0.001, taking=2)


def redis() -> Evidence:
    refused = taken(CaptureName.REDIS, "INFO of redis", (), at=0.9, seconds=0.01)
    return replace(refused, state=EvidenceState.FAILED, error="nothing listens on 127.0.0.1:18379")


def taken(
    name: CaptureName,
    title: str,
    pieces: tuple[Piece, ...],
    pace: Pace = Pace.SLOW,
    *,
    at: float,
    seconds: float,
    taking: int = 1,
) -> Evidence:
    """``at`` is seconds after the opening."""
    joined = taking > 1
    return Evidence(
        incident_id=0,
        taking=taking,
        occasion=Occasion.JOINED if joined else Occasion.OPENED,
        because="PoolTimeouts" if joined else "",
        traits=Traits(name, title, pace),
        asked_at=OPENED + at,
        state=EvidenceState.TAKEN,
        began_at=OPENED + at,
        seconds=seconds,
        captured=Captured("Showcall's own store of metrics", pieces, ("A note.",)),
    )


def store(desk: Desk, incident_id: int, *found: Evidence) -> tuple[int, ...]:
    """Keep evidence of an incident."""
    with desk.database.transaction() as tx:
        return evidence_store.add_all(tx, [replace(each, incident_id=incident_id) for each in found])
