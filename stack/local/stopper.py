"""``showcall stack down``."""

import shutil
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from stack.local import state
from stack.local.child import wait_until_gone
from stack.local.cluster import remembered
from stack.local.inspection import Condition, examine
from stack.local.layout import Layout
from stack.local.process_identity import ProcessIdentity, is_alive, kill, tree
from stack.local.progress import Progress, Step

# Longer than the deadlines of all processes together.
STOP_SECONDS = 40.0
_LEFTOVER_SECONDS = 5.0


def down(run_dir: Path, progress: Progress, *, purge: bool = False) -> None:
    """Stop the stack of a run folder; nothing to stop is fine.

    Args:
        run_dir: the run folder.
        progress: told each step.
        purge: remove the data and the passwords too, so that the next start makes them anew.

    Raises:
        StackError: the record of the stack cannot be understood.
    """
    layout = Layout(run_dir.resolve())
    found, verdict = examine(layout)
    if found is not None and verdict.condition is not Condition.STALE:
        progress(Step("stack", "stopping service, Valkey and PostgreSQL"))
        end_supervisor(found.supervisor)
    elif found is not None:
        progress(Step("stack", f"clearing away an earlier run: {verdict.reason}"))
    clear(layout)
    progress(Step("stack", "is down"))
    if purge:
        _purge(layout)
        progress(Step("stack", "data and passwords are removed"))


def end_supervisor(identity: ProcessIdentity) -> None:
    """Let the supervisor stop its processes; kill it with all of them when that takes too long."""
    if is_alive(identity):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(identity.pid).send_signal(signal.SIGTERM)
    if not wait_until_gone(identity, STOP_SECONDS):
        kill(tree(identity))
        wait_until_gone(identity, _LEFTOVER_SECONDS)


def clear(layout: Layout) -> None:
    """End every recorded process that is left without its supervisor, and forget the record.

    Only a process whose start time matches is touched: another may have the pid by now.
    """
    found = state.read(layout)
    if found is None:
        return
    for record in found.processes:
        left = tree(record.identity)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        if left and not wait_until_gone(record.identity, _LEFTOVER_SECONDS):
            kill(left)
    layout.state.unlink(missing_ok=True)


def _purge(layout: Layout) -> None:
    elsewhere = remembered(layout)
    if elsewhere is not None:
        shutil.rmtree(elsewhere, ignore_errors=True)
    shutil.rmtree(layout.postgres, ignore_errors=True)
    shutil.rmtree(layout.valkey, ignore_errors=True)
    for path in (layout.service_config, layout.launch):
        path.unlink(missing_ok=True)
