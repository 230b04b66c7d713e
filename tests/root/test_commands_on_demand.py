"""Which modules a command loads, and what the command line says of those that it did not."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LISTED = "import sys, showcall; print(*sys.modules)"


def said(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_who_watches_loads_no_drill_and_no_stack() -> None:
    loaded = said("-c", LISTED).stdout.split()
    assert "assembly" in loaded
    assert {"drill_commands", "metrics_commands", "rehearsal", "stack", "stack_commands"}.isdisjoint(loaded)


def test_the_help_lists_all_commands() -> None:
    text = said("-m", "launch", "--help").stdout
    for name in ("run", "demo", "drill", "report", "stack", "dashboards", "metrics"):
        assert f" {name} " in text


def test_a_name_that_is_nearly_one_is_answered_with_the_one() -> None:
    answer = said("-m", "launch", "stak")
    assert answer.returncode == 2
    assert "Did you mean 'stack'?" in answer.stderr


def test_what_a_command_cannot_do_is_one_line(tmp_path: Path) -> None:
    answer = said("-m", "launch", "report", str(tmp_path / "no.drills.json"))
    assert answer.returncode == 1
    assert "no.drills.json" in answer.stderr
    assert "Traceback" not in answer.stderr
