"""The database is in the way: locked by somebody else, or the disk takes nothing any more."""

import json
import re
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import database
import showcall
from alerts.alert_state import AlertState
from alerts.timeline import TimelineKind
from tests.assembly.assembly_rig import InProcess, Process, Story, Typed, Visitor, always, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack

BUSY_SECONDS = 1.0
KILOBYTE = 1024


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is waited for as in the product, for a shorter time."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", BUSY_SECONDS)


@contextmanager
def write_lock(site: Site) -> Iterator[None]:
    """Somebody else writes to the database and does not come to an end."""
    other = sqlite3.connect(site.database_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def fires(story: Story) -> bool:
    alert = story.alert("PoolExhausted")
    return alert is not None and alert.state is AlertState.FIRING


def test_f26_a_second_writer_holds_the_lock_for_longer_than_we_wait_and_no_row_is_lost(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    running = run_here()
    eventually(lambda: running.console.status("/-/ready") == 200, "ready")
    with write_lock(site):
        stack.surge()
        always(lambda: not stack.ledger, "nothing is sent before its intent is written",
               seconds=3 * BUSY_SECONDS)  # fmt: skip
        assert running.console.status("/-/ready") == 200
    story = running.story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut, once the lock is gone")
    assert [(write.before, write.after) for write in stack.cuts] == [(64, 8)]
    once = (TimelineKind.INCIDENT_OPENED, TimelineKind.RUN_PLANNED, TimelineKind.RUN_STARTED)
    assert [len(story.rows(kind)) for kind in once] == [1, 1, 1], story.told()
    fired = [text for text in story.texts(TimelineKind.ALERT_FIRING) if text.startswith("PoolExhausted")]
    assert len(fired) == 1
    eventually(lambda: running.console.status("/-/healthy") == 200, "healthy again")


def test_f26_a_lock_held_while_it_starts_costs_the_printed_sign_in_and_nothing_else(
    site: Site, run_here: Callable[[], InProcess], typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    running = run_here()
    with write_lock(site):
        showcall.show_way_in(running.showcall)
    said = capsys.readouterr().out.replace("\n", "")
    assert "not yet: " in said
    assert "the database cannot be used (database is locked)" in said
    code, said, _ = typed("sign-in", "mina", "--config", str(site.config_file))
    assert code == 0
    assert running.console.sign_in(said.replace("\n", "").split("#code=")[1]) == 303


@contextmanager
def full_disk(process: Process) -> Iterator[None]:
    """No file of the process may grow past its first kilobyte: what a full disk does to writes."""
    pid = process.popen.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (KILOBYTE, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_f22_while_nothing_can_be_written_it_says_so_sends_nothing_and_needs_no_restart_afterwards(
    stack: FakeStack, site: Site, run_apart: Callable[[], Process]
) -> None:
    process = run_apart()
    console = process.console
    eventually(lambda: turns(console, "acting") >= 2 and console.status("/-/ready") == 200, "ready")
    assert console.sign_in(process.code) == 303
    forget_visits(site)
    with full_disk(process):
        stack.surge()
        eventually(lambda: "disk I/O error" in console.get("/health")[1], "the health check says it")
        assert json.loads(console.get("/health")[1])["status"] in {"warn", "fail"}
        eventually(lambda: process.log.stat().st_size == KILOBYTE, "its log is full too")
        always(lambda: not stack.ledger, "nothing is sent before its intent is written", seconds=1)
        answer, page = console.get("/")
        assert answer.status == 200
        assert "Showcall itself: evaluation" in page
        assert 'showcall_target_up{target="concert"} 1.0' in console.get("/metrics")[1]
    story = process.story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut, once there is room")
    assert [(write.before, write.after) for write in stack.cuts] == [(64, 8)]
    assert console.status("/-/healthy") == 200


def forget_visits(site: Site) -> None:
    """The next visit of everybody who is signed in is one to write down."""
    other = sqlite3.connect(site.database_file, isolation_level=None)
    other.execute("UPDATE sessions SET seen_at = seen_at - 120")
    other.close()


def turns(console: Visitor, loop: str) -> float:
    """Good turns of a loop so far."""
    page = console.get("/metrics")[1]
    found = re.search(rf'showcall_loop_turns_total{{loop="{loop}"}} (\S+)', page)
    return float(found[1]) if found else 0.0
