import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from stack.config import StackConfig
from stack.local import launch, state
from stack.local.errors import StackError
from stack.local.inspection import Condition, judge
from stack.local.launch import Launch
from stack.local.layout import Layout
from stack.local.log_files import last_lines, logs, set_aside
from stack.local.private_files import password_in, write_atomically
from stack.local.process_identity import ProcessIdentity
from stack.local.state import Capacity, ProcessRecord, StackState, Stage

PROCESSES = tuple(
    ProcessRecord(name, ProcessIdentity(pid, 1.5), (port,), 1.0, 268_435_456)
    for name, pid, port in [("redis", 11, 18379), ("database", 12, 18432), ("concert", 13, 18080)]
)
RUNNING = StackState(
    profile="published",
    started_at="2026-11-22T16:00:00.123Z",
    stage=Stage.RUNNING,
    supervisor=ProcessIdentity(10, 1.0),
    processes=PROCESSES,
    capacity=Capacity(4.85, 2_900_000, "2026-11-22T16:01:00.000Z", 1.2, ok=True),
    notes=("a note",),
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_state_survives_the_file(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for written in (RUNNING, replace(RUNNING, capacity=None)):
        state.write(layout, written)
        assert state.read(layout) == written


def test_the_file_has_the_keys_that_the_watcher_reads(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    state.write(layout, RUNNING)
    body = json.loads(layout.state.read_text(encoding="utf-8"))
    assert body["processes"][0] == {
        "name": "redis",
        "pid": 11,
        "startTime": 1.5,
        "ports": [18379],
        "limits": {"cpus": 1.0, "memoryBytes": 268_435_456},
    }
    assert body["capacity"]["queriesPerSecond"] == 4.85


def test_no_file_is_no_stack(tmp_path: Path) -> None:
    assert state.read(Layout(tmp_path)) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"profile": "published"}'])
def test_a_file_that_is_no_state_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text, encoding="utf-8")
    with pytest.raises(StackError, match=r"stack\.json: not understood"):
        state.read(Layout(tmp_path))


def test_a_launch_survives_the_file(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    written = Launch(StackConfig(run_dir=tmp_path, seats=75), 4711, ("python", "service.py"), measure=False)
    launch.write(layout, written)
    assert launch.read(layout) == written


def test_a_missing_launch_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"launch\.json: not understood"):
        launch.read(Layout(tmp_path))


def test_a_password_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "showcall.password"
    password = password_in(path)
    assert len(password) >= 24
    assert password_in(path) == password
    assert mode_of(path) == 0o600


def test_a_password_file_that_others_may_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "showcall.password"
    path.write_text("open\n", encoding="utf-8")
    path.chmod(0o644)
    assert password_in(path) == "open"
    assert mode_of(path) == 0o600


def test_a_file_is_replaced_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    write_atomically(path, "one")
    write_atomically(path, "two")
    assert [entry.name for entry in tmp_path.iterdir()] == ["stack.json"]
    assert path.read_text(encoding="utf-8") == "two"


@pytest.mark.parametrize(
    ("found", "supervisor_alive", "gone", "condition", "words"),
    [
        (None, False, (), Condition.DOWN, "no stack"),
        (RUNNING, True, (), Condition.RUNNING, "every process"),
        (RUNNING, True, ("redis",), Condition.HALF_STARTED, "redis ended"),
        (replace(RUNNING, stage=Stage.STARTING), True, (), Condition.HALF_STARTED, "still starting"),
        (replace(RUNNING, stage=Stage.STOPPING), True, (), Condition.HALF_STARTED, "still stopping"),
        (RUNNING, False, ("redis",), Condition.HALF_STARTED, "database, concert still runs"),
        (RUNNING, False, ("redis", "database", "concert"), Condition.STALE, "pid 10, is gone"),
    ],
)
def test_the_condition_follows_from_what_is_recorded_and_what_is_gone(
    found: StackState | None, supervisor_alive: bool, gone: tuple[str, ...], condition: Condition, words: str
) -> None:
    verdict = judge(found, supervisor_alive, gone)
    assert verdict.condition is condition
    assert words in verdict.reason


def test_the_last_lines_of_a_log_are_read(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "redis.log"
    log.parent.mkdir()
    log.write_text("one\ntwo\nthree\n", encoding="utf-8")
    assert list(logs(tmp_path, "redis", 2)) == ["two", "three"]
    assert last_lines(log, 0) == []
    assert last_lines(tmp_path / "none.log", 5) == []


def test_following_a_log_gives_its_whole_new_lines_through_a_new_start(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.logs.mkdir()
    log = layout.log("redis")
    log.write_text("one\n", encoding="utf-8")
    lines = logs(tmp_path, "redis", 1, follow=True)
    assert next(lines) == "one"
    with log.open("a", encoding="utf-8") as file:
        file.write("two\nthr")
    assert next(lines) == "two"
    with log.open("a", encoding="utf-8") as file:
        file.write("ee\n")
    assert next(lines) == "three"
    set_aside(layout)
    log.write_text("new\n", encoding="utf-8")
    assert next(lines) == "new"


@pytest.mark.parametrize(("name", "words"), [("nobody", "one of concert"), ("redis", "no such file")])
def test_a_log_that_is_not_there_is_said(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(StackError, match=words):
        logs(tmp_path, name)
