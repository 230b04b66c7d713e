"""What state the stack is in, and what its processes use."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from stack.local import state
from stack.local.layout import Layout
from stack.local.process_identity import ProcessIdentity, is_alive, tree
from stack.local.state import Capacity, StackState, Stage

_SAMPLE_SECONDS = 0.3
_SUPERVISOR = "supervisor"


class Condition(StrEnum):
    """What there is of a stack."""

    RUNNING = "running"
    HALF_STARTED = "half-started"
    STALE = "stale"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition, and why in words."""

    condition: Condition
    reason: str


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process and all below it.

    Attributes:
        name: ``concert``, ``redis``, ``database`` or ``supervisor``.
        pid: as recorded.
        alive: whether that very process still runs.
        up_since: ISO time; None when it is gone.
        ports: what it listens on.
        cpu_percent: 100 is one CPU; None when it is gone.
        memory_bytes: proportional where the system says so, else resident; None when it is gone.
    """

    name: str
    pid: int
    alive: bool
    up_since: str | None
    ports: tuple[int, ...]
    cpu_percent: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class StackStatus:
    """What ``showcall stack status`` shows."""

    condition: Condition
    reason: str
    profile: str | None
    processes: tuple[ProcessStatus, ...]
    capacity: Capacity | None
    notes: tuple[str, ...]


def judge(found: StackState | None, supervisor_alive: bool, gone: Sequence[str]) -> Verdict:
    """The condition, from what was recorded and which of the recorded processes are gone."""
    if found is None:
        return Verdict(Condition.DOWN, "no stack was started here, or it was stopped")
    if not supervisor_alive:
        return _without_supervisor(found, gone)
    if found.stage is not Stage.RUNNING:
        return Verdict(Condition.HALF_STARTED, f"it is still {found.stage.value}")
    if gone:
        return Verdict(Condition.HALF_STARTED, f"{', '.join(gone)} ended by itself; its log may say why")
    return Verdict(Condition.RUNNING, "every process runs")


def _without_supervisor(found: StackState, gone: Sequence[str]) -> Verdict:
    left = [record.name for record in found.processes if record.name not in gone]
    supervisor = f"its supervisor, pid {found.supervisor.pid}, is gone"
    if left:
        return Verdict(Condition.HALF_STARTED, f"{supervisor}, but {', '.join(left)} still runs")
    return Verdict(Condition.STALE, f"{supervisor}, and so are its processes")


def examine(layout: Layout) -> tuple[StackState | None, Verdict]:
    """What is recorded, and the condition by looking at the processes.

    Raises:
        StackError: the record cannot be understood.
    """
    found = state.read(layout)
    records = found.processes if found else ()
    gone = [record.name for record in records if not is_alive(record.identity)]
    return found, judge(found, found is not None and is_alive(found.supervisor), gone)


def status(run_dir: Path) -> StackStatus:
    """The stack of a run folder, with what each process uses, measured for a moment.

    Raises:
        StackError: the record cannot be understood.
    """
    found, verdict = examine(Layout(run_dir.resolve()))
    if found is None:
        return StackStatus(verdict.condition, verdict.reason, None, (), None, ())
    return StackStatus(
        condition=verdict.condition,
        reason=verdict.reason,
        profile=found.profile,
        processes=_process_statuses(found),
        capacity=found.capacity,
        notes=found.notes,
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A process to be shown."""

    name: str
    identity: ProcessIdentity
    ports: tuple[int, ...] = ()


def _process_statuses(found: StackState) -> tuple[ProcessStatus, ...]:
    listed = [Listed(record.name, record.identity, record.ports) for record in found.processes]
    listed.append(Listed(_SUPERVISOR, found.supervisor))
    before = [_cpu_seconds(each) for each in listed]
    began = time.monotonic()
    time.sleep(_SAMPLE_SECONDS)
    after = [_cpu_seconds(each) for each in listed]
    passed = time.monotonic() - began
    return tuple(
        _process_status(each, (later - earlier) / passed * 100)
        for each, earlier, later in zip(listed, before, after, strict=True)
    )


def _process_status(listed: Listed, cpu_percent: float) -> ProcessStatus:
    name, identity, ports = listed.name, listed.identity, listed.ports
    if not is_alive(identity):
        return ProcessStatus(name, identity.pid, False, None, ports, None, None)
    since = state.iso_of(identity.start_time)
    # A child that ended between the two looks takes its seconds with it.
    cpu = round(max(0.0, cpu_percent), 1)
    return ProcessStatus(name, identity.pid, True, since, ports, cpu, _memory(listed))


def _cpu_seconds(listed: Listed) -> float:
    total = 0.0
    for process in _counted(listed):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _memory(listed: Listed) -> int:
    total = 0
    for process in _counted(listed):
        with suppress(psutil.Error):
            total += _memory_of(process)
    return total


def _counted(listed: Listed) -> list[psutil.Process]:
    found = tree(listed.identity)
    # All others are below the supervisor, and listed themselves.
    return found[:1] if listed.name == _SUPERVISOR else found


def _memory_of(process: psutil.Process) -> int:
    with suppress(psutil.AccessDenied, AttributeError):
        return int(process.memory_full_info().pss)
    return int(process.memory_info().rss)
