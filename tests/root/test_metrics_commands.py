"""``showcall metrics export`` and ``import``: a past goes out and comes back to the byte."""

import gzip
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import metrics_commands
from database import DataDirectoryLock
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.pushes import Push
from metrics.disk.shelf import Shelf
from metrics.values import labels_of
from tests.metrics.disk_store import BEGIN, NAMES, batch, store_in
from tests.metrics.openmetrics_store import SERIES, bits, held, lived, put_in
from tests.root.metrics_command_rig import FOLDER, NOW, ROOT, at, files, in_a_process, invoke, page, refused


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A data directory with a past."""
    lived(tmp_path / "here" / FOLDER)
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """An empty one."""
    return tmp_path / "there"


@pytest.fixture
def exported(here: Path, tmp_path: Path) -> Path:
    """The past of ``here`` as a file."""
    path = tmp_path / "exported.om"
    assert invoke(here, "export", "--output", str(path)).exit_code == 0
    return path


def test_what_is_exported_and_imported_elsewhere_is_exported_there_byte_by_byte(
    here: Path, there: Path, exported: Path
) -> None:
    assert invoke(there, "import", str(exported)).exit_code == 0
    assert held(there / FOLDER) == held(here / FOLDER)
    again = invoke(there, "export")
    assert again.exit_code == 0
    assert again.stdout_bytes == exported.read_bytes()


def test_importing_twice_changes_no_byte(there: Path, exported: Path) -> None:
    invoke(there, "import", str(exported))
    before = files(there / FOLDER)
    found = invoke(there, "import", str(exported), str(exported))
    assert found.exit_code == 0
    assert files(there / FOLDER) == before


def test_an_import_into_the_store_it_came_from_changes_no_sample(here: Path, exported: Path) -> None:
    before = held(here / FOLDER)
    assert invoke(here, "import", str(exported)).exit_code == 0
    assert held(here / FOLDER) == before
    assert invoke(here, "export").stdout_bytes == exported.read_bytes()


def test_rows_that_no_block_holds_yet_outlive_an_import_into_their_time(there: Path, tmp_path: Path) -> None:
    said = put_in(store_in(there / FOLDER), 85)
    assert {path.suffix for path in (there / FOLDER).iterdir()} == {".wal"}
    text = page(tmp_path, f"other 1 {at(0)}", f"other 2 {at(950)}")
    assert invoke(there, "import", text).exit_code == 0
    other = labels_of({"__name__": "other"})
    new = {other: {round(BEGIN * 1000): bits(1.0), round(BEGIN * 1000) + 950_000: bits(2.0)}}
    assert held(there / FOLDER) == said | new
    assert {path.suffix for path in (there / FOLDER).iterdir()} == {".block"}


def test_pushed_points_that_belong_into_later_blocks_outlive_an_import(there: Path, tmp_path: Path) -> None:
    shelf = Shelf(there / FOLDER)
    start, pushed = round(BEGIN * 1000), labels_of({"__name__": "pushed"})
    for received, times in ((0, (-1, 0)), (BLOCK_MS - 1, (BLOCK_MS - 1, BLOCK_MS, BLOCK_MS + 1))):
        points = np.array(times) + start
        shelf.write_ahead.write_push(
            Push("push", start + received, [pushed] * len(times), points, points / 7.0)
        )
    said = held(there / FOLDER)
    assert sorted(at - start for at in said[pushed]) == [-1, 0, BLOCK_MS - 1, BLOCK_MS, BLOCK_MS + 1]
    now = BEGIN + BLOCK_MS / 1000 + 1
    assert invoke(there, "import", page(tmp_path, f"other 1 {at(5)}"), now=now).exit_code == 0
    assert held(there / FOLDER) == said | {labels_of({"__name__": "other"}): {start + 5000: bits(1.0)}}
    assert {path.suffix for path in (there / FOLDER).iterdir()} == {".block", ".wal"}


def test_a_new_import_says_what_counts_at_a_time_that_an_old_one_had(there: Path, tmp_path: Path) -> None:
    invoke(there, "import", page(tmp_path, f"x 1 {at(0)}", f"x 2 {at(1)}"))
    invoke(there, "import", page(tmp_path, f"x 3 {at(1)}", f"x 4 {at(2)}"))
    (samples,) = held(there / FOLDER).values()
    assert list(samples.values()) == [bits(1.0), bits(3.0), bits(4.0)]


def test_only_fifteen_minutes_that_are_over_and_kept_are_taken_and_the_rest_is_counted(
    there: Path, tmp_path: Path
) -> None:
    now = BEGIN + 7 * 86_400 + 60.0
    block = BLOCK_MS / 1000
    begun = 7 * 86_400.0
    times = (-0.001, 0.0, begun - 0.001, begun, begun + 60, begun + 60.001, begun + block)
    found = invoke(there, "import", page(tmp_path, *(f"x 1 {at(each)}" for each in times)), now=now)
    assert found.exit_code == 1
    assert found.stdout == "2 samples of 1 series imported into 2 blocks of 15 minutes\n"
    assert found.stderr.splitlines() == [
        "1 samples not taken, before 2023-11-14T22:15:00.000Z: metrics.retention would delete them at once",
        "2 samples not taken, 2023-11-21T22:15:00.000Z to now: these 15 minutes are not over, "
        "import again then",
        "2 samples not taken, after now (2023-11-21T22:16:00.000Z)",
    ]
    (samples,) = held(there / FOLDER).values()
    assert sorted(samples) == [round(BEGIN * 1000), round((BEGIN + begun) * 1000) - 1]


def test_a_dry_run_judges_and_writes_nothing(there: Path, exported: Path, tmp_path: Path) -> None:
    found = invoke(there, "import", str(exported), "--dry-run")
    assert found.stdout.endswith(" samples of 9 series would be imported into 4 blocks of 15 minutes\n")
    assert not there.exists()
    assert "want a timestamp" in refused(there, "import", page(tmp_path, "x 1"), "--dry-run")


def test_one_bad_line_in_the_last_file_and_nothing_is_imported(
    here: Path, exported: Path, tmp_path: Path
) -> None:
    before = files(here / FOLDER)
    bad = page(tmp_path, f"x 1 {at(0)}", "x one")
    assert refused(here, "import", str(exported), bad).startswith(f"{bad}:2: ")
    assert files(here / FOLDER) == before


def test_gzip_and_standard_input_are_taken(there: Path, exported: Path, tmp_path: Path) -> None:
    packed = tmp_path / "exported.gz"
    packed.write_bytes(gzip.compress(exported.read_bytes()))
    assert invoke(there, "import", str(packed)).exit_code == 0
    by_hand = invoke(tmp_path / "by_hand", "import", "-", stdin=exported.read_text(encoding="utf-8"))
    assert by_hand.exit_code == 0
    assert held(tmp_path / "by_hand" / FOLDER) == held(there / FOLDER)


def test_f31_an_import_beside_a_running_showcall_is_refused_with_its_pid_and_the_way_out(
    there: Path, exported: Path
) -> None:
    lock = DataDirectoryLock(there)
    said = refused(there, "import", str(exported))
    lock.release()
    assert "already used by another Showcall (pid " in said
    assert "stop it" in said
    assert invoke(there, "import", str(exported)).exit_code == 0


def test_an_import_that_is_over_the_size_that_is_kept_says_so(
    there: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = metrics_commands._settings(ROOT / "config.yaml", there)
    small = loaded.model_copy(update={"metrics": loaded.metrics.model_copy(update={"retention_bytes": 5000})})
    monkeypatch.setattr(metrics_commands, "_settings", lambda *_: small)
    assert "over metrics.retention_bytes (5,000)" in invoke(there, "import", str(exported)).stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("-2h", NOW - 7200),
        ("-1h30m", NOW - 5400),
        ("1700000100.137", 1_700_000_100.137),
        ("2023-11-14T22:15:00.137Z", 1_700_000_100.137),
        ("2023-11-14T22:15:00", 1_700_000_100.0),
        ("2023-11-15T00:15:00+02:00", 1_700_000_100.0),
        ("2023-11-14", 1_699_920_000.0),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert metrics_commands.moment("--from", text, NOW) == round(seconds * 1000)


@pytest.mark.parametrize("text", ["", "yesterday", "-2x", "NaN", "inf", "2023-13-01", "1e400"])
def test_what_is_no_time_is_named_with_what_is_wanted(here: Path, text: str) -> None:
    found = invoke(here, "export", "--to", text)
    said = " ".join(found.stderr.replace("│", " ").split())
    assert found.exit_code == 2
    assert f"--to: {text!r} is not a time (want e.g. 2026-11-22T16:00:00Z, 1795363200 or -2h)" in said


def test_an_export_of_some_series_and_some_time_says_what_it_wrote(here: Path) -> None:
    first, last = at(101.370), at(1013.7)
    found = invoke(here, "export", "--match", 'm_total{n="1"}', "--match", "g", "--from", first, "--to", last)
    lines = found.stdout.splitlines()
    assert lines[-1] == "# EOF"
    assert {line.partition("{")[0] for line in lines[:-1]} == {"g", "m_total"}
    assert (
        f"standard output: 4 series, {len(lines) - 1:,} samples, 2023-11-14T22:16:41.370Z to "
        f"2023-11-14T22:31:53.700Z, {len(found.stdout_bytes):,} bytes" in found.stderr
    )


def test_questions_that_make_no_sense_are_refused(here: Path) -> None:
    assert "--match: 1:3: unexpected end of input" in refused(here, "export", "--match", "m{")
    assert "is after --to" in refused(here, "export", "--from", "10", "--to", "9")


def test_an_export_that_fails_leaves_the_file_that_was_there(here: Path, tmp_path: Path) -> None:
    store_in(here / FOLDER).append(batch(5000, {NAMES[0]: 1.0}))
    (tmp_path / "old.om").write_text("old")
    said = refused(here, "export", "--output", str(tmp_path / "old.om"))
    assert "OpenMetrics 1.0 has no words for" in said
    assert "'é'" in said
    assert files(tmp_path / "none") == {}
    assert {path.name for path in tmp_path.iterdir()} == {"here", "old.om"}
    assert (tmp_path / "old.om").read_text() == "old"


def test_where_nothing_can_be_read_or_written_is_named(here: Path, there: Path, tmp_path: Path) -> None:
    assert refused(there, "export") == f"{there / FOLDER}: cannot be read (No such file or directory)"
    nowhere = str(tmp_path / "no" / "folder.om")
    assert refused(here, "export", "--output", nowhere).startswith(f"{nowhere}: cannot be written (No such")
    assert (
        refused(here, "export", "--output", "/dev/full")
        == "/dev/full: cannot be written (No space left on device)"
    )
    (tmp_path / "file").write_text("")
    assert "cannot be written to" in refused(tmp_path / "file", "import", page(tmp_path, f"x 1 {at(0)}"))


def test_damage_is_said_and_only_more_than_a_torn_tail_is_a_problem(here: Path) -> None:
    (tail,) = (here / FOLDER).glob("*.wal")
    tail.write_bytes(tail.read_bytes()[:-3])
    found = invoke(here, "export")
    assert found.exit_code == 0
    assert f"{tail.name}: the end is torn off" in found.stderr
    block = min((here / FOLDER).glob("*.block"))
    block.write_bytes(block.read_bytes()[:-40])
    found = invoke(here, "export")
    assert found.exit_code == 1
    assert block.name in found.stderr


def test_whoever_reads_an_export_may_have_enough(here: Path, tmp_path: Path) -> None:
    store = store_in(here / FOLDER)
    for number in range(3000):
        store.append(batch(5000 + number, dict.fromkeys(SERIES, math.pi * number)))
    command = [sys.executable, "-m", "showcall", "metrics", "export", "--data-dir", str(here)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1


def test_a_person_sees_plain_words_and_the_exit_code(tmp_path: Path) -> None:
    now = tmp_path.stat().st_mtime
    bad = page(tmp_path, f"x 1 {now - 3600:.3f}", "x 2")
    found = in_a_process(tmp_path / "data", "import", bad)
    assert found.returncode == 1
    assert found.stderr.decode() == f"{bad}:2: want a timestamp after the value, found 'x 2'\n"
    found = in_a_process(tmp_path / "data", "import", page(tmp_path, f"x 1 {now - 3600:.3f}"))
    assert found.returncode == 0
    assert found.stdout == b"1 samples of 1 series imported into 1 blocks of 15 minutes\n"
