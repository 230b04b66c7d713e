"""PostgreSQL as it is, and as it is when it is not well."""

import time
from collections.abc import Iterator

import pytest

from collector.postgresql import PostgresqlSettings, PostgresqlSource, settings_samples
from collector.postgresql_link import connect_failed
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.source import Scraped, ScrapeError, measured
from metrics.values import Labels, label
from tests.collector.raw_server import HOST, always, serving, soon
from tests.stack.service_rig import Postgres

NOW = 1_700_000_000.0
pytestmark = pytest.mark.xdist_group("collector_postgresql")

UP = (measured("pg_up", 1.0),)
DOWN = (measured("pg_up", 0.0),)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def source(postgres: Postgres) -> Iterator[PostgresqlSource]:
    made = source_at(postgres.port)
    yield made
    made.close()


def source_at(port: int, user: str = "postgres", database: str = "postgres") -> PostgresqlSource:
    return PostgresqlSource(PostgresqlSettings(HOST, port, database, user, None), Resolver())


def values(scraped: Scraped) -> dict[Labels, float]:
    return dict(zip(scraped.labels, scraped.values.tolist(), strict=True))


def failure(source: PostgresqlSource, seconds: float = 2.0) -> ScrapeError:
    with pytest.raises(ScrapeError) as caught:
        source.fetch(NOW, soon(seconds))
    return caught.value


def our_backends(postgres: Postgres) -> int:
    with postgres.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'showcall'"
        ).fetchone()
        assert row is not None
        return int(row[0])


def test_the_series_of_postgres_exporter_are_there(source: PostgresqlSource) -> None:
    scraped = source.fetch(NOW, soon())
    found = values(scraped)
    assert scraped.verdict == UP
    names = {label(labels, "__name__") for labels in found}
    assert names >= {
        "pg_stat_database_numbackends",
        "pg_stat_database_xact_commit",
        "pg_stat_database_blks_hit",
        "pg_stat_database_deadlocks",
        "pg_stat_activity_count",
        "pg_stat_activity_max_tx_duration",
        "pg_locks_count",
        "pg_settings_max_connections",
        "pg_database_size_bytes",
        "pg_postmaster_start_time_seconds",
        "pg_replication_is_replica",
        "pg_static",
    }
    assert found[measured("pg_settings_max_connections", 0)[0]] == 60
    assert found[measured("pg_stat_activity_count", 0, datname="postgres", state="active")[0]] == 1
    assert found[measured("pg_postmaster_start_time_seconds", 0)[0]] > 1_700_000_000
    assert {label(labels, "datname") for labels in found} == {"", "postgres"}


def test_the_configured_statement_timeout_is_shown_and_not_our_own(source: PostgresqlSource) -> None:
    assert values(source.fetch(NOW, soon()))[measured("pg_settings_statement_timeout_seconds", 0)[0]] == 0


def test_it_is_asked_over_one_connection_that_stays(postgres: Postgres, source: PostgresqlSource) -> None:
    for _ in range(3):
        source.fetch(NOW, soon())
    assert our_backends(postgres) == 1


def test_our_session_can_only_look_and_is_ended_after_a_second(source: PostgresqlSource) -> None:
    source.fetch(NOW, soon())
    assert source._link is not None
    shown = source._link.ask(
        "SELECT current_setting('statement_timeout'), current_setting('default_transaction_read_only')",
        soon(),
    )
    assert shown[0][1] == [("1s", "on")]


def test_f16_a_status_query_over_a_second_is_ended_by_the_server(source: PostgresqlSource) -> None:
    source.fetch(NOW, soon())
    assert source._link is not None
    with pytest.raises(ScrapeError) as caught:
        source._link.ask("SELECT pg_sleep(5)", soon(4.0))
    assert caught.value.kind is ErrorKind.TIMEOUT
    assert "took over 1 s" in caught.value.text


def test_f16_locked_tables_do_not_stop_the_look_and_waiting_is_seen(
    postgres: Postgres, source: PostgresqlSource
) -> None:
    with postgres.connect() as owner, postgres.connect() as waiter:
        owner.execute("CREATE TABLE IF NOT EXISTS seat_map (id int)")
        with owner.transaction():
            owner.execute("LOCK TABLE seat_map IN ACCESS EXCLUSIVE MODE")
            waiter.execute("SET statement_timeout = 2000")
            waiter.pgconn.send_query(b"SELECT * FROM seat_map")
            time.sleep(0.2)
            found = values(source.fetch(NOW, soon()))
        while waiter.pgconn.get_result() is not None:
            pass
    assert found[measured("pg_locks_waiting", 0, datname="postgres")[0]] == 1
    locks = measured("pg_locks_count", 0, datname="postgres", mode="accessexclusivelock")[0]
    assert found[locks] >= 1


def test_f16_a_network_that_swallows_everything_ends_at_the_deadline() -> None:
    with serving(lambda sock: time.sleep(3)) as server:
        begun = time.monotonic()
        error = failure(source_at(server.port), seconds=0.3)
        assert error.kind is ErrorKind.TIMEOUT
        assert error.verdict == DOWN
        assert time.monotonic() - begun < 1.0


def test_f16_a_server_that_hangs_in_the_middle_ends_at_the_deadline(
    postgres: Postgres, source: PostgresqlSource
) -> None:
    source.fetch(NOW, soon())
    assert source._link is not None
    with pytest.raises(TimeoutError):
        source._link.ask("SELECT pg_sleep(0.9)", soon(0.2))
    source.close()
    assert source.fetch(NOW, soon()).verdict == UP


def test_f16_too_many_connections_is_unavailable(postgres: Postgres) -> None:
    with postgres.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS visitor")
        connection.execute("CREATE ROLE visitor LOGIN CONNECTION LIMIT 0")
    error = failure(source_at(postgres.port, user="visitor"))
    assert error.kind is ErrorKind.UNAVAILABLE
    assert "too many connections" in error.text
    assert error.verdict == DOWN


def test_a_role_that_does_not_exist_is_our_fault_and_not_the_servers(postgres: Postgres) -> None:
    error = failure(source_at(postgres.port, user="nobody"))
    assert error.kind is ErrorKind.AUTH
    assert 'role "nobody" does not exist' in error.text
    assert error.verdict == ()


def test_a_database_that_does_not_exist_is_named(postgres: Postgres) -> None:
    error = failure(source_at(postgres.port, database="opera"))
    assert error.kind is ErrorKind.AUTH
    assert 'database "opera" does not exist' in error.text


def test_something_else_on_the_port_is_told() -> None:
    with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
        error = failure(source_at(server.port), seconds=1.0)
    assert error.verdict == DOWN


def test_f16_a_broken_connection_is_opened_again(postgres: Postgres, source: PostgresqlSource) -> None:
    source.fetch(NOW, soon())
    with postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'showcall'"
        )
    time.sleep(0.1)
    assert source.fetch(NOW, soon()).verdict == UP


def test_a_database_that_stops_is_down_and_up_again_after_its_start() -> None:
    server = Postgres()
    server.start()
    source = source_at(server.port)
    try:
        source.fetch(NOW, soon())
        server.stop()
        error = failure(source)
        assert error.verdict == DOWN
        assert failure(source).kind is ErrorKind.REFUSED
        server.start()
        assert source.fetch(NOW, soon()).verdict == UP
    finally:
        source.close()
        server.remove()


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        ('connection to server at "10.0.0.1", port 5432 failed: Connection refused\n\tIs the server running?',
         ErrorKind.REFUSED, "nothing listens on db:5432"),
        ('connection to server at "db" failed: FATAL:  password authentication failed for user "x"',
         ErrorKind.AUTH, 'db:5432: FATAL:  password authentication failed for user "x"'),
        ("connection failed: FATAL:  sorry, too many clients already", ErrorKind.UNAVAILABLE,
         "db:5432: FATAL:  sorry, too many clients already"),
        ("connection failed: FATAL:  the database system is starting up", ErrorKind.UNAVAILABLE,
         "db:5432: FATAL:  the database system is starting up"),
        ("", ErrorKind.UNAVAILABLE, "db:5432: no reason given"),
    ],
)  # fmt: skip
def test_why_a_connection_failed_has_a_kind(message: str, kind: ErrorKind, text: str) -> None:
    error = connect_failed(message, "db:5432")
    assert (error.kind, error.text) == (kind, text)


def test_settings_are_in_base_units() -> None:
    rows = [("shared_buffers", "65536", "8kB", "integer"), ("jit", "off", None, "bool"),
            ("statement_timeout", "1500", "ms", "integer"), ("unset", None, None, "integer")]  # fmt: skip
    assert list(settings_samples(rows)) == [
        measured("pg_settings_shared_buffers_bytes", 536870912.0),
        measured("pg_settings_jit", 0.0),
        measured("pg_settings_statement_timeout_seconds", 1.5),
    ]
