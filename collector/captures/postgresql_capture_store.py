"""What PostgreSQL is asked once, when something is wrong."""

OTHERS = "datname = current_database() AND pid <> pg_backend_pid() AND application_name NOT LIKE 'showcall%'"

TEXT_BYTES = 4000
"""Characters of a statement that cross the wire."""

EXTENSION = """
    SELECT quote_ident(namespace.nspname)
      FROM pg_extension AS extension
      JOIN pg_namespace AS namespace ON namespace.oid = extension.extnamespace
     WHERE extension.extname = 'pg_stat_statements'
    """


def statements(schema: str) -> str:
    """Those that took most of this database's time since the numbers were reset.

    Args:
        schema: where the extension is, quoted by the server itself.
    """
    return f"""
    SELECT coalesce(100 * total_exec_time / nullif(sum(total_exec_time) OVER (), 0), 0) AS share,
           mean_exec_time / 1000 AS mean, max_exec_time / 1000 AS longest, calls,
           left(query, {TEXT_BYTES}) AS query
      FROM {schema}.pg_stat_statements
     WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY total_exec_time DESC
     LIMIT 10
    """  # noqa: S608 - our own numbers, and a name that the server has quoted


def reset_at(schema: str) -> str:
    """Since when those numbers count (Unix seconds); from version 14 on."""
    return f"SELECT extract(epoch FROM stats_reset) FROM {schema}.pg_stat_statements_info"  # noqa: S608


ACTIVITY = f"""
    SELECT pid, coalesce(usename, '') AS usename, coalesce(state, '') AS state,
           concat_ws(': ', wait_event_type, wait_event) AS waits_for,
           extract(epoch FROM clock_timestamp() - query_start) AS seconds,
           extract(epoch FROM clock_timestamp() - xact_start) AS transaction_seconds,
           left(query, {TEXT_BYTES}) AS query
      FROM pg_stat_activity
     WHERE {OTHERS} AND backend_type = 'client backend' AND state <> 'idle'
     ORDER BY coalesce(xact_start, query_start)
     LIMIT 20
    """  # noqa: S608 - our own names

WAITERS = f"""
    SELECT waiting.pid, extract(epoch FROM clock_timestamp() - waiting.query_start) AS seconds,
           coalesce(wanted.relation::regclass::text, wanted.locktype) AS wants, wanted.mode,
           left(waiting.query, {TEXT_BYTES}) AS query, blocker.pid AS blocker,
           coalesce(blocker.state, '') AS blocker_state,
           extract(epoch FROM clock_timestamp() - blocker.xact_start) AS blocker_seconds,
           left(blocker.query, {TEXT_BYTES}) AS blocker_query
      FROM pg_stat_activity AS waiting
      JOIN pg_locks AS wanted ON wanted.pid = waiting.pid AND NOT wanted.granted
      LEFT JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid) ON true
      LEFT JOIN pg_stat_activity AS blocker ON blocker.pid = blocking.pid
     WHERE waiting.datname = current_database()
     ORDER BY seconds DESC
     LIMIT 20
    """  # noqa: S608 - our own numbers

LOCKS = """
    SELECT mode, count(*) FILTER (WHERE granted) AS held, count(*) FILTER (WHERE NOT granted) AS wanted
      FROM pg_locks
     WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND pid <> pg_backend_pid()
     GROUP BY mode
     ORDER BY wanted DESC, held DESC
    """
