"""An import that is killed, or that finds no room: old blocks or new ones, whole, and nothing else."""

import multiprocessing
import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from metrics.disk import block_file
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.checking import check
from metrics.values import Labels
from tests.metrics.disk_store import store_in
from tests.metrics.openmetrics_store import Samples, held, lived, put_in
from tests.root.metrics_command_rig import FOLDER, files, in_a_process, invoke

STEPS = ("write", "fsync", "rename", "replace", "utime", "unlink")
"""What changes files, or makes changes safe."""


def killed_at(step: int, data_dir: str, other: str) -> None:
    """In a process of its own: import, and die as with ``kill -9`` at the given step, if it comes to that."""
    left = step

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                die()
            return real(*arguments)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    found = invoke(Path(data_dir), "import", other)
    os._exit(found.exit_code)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def by_block(samples: Samples) -> dict[int, set[tuple[Labels, int, bytes]]]:
    found: dict[int, set[tuple[Labels, int, bytes]]] = {}
    for labels, points in samples.items():
        for at, value in points.items():
            found.setdefault(at // BLOCK_MS, set()).add((labels, at, value))
    return found


@pytest.fixture
def other(tmp_path: Path) -> str:
    """Another past of the same time and of more."""
    put_in(store_in(tmp_path / "other" / FOLDER, 60.0), 400, 9.0)
    path = tmp_path / "page.om"
    assert invoke(tmp_path / "other", "export", "--output", str(path)).exit_code == 0
    return str(path)


def begin(data_dir: Path) -> None:
    """A past with sealed blocks, and rows that no block holds yet."""
    lived(data_dir / FOLDER)


def test_f25_an_import_killed_at_any_step_leaves_every_block_old_or_new(tmp_path: Path, other: str) -> None:
    begin(tmp_path / "before")
    begin(tmp_path / "after")
    old = by_block(held(tmp_path / "before" / FOLDER))
    assert invoke(tmp_path / "after", "import", other).exit_code == 0
    new = by_block(held(tmp_path / "after" / FOLDER))
    fork = multiprocessing.get_context("fork")
    seen: set[str] = set()
    for step in range(1000):
        data_dir = tmp_path / f"killed_{step}"
        shutil.copytree(tmp_path / "before", data_dir)
        process = fork.Process(target=killed_at, args=(step, str(data_dir), other))
        process.start()
        process.join()
        found = by_block(held(data_dir / FOLDER))
        assert all(each.damage == () for each in check(data_dir / FOLDER))
        for block in new:
            which = [
                name for name, all_of in (("old", old), ("new", new)) if found.get(block) == all_of.get(block)
            ]
            assert which, f"step {step}: block {block} is neither old nor new"
            seen.update(which)
        assert invoke(data_dir, "import", other).exit_code == 0
        assert by_block(held(data_dir / FOLDER)) == new
        assert {name for name in files(data_dir / FOLDER) if not name.endswith((".block", ".wal"))} == set()
        if process.exitcode == 0:
            break
    assert step > 10, step
    assert seen == {"old", "new"}


def at_most(size: int) -> Callable[[], None]:
    """No file of the process may grow beyond so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture
def now(tmp_path: Path) -> float:
    return tmp_path.stat().st_mtime


def test_f22_no_room_for_the_samples_that_wait_and_nothing_is_imported(tmp_path: Path, now: float) -> None:
    lines = "".join(f'x{{n="{number}"}} 1 {now - 3600:.3f}\n' for number in range(3000)) + "# EOF\n"
    found = in_a_process(tmp_path, "import", "-", limit=at_most(20_000), stdin=lines.encode())
    assert found.returncode == 1
    assert found.stderr.decode() == "samples cannot be written (File too large); nothing is imported\n"
    assert files(tmp_path / FOLDER) == {}


def test_f22_no_room_for_a_block_and_it_stays_as_it_was(tmp_path: Path, now: float) -> None:
    first = (
        "".join(f'x{{n="{number}"}} {number / 7} {now - 3600:.3f}\n' for number in range(3000)) + "# EOF\n"
    )
    assert invoke(tmp_path, "import", "-", stdin=first, now=now).exit_code == 0
    before = files(tmp_path / FOLDER)
    second = f"x 1 {now - 7200:.3f}\nx 2 {now - 3600:.3f}\n# EOF\n"
    found = in_a_process(tmp_path, "import", "-", limit=at_most(20_000), stdin=second.encode())
    assert found.returncode == 1
    assert (
        found.stderr.decode() == "samples cannot be written (File too large); 1 blocks are imported, whole\n"
    )
    after = files(tmp_path / FOLDER)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    assert invoke(tmp_path, "import", "-", stdin=second, now=now).exit_code == 0
    assert sum(map(len, held(tmp_path / FOLDER).values())) == 3002


def test_f22_no_room_for_rows_that_no_block_holds_yet_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    said = put_in(store_in(tmp_path / "full" / FOLDER), 85)
    before = files(tmp_path / "full" / FOLDER)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(block_file, "write", full)
    found = invoke(tmp_path / "full", "import", other)
    assert "a block cannot be sealed (No space left on device)" in str(found.exception)
    assert str(found.exception).endswith("; nothing is imported")
    assert files(tmp_path / "full" / FOLDER) == before
    assert held(tmp_path / "full" / FOLDER) == said


def test_f25_damage_in_a_block_that_an_import_seals_anew_is_said_before_it_is_gone(
    tmp_path: Path, other: str
) -> None:
    begin(tmp_path)
    block = min((tmp_path / FOLDER).glob("*.block"))
    data = bytearray(block.read_bytes())
    data[-40] ^= 1
    block.write_bytes(data)
    found = invoke(tmp_path, "import", other)
    assert found.exit_code == 0
    assert "a series of app (a series with a wrong checksum)" in found.stderr
    assert "1 damaged pieces of blocks were left out" in found.stderr
    assert all(each.damage == () for each in check(tmp_path / FOLDER))
