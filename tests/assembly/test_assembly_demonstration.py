"""What the demo refuses, keeps and shows; the story itself is played elsewhere."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy.exc import OperationalError

import demonstration
import rehearsal
from alerts import timeline_store
from demonstration import DemoPlan, figures_command
from rehearsal import KEPT, RehearsalError, Site, private_log, remove_old
from settings import load
from settings.schema import RunbookMode
from stack.drills.plan import DrillPlan
from stack.local.inspection import Condition, Verdict

CONFIG = Path(__file__).resolve().parents[2] / "config.yaml"


def plan_in(folder: Path, port: int) -> DemoPlan:
    settings = load(CONFIG)
    settings = settings.model_copy(
        update={
            "data_dir": folder / "var",
            "web": settings.web.model_copy(update={"host": "127.0.0.1", "port": port}),
            "stack": settings.stack.model_copy(update={"run_dir": folder / "run"}),
        }
    )
    return DemoPlan(Site(settings, CONFIG, clock=lambda: 1_795_363_200.0), stay=False)


def quiet() -> Console:
    return Console(file=StringIO())


@contextmanager
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with listener() as port:
        return port


def test_a_port_that_somebody_listens_on_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with listener() as port, pytest.raises(RehearsalError) as refused:
        demonstration.run(plan_in(tmp_path, port), quiet())
    text = str(refused.value)
    assert text.startswith(f"web.port: port {port} of 127.0.0.1 is taken by ")
    assert "choose another web.port in config.yaml" in text
    assert list(tmp_path.iterdir()) == []


def test_a_port_taken_while_the_stack_was_measured_is_refused_too(tmp_path: Path) -> None:
    with listener() as port:
        plan = plan_in(tmp_path, port)
        showcall = rehearsal.showcall_up(plan.site, tmp_path / "demo", None, quiet())
        with pytest.raises(RehearsalError, match=r"^web\.port: "), showcall:
            pass


def test_a_stack_that_runs_already_is_refused_and_left_alone(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Verdict(Condition.RUNNING, "everything runs")
    monkeypatch.setattr(rehearsal, "examine", lambda _: (None, running))
    stopped: list[Path] = []
    monkeypatch.setattr("stack.local.down", lambda run_dir, _: stopped.append(run_dir))
    with pytest.raises(RehearsalError) as refused:
        demonstration.run(plan_in(tmp_path, free_port), quiet())
    assert str(refused.value) == (
        f"a stack runs already (run_dir {tmp_path / 'run'}): stop it with `showcall stack down`"
    )
    assert stopped == []


def test_a_database_that_cannot_be_used_is_told_without_what_was_to_be_stored(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(plan: DemoPlan, data_dir: Path, console: Console) -> int:
        raise OperationalError("INSERT INTO codes", {"code": "a-secret"}, Exception("no such table: codes"))

    monkeypatch.setattr(demonstration, "tell_the_story", broken)
    with pytest.raises(RehearsalError) as refused:
        demonstration.run(plan_in(tmp_path, free_port), quiet())
    text = str(refused.value)
    assert "showcall.db: the database cannot be used: no such table: codes" in text
    assert "a-secret" not in text


def test_the_log_and_its_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    log = private_log(tmp_path / "demo" / "20261122T160000Z")
    assert oct(log.stat().st_mode & 0o777) == "0o600"
    assert oct(log.parent.stat().st_mode & 0o777) == "0o700"


def test_only_the_newest_demos_are_kept_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    names = [f"2026112{day}T160000Z" for day in range(8)]
    for name in (*names, "notes", "20261120T160000Z-mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "drill.json").touch()
    remove_old(tmp_path)
    kept = {each.name for each in tmp_path.iterdir()}
    assert kept == {*names[-KEPT:], "notes", "20261120T160000Z-mine"}
    remove_old(tmp_path / "not there yet")


def test_the_command_for_the_figures_names_the_drill_that_was_kept() -> None:
    assert figures_command(Path("var/demo/20261122T160000Z")) == (
        ".venv/bin/python benchmarks/first_light.py var/demo/20261122T160000Z/drill.json"
    )


def test_a_drill_in_observe_mode_is_the_long_one_of_a_stack_left_alone(
    tmp_path: Path, free_port: int
) -> None:
    site = plan_in(tmp_path, free_port).site
    observed = DemoPlan(site, stay=False, mode=RunbookMode.OBSERVE).played
    assert (observed.surge_seconds, observed.watch_after) == (120.0, 40.0)
    asked = DemoPlan(site, stay=False, mode=RunbookMode.ASK).played
    assert (asked.wanted.act_within, asked.surge_seconds) == (60.0, DrillPlan().surge_seconds)
    assert DemoPlan(site, stay=False, mode=RunbookMode.AUTO).played == DrillPlan()
    assert DemoPlan(site, stay=False).played == DrillPlan()


def test_a_showcall_is_started_in_the_mode_that_the_drill_wants_and_says_so(
    tmp_path: Path, free_port: int
) -> None:
    for room in ("alerts", "runbooks"):
        (tmp_path / room).symlink_to(CONFIG.parent / room)
    (tmp_path / "config.yaml").write_text(re.sub(r"port: 18300", f"port: {free_port}", CONFIG.read_text()))
    config = tmp_path / "config.yaml"
    site = Site(load(config), config, lambda: 1_795_363_200.0)
    said = StringIO()
    console = Console(file=said, width=200)
    with rehearsal.showcall_up(site, tmp_path / "run", RunbookMode.OBSERVE, console) as database:
        assert "Showcall, observe mode" in said.getvalue()
        code = re.search(r"#code=(\S+)", said.getvalue())
        assert code is not None
        with database.reading() as connection:
            assert timeline_store.since(connection, 0) is not None
    assert "Runbooks observe mode" in (tmp_path / "run" / "showcall.log").read_text()
