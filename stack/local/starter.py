"""``showcall stack up``."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, replace

from stack.config import StackConfig
from stack.local import launch, state
from stack.local.bring_up import project_root
from stack.local.child import environment
from stack.local.errors import Fault, StackError, refuse_if_any
from stack.local.inspection import Condition, examine
from stack.local.launch import AnnouncementKind, Launch, heard
from stack.local.layout import Layout
from stack.local.log_files import last_lines, set_aside
from stack.local.ports import require_free_ports
from stack.local.process_identity import ProcessIdentity, identify
from stack.local.progress import Progress, Step
from stack.local.state import StackState
from stack.local.stopper import STOP_SECONDS, clear, end_supervisor

SERVICE_COMMAND = (sys.executable, "-m", "stack.service")


def up(
    config: StackConfig,
    progress: Progress,
    supervised_by: int | None = None,
    *,
    service_command: Sequence[str] = SERVICE_COMMAND,
    measure: bool = True,
) -> StackState:
    """Start the stack and return when it serves; a stack that runs already is left as it is.

    Args:
        config: what to start; a relative ``run_dir`` is below the working folder.
        progress: told each step.
        supervised_by: pid of a process with which the stack shall end, however that ends; None for a stack
            that stays until ``down``.
        service_command: what starts the concert service.
        measure: whether to measure the capacity and size the data by it.

    Raises:
        StackError: a port is taken, something is half-started, or a part failed (then all is stopped again).
    """
    config = replace(config, run_dir=config.run_dir.resolve())
    layout = Layout(config.run_dir)
    running = _running(layout, config, progress)
    if running is not None:
        return running
    require_free_ports(config)
    set_aside(layout)
    launch.write(layout, Launch(config, supervised_by, tuple(service_command), measure))
    _start(layout, progress)
    return _started(layout)


def _running(layout: Layout, config: StackConfig, progress: Progress) -> StackState | None:
    found, verdict = examine(layout)
    if verdict.condition is Condition.HALF_STARTED:
        advice = "Stop what is left with `showcall stack down`, then start again."
        raise StackError(Fault("stack", f"half-started: {verdict.reason}", "all of it or nothing", advice))
    if verdict.condition is Condition.STALE:
        progress(Step("stack", f"clearing away an earlier run: {verdict.reason}"))
        clear(layout)
    if found is None or verdict.condition is not Condition.RUNNING:
        return None
    refuse_if_any(_differences(launch.read(layout).config, config))
    progress(Step("stack", f"runs already, since {found.started_at}, supervisor pid {found.supervisor.pid}"))
    return found


def _differences(running: StackConfig, wanted: StackConfig) -> list[Fault]:
    advice = "Stop the running stack with `showcall stack down` first."
    return [
        Fault(f"stack.{field.name}", f"runs with {before}", f"{after}", advice)
        for field in fields(StackConfig)
        if (before := getattr(running, field.name)) != (after := getattr(wanted, field.name))
    ]


def _start(layout: Layout, progress: Progress) -> None:
    with layout.log("supervisor").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack.local.supervisor", str(layout.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=project_root(),
            env=environment(),
            text=True,
            # Ctrl-C in our terminal is for us to handle: the supervisor stops things in their order.
            start_new_session=True,
        )
    try:
        _listen(layout, process, progress)
    except BaseException:
        _abandon(layout, process)
        raise
    if process.stdout:
        process.stdout.close()
    # It is on its own from here; without this, Popen would complain about a child that still runs.
    process.returncode = 0


def _listen(layout: Layout, process: subprocess.Popen[str], progress: Progress) -> None:
    for line in process.stdout or ():
        announcement = heard(line)
        if announcement.kind is AnnouncementKind.RUNNING:
            return
        if announcement.kind is AnnouncementKind.FAILED:
            # It is stopping what it had started; a signal now would only disturb that.
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
            raise StackError(announcement.text)
        progress(Step(announcement.part, announcement.text))
    tail = "\n".join(f"    {line}" for line in last_lines(layout.log("supervisor"), 8))
    found = f"ended with exit code {process.wait()} while starting"
    raise StackError(Fault("supervisor", found, "a running stack", f"The end of its log:\n{tail}"))


def _abandon(layout: Layout, process: subprocess.Popen[str]) -> None:
    """Nothing of a start that failed or was interrupted stays behind."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    identity = identify(process.pid) or ProcessIdentity(process.pid, 0.0)
    end_supervisor(identity)
    if process.stdout:
        process.stdout.close()
    process.wait()
    clear(layout)


def _started(layout: Layout) -> StackState:
    found = state.read(layout)
    if found is None:
        advice = f"Its log: {layout.log('supervisor')}"
        raise StackError(Fault("stack", f"is gone again (we are pid {os.getpid()})", "a running one", advice))
    return found
