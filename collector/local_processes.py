"""Local processes that stand in for containers, under cAdvisor's names.

Every series has the container's ``name``; ``container_simulated`` is 1, so that a page can say what it is.
What a process cannot honestly tell of a container (network, file systems, throttling) is not published.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

from collector.deadline import Deadline
from collector.process_tree import TICKS, CpuMeter, Memory, ProcessStat, advanced, read_all, read_memory, tree
from collector.round import ErrorKind
from collector.source import Finding, Measured, Scraped, ScrapeError, gauges, measured, scraped
from collector.stack_file import StackFile, StandIn
from metrics.values import Metadata

MEMORY_EVERY = 5
CPU_PERIOD = 100_000.0  # microseconds, the kernel's usual period of a quota
START_TOLERANCE_SECONDS = 2.0

METADATA = gauges(
    {
        "container_memory_working_set_bytes": "Proportional memory of the whole process tree.",
        "container_memory_rss": "The same without pages of files.",
        "container_spec_memory_limit_bytes": "Memory limit of the container, 0 without one.",
        "container_spec_cpu_quota": "Processor quota in microseconds a period.",
        "container_spec_cpu_period": "Period of the quota in microseconds.",
        "container_start_time_seconds": "When the process began, in Unix seconds.",
        "container_last_seen": "When the process was last seen, in Unix seconds.",
        "container_processes": "Processes in the tree.",
        "container_threads": "Threads in the tree.",
        "container_simulated": "1: a local process stands in for this container.",
    }
) | {"container_cpu_usage_seconds_total": Metadata("counter", "Processor time of the whole process tree.")}


@dataclass(slots=True)
class _Watched:
    """What is remembered of one stand-in between looks."""

    stand_in: StandIn
    start_ticks: int
    cpu: CpuMeter | None = None
    memory: Memory | None = None


class LocalProcessesSource:
    """All stand-ins of one stack file.

    Proportional memory makes the kernel walk page tables, so each stand-in's is read at every fifth look
    only, not all at the same look, and repeated in between.
    """

    def __init__(self, stack_file: Path, proc: Path = Path("/proc")) -> None:
        self._file = StackFile(stack_file)
        self._proc = proc
        self._watched: dict[str, _Watched] = {}
        self._looks = 0

    def fetch(self, at: float, deadline: Deadline) -> Scraped:
        """Look at every tree. One that is gone is a finding; all gone is a failed look."""
        stand_ins = self._file.read()
        try:
            processes = read_all(self._proc)
        except OSError:
            text = f"there is no {self._proc} here: local processes need Linux"
            raise ScrapeError(ErrorKind.GONE, text) from None
        samples: list[Measured] = []
        gone: list[str] = []
        for turn, stand_in in enumerate(stand_ins):
            missing = why_gone(stand_in, processes, self._start_ticks(stand_in))
            if missing:
                gone.append(missing)
                self._watched.pop(stand_in.name, None)
                continue
            mine = tree(processes, stand_in.pid)
            due = (self._looks + turn) % MEMORY_EVERY == 0
            samples += self._samples(self._watch(stand_in, processes), mine, due, at, deadline)
        self._looks += 1
        if gone and not samples:
            raise ScrapeError(ErrorKind.GONE, "; ".join(gone))
        finding = Finding(ErrorKind.GONE, "; ".join(gone)) if gone else None
        return scraped(samples, METADATA, finding=finding)

    def close(self) -> None:
        """Nothing is kept open."""

    def _start_ticks(self, stand_in: StandIn) -> int | None:
        watched = self._watched.get(stand_in.name)
        return watched.start_ticks if watched and watched.stand_in == stand_in else None

    def _watch(self, stand_in: StandIn, processes: dict[int, ProcessStat]) -> _Watched:
        watched = self._watched.get(stand_in.name)
        if watched is None or watched.stand_in != stand_in:
            watched = _Watched(stand_in, processes[stand_in.pid].key[1])
            self._watched[stand_in.name] = watched
        return watched

    def _samples(
        self, watched: _Watched, mine: list[ProcessStat], due: bool, at: float, deadline: Deadline
    ) -> list[Measured]:
        watched.cpu = advanced(watched.cpu, mine)
        if due or watched.memory is None:
            watched.memory = self._read_memory(mine, deadline) or watched.memory
        return container_samples(watched.stand_in, watched.cpu, watched.memory, mine, at)

    def _read_memory(self, mine: list[ProcessStat], deadline: Deadline) -> Memory | None:
        """Summed over the tree; None when half of the time is used up (the last value is good enough)."""
        whole = anonymous = 0.0
        for process in mine:
            if deadline.left() < deadline.given / 2:
                return None
            memory = read_memory(self._proc, process)
            whole += memory.whole
            anonymous += memory.anonymous
        return Memory(whole, anonymous)


def why_gone(stand_in: StandIn, processes: dict[int, ProcessStat], start_ticks: int | None) -> str | None:
    """Why a stand-in is not there any more, or None when it is.

    Start times in Unix seconds move with the wall clock, so they are compared once; from then on it is the
    ticks since boot that must stay the same.
    """
    process = processes.get(stand_in.pid)
    if process is None or process.zombie:
        return f"{stand_in.name} is gone: no process {stand_in.pid}"
    if start_ticks is not None:
        same = process.key[1] == start_ticks
    else:
        started = psutil.boot_time() + process.key[1] / TICKS
        same = abs(started - stand_in.started) <= START_TOLERANCE_SECONDS
    return None if same else f"{stand_in.name} is gone: pid {stand_in.pid} belongs to another process now"


def container_samples(
    stand_in: StandIn, cpu: CpuMeter, memory: Memory | None, mine: list[ProcessStat], at: float
) -> list[Measured]:
    """cAdvisor's series of one container; without those of memory while that could not be read."""
    facts = {
        "container_spec_memory_limit_bytes": stand_in.memory or 0.0,
        "container_start_time_seconds": stand_in.started,
        "container_last_seen": at,
        "container_processes": float(len(mine)),
        "container_threads": float(sum(process.threads for process in mine)),
        "container_simulated": 1.0,
    }
    if memory is not None:
        facts["container_memory_working_set_bytes"] = memory.whole
        facts["container_memory_rss"] = memory.anonymous
    if stand_in.cpus is not None:
        facts["container_spec_cpu_quota"] = stand_in.cpus * CPU_PERIOD
        facts["container_spec_cpu_period"] = CPU_PERIOD
    usage = measured("container_cpu_usage_seconds_total", cpu.total, name=stand_in.name, cpu="total")
    return [usage, *(measured(metric, value, name=stand_in.name) for metric, value in facts.items())]
