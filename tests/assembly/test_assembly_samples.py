"""Samples outlive the process, and a disk that takes none is told."""

import errno
import json
from collections.abc import Callable

import numpy as np
import pytest

from metrics import Store
from metrics.disk.shelf import Shelf
from metrics.values import Batch, Vector, labels_of
from tests.assembly.assembly_rig import InProcess, Process, Typed, eventually
from tests.assembly.assembly_site import Site

LOOKS = "sum(count_over_time(up[1h]))"


def looks(running: InProcess) -> float:
    """How many looks at targets the store remembers."""
    found = running.showcall.store.query(LOOKS, running.showcall._clock() + 60)
    assert isinstance(found, Vector)
    return sum(sample.value for sample in found.samples)


def test_f24_after_kill_9_the_charts_show_what_was_before(
    site: Site, run_apart: Callable[..., Process], run_here: Callable[[], InProcess]
) -> None:
    first = run_apart()
    address = first.console
    eventually(lambda: address.status("/-/ready") == 200, "ready")
    folder = site.data_dir / "metrics"
    eventually(lambda: sum(path.stat().st_size for path in folder.glob("*.wal")) > 10_000, "some rounds")
    first.kill()
    again = InProcess(site)
    try:
        assert looks(again) >= 2
        assert again.showcall.shelf.rows_recalled > 0
    finally:
        again.showcall.stop()


def test_f22_a_disk_that_takes_no_samples_is_told_and_scraping_goes_on(
    run_here: Callable[[], InProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run_here()
    eventually(lambda: looks(running) > 0, "a round")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(running.showcall.shelf.write_ahead, "_write", full)
        found = eventually(lambda: _storage(running, "warn"), "health says so")
        assert "samples cannot be written (No space left on device)" in found
        before = looks(running)
        eventually(lambda: looks(running) > before, "it goes on in memory")
    eventually(lambda: _storage(running, "pass"), "it is well again by itself")


def test_the_samples_on_disk_can_be_checked(site: Site, typed: Typed) -> None:
    site.write()
    folder = site.data_dir / "metrics"
    command = ("metrics", "check", "--config", str(site.config_file))
    code, _, error = typed(*command)
    assert code == 2
    assert f"{folder}: cannot be read" in error
    store = Store(shelf=Shelf(folder))
    store.append(Batch("app", 1e9, (labels_of({"__name__": "x"}),), np.array([1.0])))
    code, said, _ = typed(*command)
    assert (code, "good" in said) == (0, True)
    (file,) = folder.glob("*.wal")
    file.write_bytes(file.read_bytes()[:-1])
    code, said, _ = typed(*command)
    assert code == 1
    assert f"{file.name}: the end is torn off" in said


def _storage(running: InProcess, status: str) -> str:
    checks = json.loads(running.console.get("/health")[1])["checks"]
    (found,) = checks["storage"]
    return str(found["observedValue"]) if found["status"] == status else ""
