"""Preparing a database by the command of the service's image, on a real PostgreSQL."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.stack.service_rig import HOST, Postgres, free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of its own: preparing makes roles and a database."""
    postgres = Postgres()
    postgres.start()
    with postgres.connect() as connection:
        connection.execute("ALTER ROLE postgres PASSWORD 'the master key'")
    yield postgres
    postgres.remove()


def told(folder: Path, server: Postgres, **settings: object) -> Path:
    secrets = {"superuser": "the master key", "service": "sesame", "watcher": "peephole"}
    for name, secret in secrets.items():
        (folder / name).write_text(f"{secret}\n", encoding="utf-8")
    values = {"host": HOST, "port": server.port, "seats": 40_000, "patienceSeconds": 5}
    values |= {f"{name}PasswordFile": str(folder / name) for name in secrets} | settings
    path = folder / "prepare.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def run(path: Path) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "stack.service.prepare", "--config", str(path)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def connected(server: Postgres, role: str, password: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(
        host=HOST, port=server.port, user=role, password=password, dbname="concert", autocommit=True
    )


def test_a_new_server_gets_roles_tables_and_seats_and_a_second_run_keeps_them(
    server: Postgres, tmp_path: Path
) -> None:
    path = told(tmp_path, server)
    first = run(path)
    assert (first.returncode, first.stderr) == (0, "")
    assert "loading 40,000 seats" in first.stdout
    with connected(server, "concert", "sesame") as connection:
        assert connection.execute("SELECT count(*) FROM seats").fetchone() == (40_000,)
        connection.execute("UPDATE seats SET reserved_by = 1 WHERE id % 1000 = 1 AND id < 9000")
    second = run(path)
    assert second.returncode == 0
    assert "already loaded: 40,000 seats, 8 reservations taken back" in second.stdout


def test_who_watches_may_read_statistics_and_change_nothing(server: Postgres, tmp_path: Path) -> None:
    assert run(told(tmp_path, server)).returncode == 0
    with connected(server, "showcall", "peephole") as connection:
        connection.execute("SELECT * FROM pg_stat_activity")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM seats")


def test_the_improved_profile_has_the_index(server: Postgres, tmp_path: Path) -> None:
    assert run(told(tmp_path, server, profile="improved")).returncode == 0
    with connected(server, "concert", "sesame") as connection:
        found = connection.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'seats_schedule'").fetchone()
    assert found == (1,)


def test_a_server_that_does_not_answer_is_told_in_one_line_without_a_password(
    server: Postgres, tmp_path: Path
) -> None:
    ended = run(told(tmp_path, server, port=free_port(), patienceSeconds=0))
    assert ended.returncode == 1
    assert "prepare.json: the database: connection failed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "master key" not in ended.stderr


def test_missing_and_empty_secrets_are_named(server: Postgres, tmp_path: Path) -> None:
    path = told(tmp_path, server)
    (tmp_path / "watcher").write_text("\n", encoding="utf-8")
    assert "watcherPasswordFile: " in run(path).stderr
    (tmp_path / "service").unlink()
    ended = run(path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "servicePasswordFile: " in ended.stderr
    assert "cannot be read: No such file or directory" in ended.stderr


def test_wrong_values_are_all_named(server: Postgres, tmp_path: Path) -> None:
    said = run(told(tmp_path, server, seats=0, profil="improved")).stderr
    assert "seats: Input should be greater than or equal to 1 (found 0)" in said
    assert "profil: Extra inputs are not permitted" in said
