"""The concert data, made inside PostgreSQL, always the same for the same number of seats.

Seat ``number`` n of schedule s is the k-th seat with k = (n - 1) x 20,000 + (s - 1), and the table holds the
seats with k below the wanted count: so any count spreads evenly over all schedules, and growing adds rows
without touching the others.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from stack.queries import DATE_QUERY

CONCERTS = 10_000
SCHEDULES = 20_000
MEMBERS = 30_000
# Raise it when tables or columns change: older data are then made anew.
VERSION = 1

_TABLES = """
DROP TABLE IF EXISTS stack_dataset, seats, schedules, concerts, members;
CREATE TABLE concerts (id bigint PRIMARY KEY, title text NOT NULL);
CREATE TABLE members (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE schedules (id bigint PRIMARY KEY, concert_id bigint NOT NULL, starts_at timestamptz NOT NULL);
CREATE TABLE seats (
    id bigint NOT NULL, schedule_id bigint NOT NULL, number integer NOT NULL,
    grade text NOT NULL, section text NOT NULL, price integer NOT NULL, reserved_by bigint);
CREATE TABLE stack_dataset (version integer NOT NULL, requested bigint NOT NULL, seats bigint NOT NULL)
"""

_FEW_ROWS = """
INSERT INTO concerts SELECT i, 'Concert ' || i FROM generate_series(1, :concerts) i;
INSERT INTO members SELECT i, 'Member ' || i FROM generate_series(1, :members) i;
INSERT INTO schedules
SELECT i, (i - 1) / (:schedules / :concerts) + 1,
       timestamptz '2026-12-01 19:00+09' + i % 60 * interval '1 day'
FROM generate_series(1, :schedules) i;
CREATE INDEX schedules_concert ON schedules (concert_id)
"""

# No foreign keys: a million look-ups would slow the loading down and nothing else.
_SEATS = """
INSERT INTO seats (id, schedule_id, number, grade, section, price)
SELECT s * 1000 + n, s, n, (ARRAY['VIP', 'R', 'S', 'A'])[1 + n % 4], 'Section ' || 1 + n % 12,
       154000 - 33000 * (n % 4)
FROM generate_series(1, :schedules) s
CROSS JOIN generate_series(:present / :schedules + 1, (:wanted - 1) / :schedules + 1) n
WHERE (n - 1) * :schedules + s - 1 >= :present AND (n - 1) * :schedules + s - 1 < :wanted
"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The data in the database.

    Attributes:
        version: of tables and columns.
        requested: the number of seats that the config asked for when they were loaded.
        seats: rows of the seats table now.
    """

    version: int
    requested: int
    seats: int


def find(connection: Connection) -> Dataset | None:
    """What was loaded; None when nothing was, or not to the end."""
    if connection.execute(text("SELECT to_regclass('stack_dataset')")).scalar() is None:
        return None
    row = connection.execute(text("SELECT version, requested, seats FROM stack_dataset")).first()
    return Dataset(row.version, row.requested, row.seats) if row else None


def load(tx: Connection, seats: int) -> None:
    """Make all tables anew, with that many seats and all of them free."""
    _run_all(tx, _TABLES)
    counts = {"concerts": CONCERTS, "members": MEMBERS, "schedules": SCHEDULES}
    for statement in _FEW_ROWS.split(";"):
        named = {name: count for name, count in counts.items() if f":{name}" in statement}
        tx.execute(text(statement), named)
    _add_seats(tx, 0, seats)
    tx.execute(text("ALTER TABLE seats ADD PRIMARY KEY (id)"))
    values = {"version": VERSION, "seats": seats}
    tx.execute(text("INSERT INTO stack_dataset VALUES (:version, :seats, :seats)"), values)


def resize(tx: Connection, present: int, wanted: int) -> None:
    """Change the number of seats; ``vacuum`` it afterwards."""
    if wanted > present:
        _add_seats(tx, present, wanted)
    else:
        surplus = text("DELETE FROM seats WHERE (number - 1) * :schedules + schedule_id - 1 >= :wanted")
        tx.execute(surplus, {"schedules": SCHEDULES, "wanted": wanted})
    tx.execute(text("UPDATE stack_dataset SET seats = :wanted"), {"wanted": wanted})


def _add_seats(tx: Connection, present: int, wanted: int) -> None:
    tx.execute(text(_SEATS), {"schedules": SCHEDULES, "present": present, "wanted": wanted})


def free_all(tx: Connection) -> int:
    """Take back every reservation; returns how many there were."""
    statement = "UPDATE seats SET reserved_by = NULL WHERE reserved_by IS NOT NULL"
    return tx.execute(text(statement)).rowcount


def shape(tx: Connection, *, indexed: bool) -> None:
    """With or without the index that makes the date query fast."""
    if indexed:
        tx.execute(text("CREATE INDEX IF NOT EXISTS seats_schedule ON seats (schedule_id)"))
    else:
        tx.execute(text("DROP INDEX IF EXISTS seats_schedule"))


def vacuum(connection: Connection, *, rewrite: bool) -> None:
    """Leave the table as after a quiet night: no dead rows, frozen, counted; needs autocommit.

    ``rewrite`` closes the gaps of deleted rows. A rewritten table still needs the second pass, which marks
    its pages as visible to all.
    """
    if rewrite:
        connection.execute(text("VACUUM (FULL) seats"))
    connection.execute(text("VACUUM (ANALYZE, FREEZE)"))
    connection.execute(text("CHECKPOINT"))


def warm(connection: Connection) -> None:
    """Read the tables into memory; a plain scan would go around the cache for a table of this size."""
    for table in ("seats", "schedules", "concerts", "members"):
        connection.execute(text("SELECT pg_prewarm(:table)"), {"table": table})
    connection.execute(text("SELECT count(*) FROM seats"))


def date_plan(connection: Connection) -> str:
    """PostgreSQL's plan of the date query, as text."""
    rows = connection.execute(text(f"EXPLAIN {DATE_QUERY}"), {"concert_id": 451}).scalars()
    return "\n".join(rows)


def _run_all(tx: Connection, statements: str) -> None:
    for statement in statements.split(";"):
        tx.execute(text(statement))
