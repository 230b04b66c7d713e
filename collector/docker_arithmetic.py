"""What ``docker stats`` shows, computed as the command does it (docker/cli, stats_helpers.go, Linux).

Counters come from the kernel through the daemon: processor time in nanoseconds, memory in bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

CFS_PERIOD = 100_000.0  # microseconds, the kernel's usual period and what NanoCpus is turned into


class CpuTimes(NamedTuple):
    """Processor time of a container and of its host since each began.

    Attributes:
        usage: nanoseconds of the container.
        host: nanoseconds of all processors of the host, idle ones too; None when the daemon does not say,
            as in the first message of a stream for the time before it.
        processors: that are online; 0 when the daemon does not say.
    """

    usage: int
    host: int | None
    processors: int


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """A quota of processor time: ``quota`` microseconds in each ``period`` of microseconds."""

    quota: float
    period: float

    @property
    def cores(self) -> float:
        """How many whole processors it comes to."""
        return self.quota / self.period


def cpu_limit(nano_cpus: int, quota: int, period: int) -> CpuLimit | None:
    """The quota from a container's host configuration; None when there is none.

    ``--cpus`` is kept as NanoCpus, ``--cpu-quota`` and ``--cpu-period`` as they were given; the daemon
    refuses both together.
    """
    if nano_cpus > 0:
        return CpuLimit(nano_cpus / 1e9 * CFS_PERIOD, CFS_PERIOD)
    return CpuLimit(float(quota), float(period) or CFS_PERIOD) if quota > 0 else None


def cpu_percent(before: CpuTimes, now: CpuTimes) -> float | None:
    """CPU %: 100 is one whole processor. None without a delta, where the command would show a nonsense."""
    if before.host is None or now.host is None:
        return None
    used, passed = now.usage - before.usage, now.host - before.host
    if used <= 0 or passed <= 0:
        return 0.0
    return used / passed * now.processors * 100.0


def percent_of_limit(percent: float, limit: CpuLimit | None, processors: int) -> float | None:
    """CPU % as a part of what the container may use: its quota, or all processors where it has none."""
    cores = limit.cores if limit else float(processors)
    return percent / cores if cores > 0 else None


def block_sums(entries: Iterable[Mapping[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes read and written, by device (``8:0``), of which BLOCK I/O is the sum.

    Operations are Read and Write in cgroup v1, read and write in v2; others count the same bytes again.
    """
    read: dict[str, int] = {}
    written: dict[str, int] = {}
    for entry in entries:
        operation = str(entry.get("op"))[:1].lower()
        if operation in ("r", "w"):
            way = read if operation == "r" else written
            device = f"{entry.get('major', 0)}:{entry.get('minor', 0)}"
            way[device] = way.get(device, 0) + int(entry.get("value") or 0)
    return read, written


def memory_used(usage: int, details: Mapping[str, int]) -> int:
    """MEM USAGE: memory in use without the page cache that the kernel could drop at once.

    The cache counts as ``total_inactive_file`` in cgroup v1 and ``inactive_file`` in v2; where it is not
    smaller than the usage it is passed over, as the command does.
    """
    for name in ("total_inactive_file", "inactive_file"):
        inactive = details.get(name, 0)
        if name in details and inactive < usage:
            return usage - inactive
    return usage


def memory_percent(used: int, limit: int) -> float:
    """MEM %: of the limit, which is the host's memory for a container without one."""
    return used / limit * 100.0 if limit > 0 else 0.0
