"""Samples outlive the process, and a disk that takes none is told."""

import errno
import json
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import numpy as np
import pytest

from metrics import Store
from metrics.disk.shelf import Shelf
from metrics.values import Batch, Vector, labels_of
from tests.assembly.assembly_rig import InProcess, Process, Typed, Visitor, eventually
from tests.assembly.assembly_site import Site
from tests.collector.raw_server import always, answer, serving

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


PAGE = b"""# TYPE "a.b" gauge
{"a.b","k.ey"="v"} 7
plain{"l n"="w"} 8
"""
RULE = """- {record: größe.sum, expr: 'sum by ("k.ey") ({"a.b"})', labels: {größe.x: y}}"""
NAMES = {
    '{"a.b"}': ({"__name__": "a.b", "k.ey": "v"}, "7"),
    'plain{"l n"="w"}': ({"__name__": "plain", "l n": "w"}, "8"),
    '{"größe.sum"}': ({"__name__": "größe.sum", "k.ey": "v", "größe.x": "y"}, "7"),
}


def test_names_in_utf8_are_scraped_recorded_asked_for_and_still_there_after_a_restart(
    site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.rules(RULE)
    with serving(always(answer(PAGE))) as server:
        site.target("odd", "actuator", url=server.url)
        first = run_here()
        console = first.signed_in()
        for query, expected in NAMES.items():
            eventually(partial(_told, console, query, expected), query)
        assert '"gauge"' in console.get("/api/v1/metadata?metric=a.b")[1]
        first.stop()
    console = run_here().signed_in()
    for query, expected in NAMES.items():
        eventually(partial(_told, console, f"last_over_time({query}[1h])", expected), f"{query} again")


def _told(console: Visitor, query: str, expected: tuple[dict[str, str], str]) -> bool:
    """Whether the HTTP API answers with this one series, beside its job and instance, and value."""
    told = console.get(f"/api/v1/query?query={quote(query)}")[1]
    found = []
    for one in json.loads(told)["data"]["result"]:
        own = {name: text for name, text in one["metric"].items() if name not in ("job", "instance")}
        found.append((own, one["value"][1]))
    return found == [expected]


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
