"""Starting a process that cannot outlive us, and ending one that does not want to."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack.local.account import Account
from stack.local.process_identity import ProcessIdentity, identify, is_alive, kill, reap, tree

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start a process.

    Attributes:
        argv: program and arguments.
        log: its standard output and error go to the end of this file.
        cwd: working folder.
        environment: the whole environment.
        cpus: CPUs it may use; None for no pinning.
        nice: added to its nice value.
        account: account to change to; None for ours.
        death_signal: what the kernel sends it when we die, however we die (Linux).
        piped: standard output goes to a pipe instead of the log.
    """

    argv: Sequence[str]
    log: Path
    cwd: Path
    environment: Mapping[str, str]
    cpus: frozenset[int] | None = None
    nice: int = 0
    account: Account | None = None
    death_signal: signal.Signals = signal.SIGKILL
    piped: bool = False


def spawn(spec: ChildSpec) -> subprocess.Popen[bytes]:
    """Start the process.

    Call it from a process with one thread that lives as long as the child shall: the kernel sends the death
    signal when the *thread* that started the child ends.

    Raises:
        OSError: the program cannot be started, or the account not be changed to.
    """
    spec.log.parent.mkdir(parents=True, exist_ok=True)
    account = spec.account
    with spec.log.open("ab") as log:
        return subprocess.Popen(
            spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if spec.piped else log,
            stderr=log,
            cwd=spec.cwd,
            env=dict(spec.environment),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            # The starter has one thread, so code between fork and exec is safe; it runs after the change of
            # account, which would clear the death signal.
            preexec_fn=_prepare(spec),  # noqa: PLW1509
        )


def _prepare(spec: ChildSpec) -> Callable[[], None]:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def prepare() -> None:
        if spec.cpus is not None:
            os.sched_setaffinity(0, spec.cpus)
        if spec.nice:
            os.nice(spec.nice)
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, int(spec.death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before the signal was armed
            os._exit(1)

    return prepare


def environment(**changes: str) -> dict[str, str]:
    """Ours without what would steer the servers behind our back, such as ``PGPORT``."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | changes


def end(process: subprocess.Popen[bytes], signals: Sequence[tuple[signal.Signals, float]]) -> str:
    """Send each signal in turn and wait its seconds; after the last, SIGKILL to the whole process tree.

    Returns how it ended, in words.
    """
    for number, patience in signals:
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return f"ended by {number.name}, exit code {process.wait(timeout=patience)}"
    kill(_tree_of(process))
    process.wait()
    return "did not end in time and was killed"


def _tree_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    identity = identify(process.pid)
    return tree(identity) if identity else []


def wait_until_gone(identity: ProcessIdentity, seconds: float) -> bool:
    """Wait for a process that may not be our child; False when it is still there after that time."""
    deadline = time.monotonic() + seconds
    while is_alive(identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    reap(identity.pid)
    return True
