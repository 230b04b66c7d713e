"""``showcall metrics …`` at a given time, in this process or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from typer.testing import CliRunner

import showcall
from metrics_commands import MetricsFilesError
from tests.metrics.disk_store import BEGIN

ROOT = Path(__file__).parents[2]
NOW = BEGIN + 2 * 86_400.0
FOLDER = "metrics"


def invoke(data_dir: Path, *arguments: str, now: float = NOW, stdin: str | None = None) -> Any:
    """The command's result; what it says to people is in ``stderr`` also where it raised."""
    options = ("--config", str(ROOT / "config.yaml"), "--data-dir", str(data_dir))
    try:
        return CliRunner().invoke(
            showcall.app, ["metrics", *arguments, *options], obj=lambda: now, input=stdin
        )
    finally:
        structlog.reset_defaults()


def refused(data_dir: Path, *arguments: str, now: float = NOW) -> str:
    """Why the command is not carried out."""
    found = invoke(data_dir, *arguments, now=now)
    assert found.exit_code != 0
    return str(found.exception) if isinstance(found.exception, MetricsFilesError) else str(found.stderr)


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def in_a_process(
    data_dir: Path, *arguments: str, limit: Callable[[], None] | None = None, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """The command as a person would run it, at the time that it is."""
    command = [sys.executable, "-m", "showcall", "metrics", *arguments, "--data-dir", str(data_dir)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input=stdin,
        capture_output=True,
        check=False,
        preexec_fn=limit,
    )


def page(folder: Path, *lines: str) -> str:
    """A file of these lines."""
    path = folder / "page.om"
    path.write_text("".join(f"{line}\n" for line in (*lines, "# EOF")), encoding="utf-8")
    return str(path)


def at(seconds: float) -> str:
    """A timestamp so long after the begin of the stores."""
    return f"{BEGIN + seconds:.3f}"
