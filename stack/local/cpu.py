"""Who runs on which CPU, and how much of it the hypervisor took.

The service and its database share the first CPU, as they share one container host in the original; whatever
measures or steers them has the others, so that it neither slows them nor is slowed by them.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DATABASE_NICE = 10


@dataclass(frozen=True, slots=True)
class CpuPlan:
    """CPUs of service and database, and of all the rest; None where nothing is pinned.

    ``note`` says in words what could not be done.
    """

    service: frozenset[int] | None
    others: frozenset[int] | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Ticks of one CPU since boot: all, those spent on processes, those given to other machines (steal)."""

    total: int
    busy: int
    steal: int


def plan(available: frozenset[int] | None) -> CpuPlan:
    """Split the CPUs; ``available`` is None where the system cannot pin processes."""
    if available is None:
        return CpuPlan(
            None, None, "CPUs cannot be pinned on this system: the measured capacity is less steady."
        )
    if len(available) < 2:
        return CpuPlan(None, None, "There is only one CPU: load and measuring slow the service down.")
    first = min(available)
    return CpuPlan(frozenset({first}), available - {first})


def available_cpus() -> frozenset[int] | None:
    """Every CPU that this process may use, even if its starter had confined it; None off Linux.

    Widens the calling process to them: a starter that already stepped aside must not leave one CPU for all.
    """
    if sys.platform != "linux":
        return None
    with suppress(OSError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return frozenset(os.sched_getaffinity(0))


def step_aside() -> str | None:
    """Confine the calling process, all its threads, to the CPUs that the stack's service does not use.

    For whoever drives load or watches beside the stack. Says in words when that cannot be done.
    """
    split = plan(available_cpus())
    if split.others is not None:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):
                os.sched_setaffinity(int(thread.name), split.others)
    return split.note


def cpu_times(cpu: int) -> CpuTimes | None:
    """The counters of one CPU from ``/proc/stat``; None where there is no such file."""
    with suppress(OSError):
        return parse_cpu_times(Path("/proc/stat").read_text(encoding="ascii"), cpu)
    return None


def parse_cpu_times(text: str, cpu: int) -> CpuTimes | None:
    """One CPU's line of ``/proc/stat``: user, nice, system, idle, iowait, irq, softirq, steal.

    What follows is guest time, which is in user and nice already.
    """
    for line in text.splitlines():
        name, *figures = line.split()
        if name == f"cpu{cpu}":
            ticks = [int(figure) for figure in figures[:8]]
            total = sum(ticks)
            return CpuTimes(total, total - ticks[3] - ticks[4] - ticks[7], ticks[7])
    return None


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Where one CPU's time went for a while, in percent of that while.

    Attributes:
        steal: to other machines of the hypervisor.
        others: to processes of this machine that are not ours.
    """

    steal: float
    others: float


def cpu_use(before: CpuTimes | None, after: CpuTimes | None, own_seconds: float) -> CpuUse | None:
    """Between two looks; ``own_seconds`` is the CPU time that our processes used meanwhile.

    None when either look is unknown or no tick passed.
    """
    if before is None or after is None or after.total <= before.total:
        return None
    total = after.total - before.total
    own = own_seconds * os.sysconf("SC_CLK_TCK")
    others = max(0.0, after.busy - before.busy - own)
    return CpuUse(steal=100.0 * (after.steal - before.steal) / total, others=100.0 * others / total)


def lower_autogroups(pids: Iterable[int], nice: int = DATABASE_NICE) -> frozenset[int]:
    """Give each process's scheduling autogroup a nice value, where the kernel makes such groups.

    Every PostgreSQL backend starts a session of its own, and with autogroups on, nice values count only
    within a session: without this the database would not stand behind the service at all. Returns those for
    which it is done; the kernel allows others than root only ten such changes a second, so ask again.
    """
    return frozenset(pid for pid in pids if _lower_autogroup(pid, nice))


def _lower_autogroup(pid: int, nice: int) -> bool:
    group = Path(f"/proc/{pid}/autogroup")
    try:
        group.write_text(str(nice), encoding="ascii")
    except BlockingIOError:
        return False
    except OSError:
        return True  # no such groups, or no such process: nothing is left to do
    return True


def child_pids(pid: int) -> frozenset[int]:
    """Direct children of a process by one cheap read; empty where the kernel does not list them."""
    with suppress(OSError):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return frozenset(int(child) for child in listed.split())
    return frozenset()
