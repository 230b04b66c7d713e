"""What the command line makes of ``drill`` and ``report``; nothing is started."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import comparison
import configuration
import demonstration
import drill_commands
import rehearsal
import showcall
from comparison import ComparisonPlan
from demonstration import DemoPlan
from reports import shelf
from settings.schema import RunbookMode
from stack.drills import comparison_file
from stack.drills.plan import DrillPlan
from stack.drills.result import DrillResult
from tests.root.test_comparison_report import MADE
from tests.stack.comparison_story import acting, good_comparison, left_alone

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "config.yaml")
NOW = 1_795_363_200.0


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(showcall.app, arguments, obj=lambda: NOW)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[DemoPlan | ComparisonPlan]:
    """What would have been played; signals stay as they are."""
    seen: list[DemoPlan | ComparisonPlan] = []

    def play(plan: DemoPlan | ComparisonPlan, console: Console) -> int:
        seen.append(plan)
        return 0

    monkeypatch.setattr("assembly.end_on_sigterm", lambda: None)
    monkeypatch.setattr(demonstration, "run", play)
    monkeypatch.setattr(comparison, "run", play)
    return seen


def test_a_drill_is_played_once_in_the_mode_that_was_asked_for(played: list[DemoPlan]) -> None:
    assert invoke("drill", "pool_exhaustion", "--mode", "observe", "--config", CONFIG).exit_code == 0
    (plan,) = played
    assert isinstance(plan, DemoPlan)
    assert (plan.mode, plan.kind, plan.stay) == (RunbookMode.OBSERVE, "drill", False)
    assert plan.site.clock() == NOW


def test_a_comparison_is_played_with_its_command_line_noted(played: list[ComparisonPlan]) -> None:
    assert invoke("drill", "pool_exhaustion", "--compare", "--stay", "--config", CONFIG).exit_code == 0
    (plan,) = played
    assert isinstance(plan, ComparisonPlan)
    assert plan.stay
    assert plan.command.startswith("showcall")


def test_a_comparison_has_both_modes_and_takes_none(played: list[ComparisonPlan]) -> None:
    answer = invoke("drill", "pool_exhaustion", "--compare", "--mode", "auto", "--config", CONFIG)
    assert answer.exit_code == 2
    assert "--compare plays both modes" in answer.output
    assert played == []


def test_a_drill_that_does_not_exist_is_refused_with_those_that_do(played: list[DemoPlan]) -> None:
    answer = invoke("drill", "meteor")
    assert answer.exit_code == 2
    assert "pool_exhaustion" in answer.output


def test_the_demo_is_the_same_drill_in_the_configured_mode(played: list[DemoPlan]) -> None:
    assert invoke("demo", "--exit", "--config", CONFIG).exit_code == 0
    assert (played[0].kind, played[0].mode, played[0].played) == ("demo", None, DrillPlan())


def test_ctrl_c_ends_a_drill_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(plan: DemoPlan, console: Console) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("assembly.end_on_sigterm", lambda: None)
    monkeypatch.setattr(demonstration, "run", interrupted)
    answer = invoke("drill", "pool_exhaustion", "--config", CONFIG)
    assert answer.exit_code == drill_commands.EXIT_INTERRUPTED
    assert "Nothing is left running." in answer.output


def test_a_report_is_made_again_from_its_raw_runs(tmp_path: Path) -> None:
    name = shelf.name_of(MADE.at, "pool_exhaustion-comparison")
    comparison_file.save(good_comparison(), MADE, tmp_path / f"{name}.drills.json")
    answer = invoke("report", str(tmp_path / f"{name}.drills.json"))
    assert answer.exit_code == 0
    assert (tmp_path / f"{name}.html").is_file()


@pytest.mark.parametrize(
    ("name", "says"),
    [("none.drills.json", "cannot be read"), ("odd.drills.json", "'odd' is no name for a report")],
)
def test_a_file_that_makes_no_report_is_told_without_a_stack_trace(
    tmp_path: Path, name: str, says: str
) -> None:
    if name.startswith("odd"):
        comparison_file.save(good_comparison(), MADE, tmp_path / name)
    answer = invoke("report", str(tmp_path / name))
    assert isinstance(answer.exception, rehearsal.RehearsalError)
    assert says in str(answer.exception)


class Stage:
    """Stands in for the stack and the two Showcalls; notes what was started in which order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.story: list[str] = []
        monkeypatch.setattr(rehearsal, "refuse_what_is_not_ours", lambda site: None)
        monkeypatch.setattr(rehearsal, "stack_up", lambda config, console: self.noted("stack"))
        monkeypatch.setattr(rehearsal, "showcall_up", self.showcall_up)
        monkeypatch.setattr(rehearsal, "play", self.play)
        monkeypatch.setattr(comparison, "running_stack", lambda config: None)
        monkeypatch.setattr(comparison, "wait_for_rest", self.wait_for_rest)
        monkeypatch.setattr(comparison, "step_aside", lambda: None)

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        self.story.append(f"{name} up")
        yield
        self.story.append(f"{name} down")

    def showcall_up(self, site: object, folder: Path, mode: RunbookMode, console: Console) -> Any:
        assert not folder.exists(), "each run has a data directory of its own, new"
        return self.noted(f"showcall {mode.value} in {folder.name}")

    def play(self, site: object, plan: DrillPlan, database: object, console: Console) -> DrillResult:
        self.story.append(f"drill of {plan.surge_seconds:g} s, watched {plan.watch_after}")
        return acting() if plan.watch_after is None else left_alone()

    def wait_for_rest(self, stack: object, plan: DrillPlan, within: float, clock: object) -> float:
        self.story.append("rest")
        return 31.0


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], str, ComparisonPlan, int]:
    stage = Stage(monkeypatch)
    site = configuration.load(Path(CONFIG), tmp_path / "var").settings
    plan = ComparisonPlan(
        rehearsal.Site(site, Path(CONFIG), lambda: NOW),
        stay=False,
        command="showcall drill pool_exhaustion --compare",
    )
    console = Console(width=200, record=True, quiet=False, file=(tmp_path / "out").open("w"))
    code = comparison.run(plan, console)
    return stage.story, console.export_text(), plan, code


def test_both_runs_are_played_on_one_stack_that_rests_between_them(
    compared: tuple[list[str], str, ComparisonPlan, int],
) -> None:
    story, _, _, code = compared
    assert code == 0
    assert story == [
        "stack up",
        "showcall observe in left_alone up",
        "drill of 120 s, watched 40.0",
        "showcall observe in left_alone down",
        "rest",
        "showcall auto in acting up",
        "drill of 120 s, watched None",
        "showcall auto in acting down",
        "stack down",
    ]


def test_raw_runs_and_reports_are_kept_where_the_console_and_people_find_them(
    compared: tuple[list[str], str, ComparisonPlan, int],
) -> None:
    _, printed, plan, _ = compared
    folder = plan.site.settings.data_dir
    name = "20261122T160000Z-pool_exhaustion-comparison"
    assert [entry.name for entry in shelf.entries(folder / "reports")] == [name]
    run_folder = folder / "drill" / "20261122T160000Z"
    for run in ("left_alone", "acting"):
        assert (run_folder / run / "drill.json").is_file()
        assert [entry.name for entry in shelf.entries(run_folder / run / "reports")] == [name]
    assert comparison_file.load(folder / "reports" / f"{name}.drills.json")[1].version
    assert f"{name}.html" in printed
    assert "showcall report" in printed


def test_the_terminal_shows_both_runs_side_by_side_and_the_conclusion(
    compared: tuple[list[str], str, ComparisonPlan, int],
) -> None:
    _, printed, _, _ = compared
    assert "users who arrived in the surge" in printed
    assert "Left alone, 65 requests got no database connection in time; acting, none." in printed
