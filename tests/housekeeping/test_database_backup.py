"""Copies of the database: whole or not at all, whatever happens while one is made."""

import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from housekeeping import backup_store
from housekeeping.backup_store import BackupError, check, listed, make, put_back
from housekeeping.job import Stop, StoppedError
from tests.housekeeping.house import DAY, NOW, House

ROOT = Path(__file__).parents[2]
BACKUP_APART = """
import sys
from pathlib import Path
from housekeeping import backup_store
from housekeeping.job import Stop
print("ready", flush=True)
backup_store.make(Path(sys.argv[1]), Path(sys.argv[2]), keep=3, now=float(sys.argv[3]), stop=Stop())
print("made", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def backup(house: House, folder: Path, now: float = NOW, keep: int = 3) -> Path:
    return make(house.file, folder, keep=keep, now=now, stop=Stop()).path


def rows_in(path: Path) -> int:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM timeline").fetchone()[0])
    finally:
        connection.close()


def test_a_backup_is_one_private_file_that_was_checked(house: House, folder: Path) -> None:
    house.rows(NOW, None, 10)
    made = backup(house, folder)
    assert made.name == "showcall-20260921T141320Z.db"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert rows_in(made) == 10
    assert sorted(path.name for path in folder.iterdir()) == ["backup.lock", made.name]
    assert listed(folder)[0].at == NOW


def test_a_backup_is_of_one_moment_while_others_write(house: House, folder: Path) -> None:
    house.rows(NOW, None, 20_000)
    done = threading.Event()
    written = [20_000]

    def write() -> None:
        while not done.is_set():
            house.rows(NOW, None, 2)
            written[0] += 2

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.05)
    made = backup(house, folder)
    done.set()
    writer.join()
    check(made, Stop())
    found = rows_in(made)
    assert found % 2 == 0
    assert 20_000 <= found <= written[0]
    assert house.counts()["timeline"] == written[0]


def test_only_so_many_are_kept_and_nothing_else_in_the_folder_is_touched(house: House, folder: Path) -> None:
    folder.mkdir()
    (folder / "showcall-notes.db").write_text("mine")
    made = [backup(house, folder, NOW + day * DAY) for day in range(5)]
    assert [each.path for each in listed(folder)] == made[:1:-1]
    assert (folder / "showcall-notes.db").read_text() == "mine"


def test_a_backup_that_is_being_made_by_somebody_else_is_not_made_twice(
    house: House, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second(*_: object) -> None:
        with pytest.raises(BackupError, match="another backup is being made"):
            backup(house, folder, NOW + 1)

    monkeypatch.setattr(backup_store, "_enough_room", second)
    backup(house, folder)
    assert len(listed(folder)) == 1


def test_f22_without_room_nothing_is_begun_and_the_older_ones_stay(
    house: House, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = backup(house, folder)
    monkeypatch.setattr(backup_store, "SPARE_BYTES", 10**18)
    with pytest.raises(BackupError, match=r"are free \(want .* MB\); the older backups are kept"):
        backup(house, folder, NOW + DAY, keep=1)
    assert [each.path for each in listed(folder)] == [old]
    check(old, Stop())


def test_f22_a_disk_that_fills_up_meanwhile_leaves_the_older_ones_and_no_rest(
    house: House, folder: Path
) -> None:
    house.rows(NOW, None, 5000)
    old = backup(house, folder)
    process = subprocess.run(
        [sys.executable, "-c", BACKUP_APART, str(house.file), str(folder), str(NOW + DAY)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        preexec_fn=lambda: _no_file_beyond(200_000),
    )  # fmt: skip
    assert process.returncode == 1
    assert "BackupError" in process.stderr
    assert "the older backups are kept" in process.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["backup.lock", old.name]


def _no_file_beyond(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_f25_kill_9_at_any_moment_of_a_backup_leaves_the_older_ones_whole(house: House, folder: Path) -> None:
    house.rows(NOW, None, 60_000)
    old = backup(house, folder)
    cut = 0
    for attempt, delay in enumerate((0.0, 0.005, 0.01, 0.02, 0.04, 0.08)):
        process = subprocess.Popen(
            [sys.executable, "-c", BACKUP_APART, str(house.file), str(folder), str(NOW + attempt + 1)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.kill()
        process.wait()
        cut += process.stdout.read() == ""
        process.stdout.close()
        for each in listed(folder):
            check(each.path, Stop())
    assert cut
    assert old.exists() or len(listed(folder)) == 3
    backup(house, folder, NOW + 100)
    assert not list(folder.glob("*.part*"))


def test_a_stop_ends_a_backup_between_two_steps_and_nothing_is_left(house: House, folder: Path) -> None:
    house.rows(NOW, None, 20_000)
    stop = Stop()
    stop.ask()
    with pytest.raises(StoppedError):
        make(house.file, folder, keep=3, now=NOW, stop=stop)
    assert [path.name for path in folder.iterdir()] == ["backup.lock"]


def test_a_copy_that_is_damaged_does_not_count_and_pushes_no_older_one_out(
    house: House, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.rows(NOW, None, 5000)
    old = backup(house, folder)
    private = backup_store._copied

    def damaged(source: sqlite3.Connection, copy: sqlite3.Connection, stop: Stop) -> None:
        private(source, copy, stop)
        path = Path(copy.execute("PRAGMA database_list").fetchone()[2])
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(os.urandom(20_000))

    monkeypatch.setattr(backup_store, "_copied", damaged)
    with pytest.raises(BackupError):
        backup(house, folder, NOW + DAY, keep=1)
    assert [each.path for each in listed(folder)] == [old]


def test_a_backup_is_put_back_and_the_present_database_is_set_aside(house: House, folder: Path) -> None:
    house.rows(NOW, None, 3)
    made = backup(house, folder)
    house.rows(NOW, None, 4)
    house.database.close()
    aside = put_back(made, house.file, NOW + 60, Stop())
    assert rows_in(house.file) == 3
    assert aside is not None
    assert rows_in(aside) == 7
    assert stat.S_IMODE(house.file.stat().st_mode) == 0o600


def test_what_is_no_backup_is_not_put_back(house: House, tmp_path: Path) -> None:
    house.rows(NOW, None, 3)
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE t (x)").connection.close()
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all\n" * 100)
    for wrong, why in (
        (other, "is not a database of Showcall"),
        (broken, "cannot be read as a database"),
        (tmp_path / "missing.db", "cannot be read as a database"),
    ):
        with pytest.raises(BackupError, match=why):
            put_back(wrong, house.file, NOW, Stop())
    assert rows_in(house.file) == 3


@pytest.mark.parametrize("revision", ["9999_of_next_year", "a1b2c3d4e5f6"])
def test_a_backup_of_a_newer_showcall_is_refused_before_it_stands_where_nothing_can_start(
    house: House, folder: Path, revision: str
) -> None:
    house.rows(NOW, None, 3)
    made = backup(house, folder)
    with sqlite3.connect(made) as newer:
        newer.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    newer.close()
    with pytest.raises(BackupError, match=f"is of a newer Showcall.*{revision}.*want one up to 0"):
        put_back(made, house.file, NOW, Stop())
    assert rows_in(house.file) == 3
