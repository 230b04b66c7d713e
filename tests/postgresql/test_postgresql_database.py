"""Showcall's own database on PostgreSQL: the same schema, values and promises as on SQLite."""

from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import configuration
from database import Database, metadata
from housekeeping import digest_store
from housekeeping.job import Stop
from housekeeping.retention import OWN_SHELVES, Retention
from runbooks import lever_store
from runbooks.lever import LeverReading
from runbooks.lever_store import KnownLever
from settings import ConfigError
from tests.alerts.alert_rig import TOPOLOGY, Rig, configured
from tests.alerts.test_alert_evaluator import POOL, exhausted
from tests.assembly.assembly_rig import Typed
from tests.assembly.assembly_site import Site
from tests.postgresql.postgresql_rig import PASSWORD, Place
from tests.stack.service_rig import HOST, free_port

LONG = "x" * 1000
VERSION = 1_790_000_000_000


def opened(place: Place) -> Database:
    import_module("assembly")  # declares every table
    database = Database(place.url)
    database.upgrade()
    return database


def test_the_migrations_make_the_same_tables_on_postgresql(place: Place) -> None:
    database = opened(place)
    database.upgrade()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_an_incident_is_opened_and_resolved_with_texts_that_postgresql_takes_badly(
    place: Place, tmp_path: Path
) -> None:
    database = opened(place)
    odd = f"- alert: Odd{LONG}\n  expr: load > 1\n  labels: {{severity: {LONG}}}\n"
    odd += '  annotations: {summary: "{{ $labels.text }}", component: pool}'
    rules, topology = configured(tmp_path, f"{POOL}\n{odd}", TOPOLOGY)
    up = Rig(database, rules, topology)
    up.says("concert", {f'load{{text="a\\x00b{LONG}"}}': 2.0})
    exhausted(up)
    assert [evaluation.problem for evaluation in up.rounds(3)] == [None, None, None]
    assert set(up.states().values()) == {"firing"}
    assert any(f"a\u2400b{LONG}" in row.text for row in up.rows())
    up.says("concert", {'pending{job="concert"}': 0.0, f'load{{text="a\\x00b{LONG}"}}': 0.0})
    up.rounds(25)
    assert up.states() == {}
    assert {incident.state for incident in up.incidents()} == {"resolved"}
    assert [row.id for row in up.rows()] == sorted(row.id for row in up.rows())
    said = Retention(database, OWN_SHELVES, 0.0).run(up.at + 10 * 86_400.0, Stop())
    assert "incidents" in said
    assert up.rows() == []
    database.close()


def test_a_lever_may_count_in_milliseconds_and_a_day_is_told_once(place: Place) -> None:
    database = opened(place)
    reading = LeverReading(value=8.0, baseline=64.0, version=VERSION, lease=None, at=1.0)
    with database.transaction() as tx:
        lever_store.save(tx, KnownLever("cap", "Cap", "service", "users", 64.0, reading, 1.0, None))
        assert digest_store.claim(tx, "2026-11-22", 1.0)
        assert not digest_store.claim(tx, "2026-11-22", 1.0)
    with database.reading() as connection:
        assert lever_store.readings(connection)[0].reading == reading
    database.close()


def test_a_reader_sees_one_state_and_a_writer_of_another_process_waits(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postgresql._SESSION", {"lock_timeout": "200ms"})
    one, other = opened(place), Database(place.url)
    counted = text("select count(*) from users")
    with one.reading() as connection:
        assert connection.execute(counted).scalar() == 0
        with other.transaction() as tx:
            tx.execute(text("insert into users values ('kim', 'viewer', null)"))
            with pytest.raises(OperationalError, match="lock timeout"), one.transaction():
                pass
            assert one.trouble is not None
            assert one.trouble.busy
        assert connection.execute(counted).scalar() == 0
    with one.transaction() as tx:
        assert tx.execute(counted).scalar() == 1
    assert one.trouble is None
    for database in (one, other):
        database.close()


def test_the_password_stands_in_no_error_and_in_no_name_of_the_database() -> None:
    database = Database(f"postgresql://kim:{PASSWORD}@{HOST}:{free_port()}/showcall")
    assert database.place == f"postgresql://kim@{HOST}:{database.place.rpartition(':')[2]}"
    with pytest.raises(OperationalError) as refused, database.transaction():
        pass
    assert database.trouble is not None
    said = f"{refused.value} {refused.value!r} {database.trouble} {database.place} {database.engine!r}"
    assert "Connection refused" in database.trouble.text
    assert "\n" not in database.trouble.text
    assert PASSWORD not in said


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (f"mysql://kim:{PASSWORD}@db/x", "is not the URL of a PostgreSQL database"),
        (f"postgresql+psycopg://kim:{PASSWORD}@db/x", "is not the URL of a PostgreSQL database"),
        (f"postgresql://kim:%{PASSWORD}@db/x", "cannot be read as a URL"),
        (f"postgresql://kim:{PASSWORD}@db/x?nope=1", "cannot be read as a URL"),
        (f"postgresql://kim:{PASSWORD}@db", "names no database"),
        (f"postgresql://kim:{PASSWORD}@db:port/x", "has a port that is not a number"),
        ("", "is not the URL of a PostgreSQL database"),
    ],
)
def test_a_wrong_url_in_the_file_is_told_with_its_line_and_without_the_url(
    site: Site, typed: Typed, url: str, wanted: str
) -> None:
    (site.folder / "database.url").write_text(f"{url}\n", encoding="utf-8")
    site.config["database_url_file"] = "database.url"
    code, _, said = typed("check", "--config", str(site.write()))
    written = site.config_file.read_text(encoding="utf-8").splitlines()
    line = next(number for number, found in enumerate(written, 1) if "database_url_file" in found)
    assert code == 2
    assert f"config.yaml:{line}: database_url_file: what is in " in said
    assert wanted in said
    assert PASSWORD not in said


def test_a_file_that_is_not_there_is_told_and_the_environment_serves_without_one(site: Site) -> None:
    url = f"postgresql://kim:{PASSWORD}@db/x"
    variable = {configuration.DATABASE_URL_VARIABLE: url}
    found = configuration.load(site.write(), environment=variable)
    assert found.database_url == url
    assert PASSWORD not in repr(found)
    assert configuration.load(site.config_file, sqlite=True, environment=variable).database_url is None
    with pytest.raises(ConfigError, match=r"SHOWCALL_DATABASE_URL: is not the URL") as wrong:
        configuration.load(site.config_file, environment={configuration.DATABASE_URL_VARIABLE: PASSWORD})
    assert PASSWORD not in str(wrong.value)
    site.config["database_url_file"] = "missing.url"
    with pytest.raises(ConfigError, match=r"database_url_file: .*missing.url cannot be read"):
        configuration.load(site.write(), environment=variable)


@pytest.mark.parametrize("words", [("backup",), ("restore", "some.db")])
def test_backups_are_left_to_postgresqls_own_means(
    place: Place, site: Site, typed: Typed, words: tuple[str, ...]
) -> None:
    (site.folder / "database.url").write_text(place.url, encoding="utf-8")
    site.config["database_url_file"] = "database.url"
    code, _, said = typed(*words, "--config", str(site.write()))
    assert code == 1
    assert "is backed up by PostgreSQL's own means (pg_dump, pg_restore)" in said
    assert PASSWORD not in said


def test_a_sign_in_is_made_in_the_database_that_is_configured(
    place: Place, site: Site, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(configuration.DATABASE_URL_VARIABLE, place.url)
    assert typed("sign-in", "mina", "--config", str(site.write()))[0] == 0
    database = opened(place)
    with database.reading() as connection:
        assert connection.execute(text("select name from users")).scalars().all() == ["mina"]
    database.close()
    assert not site.database_file.exists()
