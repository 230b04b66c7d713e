"""A disk that is really full, with samples, database and log on it; and one whose fsync fails."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from alerts.timeline import TimelineKind
from tests.assembly.assembly_rig import Process, Visitor, always, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_redis import FakeRedis
from tests.assembly.fake_stack import FakeStack
from tests.assembly.small_disk import filled, small_disk

DISK_BYTES = 12 * 2**20
ONCE = (
    TimelineKind.INCIDENT_OPENED, TimelineKind.RUN_PLANNED, TimelineKind.RUN_STARTED
)  # fmt: skip
IN_MEMORY = """
- record: memory:looks
  expr: sum(count_over_time(up[1h]))
- alert: Watched
  expr: memory:looks > 0
  labels: {severity: info}
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as made:
        yield made


@pytest.fixture
def on_disk(disk: Path, stack: FakeStack) -> Iterator[Site]:
    """Everything of a Showcall on that disk: configuration, samples, database and log."""
    redis = FakeRedis()
    site = Site(disk, stack, redis)
    site.config["housekeeping"] = {"disk_low_bytes": "1"}
    site.rules(IN_MEMORY)
    yield site
    redis.go_down()


@contextmanager
def running(site: Site) -> Iterator[Process]:
    process = Process(site)
    try:
        eventually(lambda: process.console.status("/-/ready") == 200, "ready")
        yield process
    finally:
        process.kill()


def number(console: Visitor, name: str) -> float:
    """One of our own metrics."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", console.get("/metrics")[1], re.MULTILINE)
    return float(found[1]) if found else 0.0


def asked(console: Visitor, query: str) -> float:
    """The value of a query, 0 without one."""
    found = json.loads(console.get(f"/api/v1/query?query={quote(query)}")[1])["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def check(console: Visitor, name: str) -> tuple[str, str]:
    """Status and text of one component."""
    (found,) = json.loads(console.get("/health")[1])["checks"][name]
    return found["status"], found["observedValue"]


def signed_in(process: Process) -> Visitor:
    console = process.console
    assert console.sign_in(process.code) == 303
    return console


def test_f22_on_a_full_disk_it_goes_on_in_memory_says_so_and_needs_no_restart(
    disk: Path, on_disk: Site, stack: FakeStack
) -> None:
    with running(on_disk) as process:
        console = signed_in(process)
        eventually(lambda: asked(console, "memory:looks") > 3, "it watches")
        with filled(disk):
            eventually(lambda: number(console, "showcall_store_degraded") == 1, "metrics say so")
            assert number(console, "showcall_disk_free_bytes") == 0
            unwritten = "showcall_store_rows_unwritten_total"
            looks, rows = asked(console, "memory:looks"), number(console, unwritten)
            eventually(lambda: asked(console, "memory:looks") > looks + 3, "scraping and rules go on")
            assert number(console, unwritten) > rows
            assert asked(console, 'ALERTS{alertname="Watched",alertstate="firing"}') == 1
            assert "samples cannot be written (No space left on device)" in check(console, "storage")[1]
            assert check(console, "storage")[0] in {"warn", "fail"}
            assert check(console, "rules")[0] == "pass"
            answer, page = console.get("/")
            assert answer.status == 200
            assert "samples cannot be written (No space left on device)" in page
        eventually(lambda: number(console, "showcall_store_degraded") == 0, "well again by itself")
        eventually(lambda: check(console, "storage")[0] == "pass", "and healthy")
        written = number(console, "showcall_store_rows_written_total")
        eventually(lambda: number(console, "showcall_store_rows_written_total") > written, "written again")
        stack.surge()
        eventually(lambda: process.story.rows(TimelineKind.LEVER_SET), "it acts as before")
        assert process.popen.poll() is None
        assert "Traceback" not in process.said


def test_f22_what_begins_on_a_full_disk_is_told_and_done_once_when_there_is_room(
    disk: Path, on_disk: Site, stack: FakeStack
) -> None:
    with running(on_disk) as process:
        console = signed_in(process)
        eventually(lambda: number(console, 'showcall_loop_turns_total{loop="acting"}') >= 2, "it turns")
        with filled(disk):
            stack.surge()
            eventually(lambda: "disk is full" in check(console, "storage")[1], "the database is full, too")
            pool = 'ALERTS{alertname="PoolExhausted",alertstate="firing"}'
            eventually(lambda: asked(console, pool) == 1, "the alert fires in memory")
            found = json.loads(console.get("/api/v1/alerts")[1])["data"]["alerts"]
            assert ("PoolExhausted", "firing") in {
                (each["labels"]["alertname"], each["state"]) for each in found
            }
            always(lambda: not stack.ledger, "nothing is sent before its intent is written", seconds=1)
            assert process.popen.poll() is None
        story = process.story
        eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut, once there is room")
        assert [(write.before, write.after) for write in stack.cuts] == [(64, 8)]
        assert [len(story.rows(kind)) for kind in ONCE] == [1, 1, 1], story.told()
        fired = [text for text in story.texts(TimelineKind.ALERT_FIRING) if text.startswith("PoolExhausted")]
        assert len(fired) == 1
        eventually(lambda: console.status("/-/healthy") == 200, "healthy again")
        assert "Traceback" not in process.said


def test_f22_killed_on_a_full_disk_it_comes_back_with_every_row_that_was_on_it(
    disk: Path, on_disk: Site, stack: FakeStack
) -> None:
    with running(on_disk) as process:
        console = signed_in(process)
        stack.surge()
        eventually(lambda: process.story.rows(TimelineKind.LEVER_SET), "it acted")
        with filled(disk):
            eventually(lambda: number(console, "showcall_store_degraded") == 1, "full")
            rows, told = number(console, "showcall_store_rows_written_total"), process.story.rows()
            process.kill()
    with running(on_disk) as again:
        console = signed_in(again)
        assert number(console, "showcall_store_rows_recalled_total") == rows
        assert number(console, 'showcall_store_damage_total{kind="checksum"}') == 0
        assert again.story.rows()[: len(told)] == told
        eventually(lambda: check(console, "storage")[0] == "pass", "well")


@contextmanager
def failing_syncs(process: Process, where: Path) -> Iterator[None]:
    """Every fsync of the process gives EIO, and has happened or not: nobody knows."""
    pid = str(process.popen.pid)
    calls = "fsync,fdatasync"
    log = where / "strace"
    command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={calls}"]
    tracer = subprocess.Popen(
        [*command, "-e", f"inject={calls}:error=EIO", "-p", pid], stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: tracer.poll() is not None or (log.exists() and log.stat().st_size), "EIO")
        if tracer.poll() is not None:
            pytest.skip("no process may be traced here")
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
def test_f23_while_fsync_fails_nothing_is_sent_and_afterwards_everything_is_done_once(
    tmp_path: Path, site: Site, stack: FakeStack
) -> None:
    with running(site) as process:
        console = signed_in(process)
        eventually(lambda: number(console, 'showcall_loop_turns_total{loop="acting"}') >= 2, "it turns")
        with failing_syncs(process, tmp_path):
            stack.surge()
            eventually(lambda: "disk I/O error" in check(console, "storage")[1], "the database")
            eventually(lambda: "(Input/output error)" in check(console, "storage")[1], "the samples")
            assert check(console, "storage")[0] == "fail"
            assert "nothing is acted on" in console.get("/")[1]
            always(lambda: not stack.ledger, "nothing is sent while no intent is safe", seconds=1)
        story = process.story
        eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut, once writes are safe")
        assert [(write.before, write.after) for write in stack.cuts] == [(64, 8)]
        # A commit that failed may have happened: it was read back, not done again.
        assert [len(story.rows(kind)) for kind in ONCE] == [1, 1, 1], story.told()
        eventually(lambda: check(console, "storage")[0] == "pass", "well again by itself")
        assert "Traceback" not in process.said
