"""Statements and locks of a real PostgreSQL that has something to tell, and of one that has not."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from collector.captures.postgresql_look import PostgresqlLook
from collector.postgresql import PostgresqlSettings
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.source import ScrapeError
from tests.collector.raw_server import HOST, serving, soon
from tests.stack.service_rig import Postgres, eventually

pytestmark = pytest.mark.xdist_group("collector_postgresql_look")


class WithStatements(Postgres):
    """A server that counts its statements."""

    def _spawn(self, program: str, *arguments: str) -> Any:
        preload = ("-c", "shared_preload_libraries=pg_stat_statements") if program == "postgres" else ()
        return super()._spawn(program, *arguments, *preload)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = WithStatements()
    server.start()
    with server.connect() as connection:
        connection.execute("CREATE TABLE seats (id int, owner text)")
    yield server
    server.remove()


@pytest.fixture
def extension(postgres: Postgres) -> Iterator[None]:
    with postgres.connect() as connection:
        connection.execute('CREATE SCHEMA "Stats"')
        connection.execute('CREATE EXTENSION pg_stat_statements SCHEMA "Stats"')
        connection.execute('SELECT "Stats".pg_stat_statements_reset()')
        yield
        connection.execute("DROP EXTENSION pg_stat_statements")
        connection.execute('DROP SCHEMA "Stats"')


def look_at(port: int, user: str = "postgres") -> PostgresqlLook:
    return PostgresqlLook(PostgresqlSettings(HOST, port, "postgres", user, None), Resolver())


@contextmanager
def running(postgres: Postgres, sql: str) -> Iterator[None]:
    """A statement that somebody waits for while the block runs; it is broken off at the end."""
    with postgres.connect() as connection:

        def run() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute(sql)

        thread = threading.Thread(target=run)
        thread.start()
        eventually(lambda: is_active(postgres, connection.info.backend_pid))
        try:
            yield
        finally:
            connection.cancel()
            thread.join(5)


def is_active(postgres: Postgres, pid: int) -> bool:
    with postgres.connect() as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", (pid,)
        ).fetchone()
    return found is not None


def ours(postgres: Postgres) -> int:
    with postgres.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'showcall evidence'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def failure(look: PostgresqlLook, seconds: float = 0.3) -> ScrapeError:
    with pytest.raises(ScrapeError) as caught:
        look.statements(soon(seconds))
    return caught.value


@pytest.mark.usefixtures("extension")
def test_the_costliest_statements_have_share_mean_longest_and_calls(postgres: Postgres) -> None:
    with postgres.connect() as connection:
        for _ in range(3):
            connection.execute("SELECT pg_sleep(0.05), 'a secret'")
    found = look_at(postgres.port).statements(soon())
    slowest = found.statements[0]
    assert slowest.text == "SELECT pg_sleep(?), ?"
    assert slowest.calls == 3
    assert 0.04 < slowest.mean <= slowest.longest < 1
    assert slowest.share > 50
    assert found.since is not None
    assert abs(found.since - time.clock_gettime(time.CLOCK_REALTIME)) < 60
    assert found.notes == ()


@pytest.mark.usefixtures("extension")
def test_a_role_in_pg_monitor_sees_what_others_ask_and_without_the_schema_it_says_what_is_missing(
    postgres: Postgres,
) -> None:
    with postgres.connect() as connection:
        connection.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        try:
            with running(postgres, "SELECT pg_sleep(30)"):
                refused = look_at(postgres.port, "watcher").statements(soon())
            connection.execute('GRANT USAGE ON SCHEMA "Stats" TO watcher')
            allowed = look_at(postgres.port, "watcher").statements(soon())
        finally:
            connection.execute("DROP OWNED BY watcher")
            connection.execute("DROP ROLE watcher")
    assert "pg_stat_statements could not be read: " in refused.notes[0]
    assert "permission denied for schema Stats" in refused.notes[0]
    assert "SELECT pg_sleep(?)" in {each.text for each in refused.running}
    assert any("pg_stat_statements_reset" in each.text for each in allowed.statements)


def test_without_the_extension_what_runs_is_shown_and_said_so(postgres: Postgres) -> None:
    with running(postgres, "SELECT pg_sleep(30), 'a secret' -- and another"):
        found = look_at(postgres.port).statements(soon())
    assert found.statements == ()
    assert "pg_stat_statements is not installed" in found.notes[0]
    (slow,) = [each for each in found.running if "pg_sleep" in each.text]
    assert slow.text == "SELECT pg_sleep(?), ?"
    assert slow.state == "active"
    assert slow.waits_for == "Timeout: PgSleep"
    assert slow.seconds is not None
    assert slow.transaction_seconds is not None


def test_who_waits_for_a_lock_and_who_forgot_to_commit(postgres: Postgres) -> None:
    with postgres.connect() as owner, owner.transaction():
        owner.execute("UPDATE seats SET owner = 'nobody'")
        owner.execute("LOCK TABLE seats IN ACCESS EXCLUSIVE MODE")
        with running(postgres, "SELECT * FROM seats WHERE owner = 'Mina'"):
            found = look_at(postgres.port).locks(soon())
        (waiter,) = found.waiters
        assert waiter.blocker == owner.info.backend_pid
    assert waiter.text == "SELECT * FROM seats WHERE owner = ?"
    assert (waiter.wants, waiter.mode) == ("seats", "AccessShareLock")
    assert waiter.blocker_text == "LOCK TABLE seats IN ACCESS EXCLUSIVE MODE"
    assert waiter.blocker_state == "idle in transaction"
    assert waiter.blocker_seconds is not None
    counts = {each.mode: (each.held, each.wanted) for each in found.counts}
    assert counts["AccessShareLock"][1] == 1
    assert counts["AccessExclusiveLock"][0] == 1


def test_a_quiet_database_has_nobody_waiting(postgres: Postgres) -> None:
    assert look_at(postgres.port).locks(soon()).waiters == ()


def test_f16_a_look_leaves_no_connection_behind_and_can_only_read(postgres: Postgres) -> None:
    look = look_at(postgres.port)
    for _ in range(3):
        look.statements(soon())
        look.locks(soon())
    eventually(lambda: ours(postgres) == 0)


def test_f16_a_question_that_is_held_up_by_a_lock_is_ended_by_the_server(postgres: Postgres) -> None:
    with postgres.connect() as owner, owner.transaction():
        owner.execute("LOCK TABLE pg_extension IN ACCESS EXCLUSIVE MODE")
        begun = time.monotonic()
        error = failure(look_at(postgres.port), seconds=4.0)
    assert error.kind is ErrorKind.TIMEOUT
    assert "took over 1 s" in error.text
    assert time.monotonic() - begun < 3


def test_f16_a_server_that_says_nothing_ends_at_the_deadline() -> None:
    with serving(lambda sock: time.sleep(3)) as server:
        begun = time.monotonic()
        error = failure(look_at(server.port))
    assert error.kind is ErrorKind.TIMEOUT
    assert time.monotonic() - begun < 2


def test_nobody_there_is_refused() -> None:
    with serving(lambda sock: None) as server:
        port = server.port
    assert failure(look_at(port)).kind is ErrorKind.REFUSED
