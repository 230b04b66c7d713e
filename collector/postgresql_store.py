"""What PostgreSQL is asked about itself. Column names are those of postgres_exporter's metrics."""

from dataclasses import dataclass

from metrics.values import Metadata


@dataclass(frozen=True, slots=True)
class Question:
    """A status query.

    Attributes:
        prefix: of the metric names; each column that is no label is one metric.
        labels: the columns that are labels.
        counters: the columns that only grow.
        sql: the query.
    """

    prefix: str
    labels: tuple[str, ...]
    counters: frozenset[str]
    sql: str


STAT_DATABASE_COUNTERS = (
    "xact_commit",
    "xact_rollback",
    "blks_read",
    "blks_hit",
    "tup_returned",
    "tup_fetched",
    "tup_inserted",
    "tup_updated",
    "tup_deleted",
    "conflicts",
    "temp_files",
    "temp_bytes",
    "deadlocks",
    "blk_read_time",
    "blk_write_time",
)

REAL_DATABASES = "datname IS NOT NULL AND datname NOT IN ('template0', 'template1')"

STAT_DATABASE = Question(
    "pg_stat_database",
    ("datid", "datname"),
    frozenset(STAT_DATABASE_COUNTERS),
    f"SELECT datid, datname, numbackends, {', '.join(STAT_DATABASE_COUNTERS)}"  # noqa: S608 - our own names
    f" FROM pg_stat_database WHERE {REAL_DATABASES}",
)

STAT_ACTIVITY = Question(
    "pg_stat_activity",
    ("datname", "state"),
    frozenset(),
    f"""
    SELECT known.datname, states.state, count(activity.pid) AS count,
           coalesce(max(extract(epoch FROM clock_timestamp() - activity.xact_start)), 0) AS max_tx_duration
      FROM (SELECT datname FROM pg_database WHERE {REAL_DATABASES}) AS known
     CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                        ('fastpath function call'), ('disabled')) AS states (state)
      LEFT JOIN pg_stat_activity AS activity
        ON activity.datname = known.datname AND activity.state = states.state
     GROUP BY known.datname, states.state
    """,  # noqa: S608 - our own names
)

LOCKS = Question(
    "pg_locks",
    ("datname", "mode"),
    frozenset(),
    f"""
    SELECT known.datname, modes.mode, count(held.pid) AS count
      FROM (SELECT oid, datname FROM pg_database WHERE {REAL_DATABASES}) AS known
     CROSS JOIN (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'),
                        ('shareupdateexclusivelock'), ('sharelock'), ('sharerowexclusivelock'),
                        ('exclusivelock'), ('accessexclusivelock'), ('sireadlock')) AS modes (mode)
      LEFT JOIN pg_locks AS held ON held.database = known.oid AND lower(held.mode) = modes.mode
     GROUP BY known.datname, modes.mode
    """,  # noqa: S608 - our own names
)

LOCKS_WAITING = Question(
    "pg_locks",
    ("datname",),
    frozenset(),
    f"""
    SELECT known.datname, count(activity.pid) AS waiting
      FROM (SELECT datname FROM pg_database WHERE {REAL_DATABASES}) AS known
      LEFT JOIN pg_stat_activity AS activity
        ON activity.datname = known.datname AND activity.wait_event_type = 'Lock'
     GROUP BY known.datname
    """,  # noqa: S608 - our own names
)

SERVER = Question(
    "pg",
    (),
    frozenset(),
    """
    SELECT extract(epoch FROM pg_postmaster_start_time()) AS postmaster_start_time_seconds,
           pg_is_in_recovery()::int AS replication_is_replica
    """,
)

DATABASE_SIZE = Question(
    "pg_database",
    ("datname",),
    frozenset(),
    f"SELECT datname, pg_database_size(datname) AS size_bytes"  # noqa: S608 - our own names
    f" FROM pg_database WHERE {REAL_DATABASES} AND has_database_privilege(datname, 'CONNECT')",
)

QUICK = (STAT_DATABASE, STAT_ACTIVITY, LOCKS, LOCKS_WAITING, SERVER)
SLOW = (DATABASE_SIZE,)

SETTINGS_SQL = """
    SELECT name, reset_val, unit, vartype FROM pg_settings
     WHERE name IN ('max_connections', 'superuser_reserved_connections', 'shared_buffers', 'work_mem',
                    'effective_cache_size', 'statement_timeout', 'jit', 'max_parallel_workers_per_gather',
                    'max_locks_per_transaction', 'default_transaction_read_only', 'autovacuum',
                    'track_io_timing')
    """
"""``reset_val`` and not ``setting``: the latter would show our own session's statement_timeout."""

VERSION_SQL = "SELECT current_setting('server_version'), version()"

UNITS: dict[str, tuple[str, float]] = {
    "B": ("_bytes", 1.0),
    "kB": ("_bytes", 1024.0),
    "8kB": ("_bytes", 8192.0),
    "MB": ("_bytes", 1048576.0),
    "ms": ("_seconds", 0.001),
    "s": ("_seconds", 1.0),
    "min": ("_seconds", 60.0),
}

METADATA = {"pg_static": Metadata("gauge", "The server's version.")} | {
    f"{question.prefix}_{column}": Metadata("counter", "")
    for question in QUICK
    for column in question.counters
}
