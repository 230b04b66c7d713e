"""The catalog: what we ship is right, and what is wrong is said with its line, all at once."""

from pathlib import Path

import pytest

from runbooks import catalog_files
from runbooks.catalog_files import Catalog
from runbooks.runbook import ControlDo, SetDo
from settings import ConfigError, load
from settings.schema import LeverSettings, RunbookMode

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "runbooks" / "catalog"


def levers() -> tuple[LeverSettings, ...]:
    return load(ROOT / "config.yaml").levers


def shipped() -> Catalog:
    return catalog_files.load(SHIPPED, levers())


def test_throttle_queue_acts_by_itself_on_an_exhausted_pool() -> None:
    runbook = shipped().get("throttle_queue")
    assert runbook is not None
    assert runbook.mode is RunbookMode.AUTO
    assert [matcher.value for matchers in runbook.when for matcher in matchers] == [
        "PoolExhausted",
        "PoolBacklog",
    ]
    assert runbook.levers == ("active_users_cap", "admission_rate")
    assert isinstance(runbook.do, ControlDo)
    assert (runbook.do.law.cut, runbook.do.law.floor, runbook.do.law.objective) == (8, 7, 2.5)


def test_trip_breaker_asks() -> None:
    runbook = shipped().get("trip_breaker")
    assert runbook is not None
    assert runbook.mode is RunbookMode.ASK
    assert runbook.do == SetDo("FORCED_OPEN")


def broken(folder: Path, *changes: tuple[str, str], name: str = "throttle_queue") -> list[str]:
    """The problems of a shipped runbook with some of its text replaced."""
    text = (SHIPPED / f"{name}.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.yaml"
    path.write_text(text)
    (folder / f"{name}.md").touch()
    with pytest.raises(ConfigError) as caught:
        catalog_files.load(folder, levers())
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "lever: active_users_cap",
            "lever: active_user_cap",
            "there is no lever 'active_user_cap' (did you mean",
        ),
        ("lever: active_users_cap", "lever: circuit_breaker", "has states; only a number can be controlled"),
        ("cut: 8", "cut: 5000", "do.control.cut: 5000 is out of bounds (want 7 to 1000)"),
        ("floor: 7", "floor: 9", "do.control.cut: 8 is below the floor of 9"),
        (
            "name: throttle_queue",
            "name: throttle",
            "'throttle' is not the file's name (want 'throttle_queue')",
        ),
        ("  - PoolBacklog", "  - PoolBacklog > 1", "is no matcher"),
        ("queue_active_cap > 0", "queue_active_cap > bool 0", "with bool it always does"),
        ("redis_up == 1", "probe_success == 1", "probe_success is what a client sees"),
        ("sum(queue_waiting)\n      pool", "sum(queue_waiting\n      pool", "do.control.signals.waiting"),
        ("direction: safe", "direction: other", "down is safe (want safe)"),
        ("[$window]", "[10s]", "has no $window"),
        ("cooldown: 30s", "cooldown: soon", "'soon' is not a duration"),
        ("per_hour: 12", "perhour: 12", "unknown key 'perhour' (did you mean 'per_hour'?)"),
    ],
)
def test_a_problem_names_the_file_the_line_and_what_is_wanted(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    problems = broken(tmp_path, (old, new))
    assert any(says in problem for problem in problems), problems
    assert all(problem.startswith("throttle_queue.yaml:") for problem in problems)
    assert all(problem.split(":")[1].isdigit() for problem in problems)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    problems = broken(tmp_path, ("cut: 8", "cut: 5000"), ("redis_up == 1", "redis_up ==="))
    assert len(problems) == 2


def test_a_state_that_the_lever_does_not_have_is_a_problem(tmp_path: Path) -> None:
    problems = broken(tmp_path, ("value: FORCED_OPEN", "value: OPEN"), name="trip_breaker")
    assert any("'OPEN' is no state of circuit_breaker" in problem for problem in problems)


def test_a_set_lever_needs_a_release_condition(tmp_path: Path) -> None:
    change = ("  when: sum(hikaricp_connections_pending) == 0\n", "")
    problems = broken(tmp_path, change, name="trip_breaker")
    assert any("'when' is missing" in problem for problem in problems)


def test_an_empty_catalog_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no runbook"):
        catalog_files.load(tmp_path, levers())


def test_a_runbook_without_its_page_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "throttle_queue.yaml").write_text((SHIPPED / "throttle_queue.yaml").read_text())
    with pytest.raises(ConfigError, match=r"throttle_queue\.md is not beside it"):
        catalog_files.load(tmp_path, levers())


def test_only_the_runbooks_that_are_named_are_read() -> None:
    breaker = [lever for lever in levers() if lever.name == "circuit_breaker"]
    catalog = catalog_files.load(SHIPPED, breaker, ["trip_breaker"])
    assert [runbook.name for runbook in catalog.runbooks] == ["trip_breaker"]


def test_a_runbook_that_is_named_and_not_there_is_said_with_the_nearest_name() -> None:
    with pytest.raises(
        ConfigError, match=r"no runbook 'trip_braker', which runbooks\.only wants .*'trip_breaker'"
    ):
        catalog_files.load(SHIPPED, levers(), ["trip_braker"])
