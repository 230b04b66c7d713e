"""Who may import whom, and what a decision may not touch. Both are read from the source, nothing is run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ROOMS = {
    "web", "reports", "runbooks", "alerts", "metrics", "collector", "dashboards", "database", "settings",
    "stack",
}  # fmt: skip

MAY_IMPORT: dict[str, set[str]] = {
    "showcall": {"allocator", "assembly", "commands_on_demand", "configuration", "dashboards", "housekeeping",
                 "own_log", "postgresql", "settings", "upkeep", "web"},
    "commands_on_demand": {"drill_commands", "metrics_commands", "stack_commands"},
    "launch": {"showcall"},
    "stack_commands": {"configuration", "settings", "stack"},
    "metrics_commands": {"assembly", "configuration", "database", "metrics", "openmetrics_files", "own_log",
                         "settings"},
    "openmetrics_files": {"collector", "metrics"},
    "drill_commands": {"assembly", "comparison", "configuration", "demonstration", "rehearsal", "settings",
                       "stack"},
    "comparison": {"comparison_figures", "comparison_report", "database", "rehearsal", "reports", "settings",
                   "stack"},
    "comparison_report": {"comparison_charts", "reports", "stack"},
    "comparison_charts": {"reports", "stack"},
    "comparison_figures": {"stack"},
    "demonstration": {"rehearsal", "settings", "stack"},
    "rehearsal": {"database", "demonstration_view", "settings", "stack", "web"},
    "demonstration_view": {"alerts", "database", "stack"},
    "configuration": {"alerts", "postgresql", "runbooks", "settings"},
    "assembly": {*ROOMS, "allocator", "configuration", "evidence_captures", "leader_lock", "outgoing",
                 "own_loops", "own_metrics", "postgresql", "remote_metrics", "upkeep"},
    "evidence_captures": {"alerts", "collector", "database", "evidence_tables", "metrics", "runbooks",
                          "settings"},
    "evidence_tables": {"alerts", "collector"},
    "upkeep": {"alerts", "collector", "dashboards", "database", "housekeeping", "own_loops", "runbooks",
               "settings", "web"},
    "housekeeping": {"alerts", "runbooks", "reports", "database", "settings", "own_loops"},
    "outgoing": {"alerts", "database", "own_loops", "settings"},
    "remote_metrics": {"metrics", "settings", "web"},
    "own_metrics": {"alerts", "collector", "metrics", "own_loops"},
    "own_log": {"own_loops"},
    "own_loops": set(),
    "allocator": set(),
    "web": {"reports", "runbooks", "alerts", "metrics", "collector", "database", "settings"},
    "reports": {"runbooks", "alerts", "metrics"},
    "runbooks": {"alerts", "metrics", "database", "settings"},
    "alerts": {"metrics", "database", "settings"},
    "collector": {"metrics", "settings"},
    "dashboards": {"alerts", "database", "settings"},
    "metrics": set(),
    "database": {"postgresql"},
    "leader_lock": {"database", "postgresql"},
    "postgresql": set(),
    "settings": set(),
    "stack": set(),
    "migrations": {"database", "alerts", "runbooks", "web"},
}  # fmt: skip

PURE = (
    "alerts/alert_state.py",
    "alerts/incident.py",
    "alerts/evidence.py",
    "alerts/evidence_choice.py",
    "alerts/evidence_due.py",
    "alerts/evidence_rows.py",
    "alerts/message.py",
    "alerts/notification.py",
    "alerts/thread_message.py",
    "alerts/why.py",
    "alerts/why_not.py",
    "alerts/clause.py",
    "alerts/unit.py",
    "alerts/grouping.py",
    "runbooks/guards.py",
    "runbooks/plan.py",
    "runbooks/admission_control.py",
    "runbooks/admission_law.py",
    "runbooks/admission_release.py",
    "runbooks/hold_and_release.py",
    "runbooks/laws.py",
    "runbooks/decision.py",
    "runbooks/limits.py",
    "runbooks/ownership.py",
    "runbooks/ramp.py",
    "runbooks/verification.py",
    "runbooks/matching.py",
    "runbooks/runbook_look.py",
    "runbooks/why_not.py",
    "metrics/promql/*.py",
    "reports/document.py",
    "reports/svg_chart.py",
    "stack/drills/comparison.py",
    "stack/drills/comparison_verdict.py",
    "stack/drills/fates.py",
    "stack/drills/over_time.py",
    "stack/drills/served_rate.py",
    "dashboards/annotation.py",
    "dashboards/difference.py",
    "dashboards/grafana_json.py",
    "dashboards/overview.py",
    "dashboards/plan.py",
    "housekeeping/decision.py",
    "housekeeping/schedule.py",
    "reports/digest.py",
)

IMPURE_MODULES = {
    "asyncio", "http", "os", "pathlib", "psutil", "random", "requests", "socket", "sqlalchemy", "sqlite3",
    "subprocess", "threading", "time", "urllib",
}  # fmt: skip

BAD_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def rooms() -> Iterator[tuple[str, Path]]:
    for room in MAY_IMPORT:
        for path in [ROOT / f"{room}.py", *sorted((ROOT / room).rglob("*.py"))]:
            if path.exists():
                yield room, path


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every absolute import in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.lineno, node.module.split(".")[0]


def test_every_room_imports_only_what_the_house_allows() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {room} must not import {name}"
        for room, path in rooms()
        for line, name in imported(path)
        if name in MAY_IMPORT and name != room and name not in MAY_IMPORT[room]
    ]
    assert wrong == []


def pure_files() -> list[Path]:
    return sorted({path for pattern in PURE for path in ROOT.glob(pattern)})


def test_the_list_of_pure_files_names_files_that_exist() -> None:
    assert [pattern for pattern in PURE if not list(ROOT.glob(pattern))] == []


@pytest.mark.parametrize("path", pure_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_decision_reads_no_clock_and_does_no_io(path: Path) -> None:
    wrong = [f"{path.name}:{line}: {name}" for line, name in imported(path) if name in IMPURE_MODULES]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    wrong += [
        f"{path.name}:{call.lineno}: {ast.unparse(call.func)}()"
        for call in calls
        if ast.unparse(call.func)
        in {"open", "print", "input", "datetime.now", "datetime.utcnow", "date.today"}
    ]
    assert wrong == []


def test_no_file_is_called_by_what_it_is_not() -> None:
    assert [str(path) for _, path in rooms() if path.stem in BAD_NAMES] == []


def test_the_clock_is_read_only_where_loops_run() -> None:
    readers = {"showcall.py", "assembly.py"}
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for room, path in rooms()
        if path.name not in readers and room != "stack"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"time.time", "datetime.utcnow", "datetime.now"}
    ]
    assert wrong == []
