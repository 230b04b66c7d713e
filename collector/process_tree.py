"""Processes as /proc shows them: trees, processor time, memory."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

ProcessKey = tuple[int, int]
"""Pid and start in clock ticks since boot: the pair is never given out twice."""


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One process.

    Attributes:
        key: pid and start time in clock ticks since boot.
        parent: pid.
        zombie: it has ended and nobody has asked for its exit status yet.
        own: seconds of processor time, user and system.
        reaped: the same of its ended children that it has waited for, and of theirs.
        resident: bytes.
    """

    key: ProcessKey
    parent: int
    zombie: bool
    own: float
    reaped: float
    threads: int
    resident: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: ``whole`` with shared pages counted in parts, ``anonymous`` those that belong to no file."""

    whole: float = 0.0
    anonymous: float = 0.0


@dataclass(frozen=True, slots=True)
class CpuMeter:
    """Processor time of a tree since its root began; never falls although processes come and go.

    Attributes:
        total: seconds, the counter.
        raw: the sum over the tree at the last look, with what it had reaped.
        own: each living process' own seconds then.
    """

    total: float
    raw: float
    own: Mapping[ProcessKey, float]


def advanced(meter: CpuMeter | None, tree: Iterable[ProcessStat]) -> CpuMeter:
    """The meter after another look.

    An ended child's time moves to its parent, so the sum over the tree goes on growing; where nobody waited
    for the child its time is lost from the sum, and then only what the others grew by counts.
    """
    processes = list(tree)
    own = {process.key: process.own for process in processes}
    raw = sum(process.own + process.reaped for process in processes)
    if meter is None:
        return CpuMeter(raw, raw, own)
    grown = sum(now - meter.own.get(key, 0.0) for key, now in own.items())
    return CpuMeter(meter.total + max(raw - meter.raw, grown, 0.0), raw, own)


def read_all(proc: Path) -> dict[int, ProcessStat]:
    """Every process on this machine, in one pass. Raises OSError where there is no /proc."""
    found = {}
    for name in os.listdir(proc):  # noqa: PTH208 - names, not paths: this runs every second
        if name.isdigit():
            stat = read_one(proc, int(name))
            if stat is not None:
                found[stat.key[0]] = stat
    return found


def read_one(proc: Path, pid: int) -> ProcessStat | None:
    """One process, None when it has just gone."""
    try:
        with open(f"{proc}/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - half the cost of a Path
            text = file.read()
    except OSError:
        return None
    return parse_stat(pid, text)


def parse_stat(pid: int, text: bytes) -> ProcessStat:
    """/proc/<pid>/stat (proc(5)); the program's name may hold blanks, brackets and any bytes."""
    fields = text[text.rindex(b")") + 2 :].split()
    return ProcessStat(
        key=(pid, int(fields[19])),
        parent=int(fields[1]),
        zombie=fields[0] in b"ZX",
        own=(int(fields[11]) + int(fields[12])) / TICKS,
        reaped=(int(fields[13]) + int(fields[14])) / TICKS,
        threads=int(fields[17]),
        resident=int(fields[21]) * PAGE_BYTES,
    )


def tree(processes: Mapping[int, ProcessStat], root: int) -> list[ProcessStat]:
    """The root and all below it."""
    below: dict[int, list[int]] = {}
    for pid, process in processes.items():
        below.setdefault(process.parent, []).append(pid)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(processes[pid])
        waiting.extend(below.get(pid, ()))
    return found


def read_memory(proc: Path, process: ProcessStat) -> Memory:
    """Proportional memory; where that may not be read, resident memory, which counts shared pages in full."""
    folder = proc / str(process.key[0])
    try:
        return parse_rollup((folder / "smaps_rollup").read_text(encoding="ascii"))
    except OSError:
        return _resident(folder, process)


def parse_rollup(text: str) -> Memory:
    """/proc/<pid>/smaps_rollup. The kernel walks the page tables for it: some ms for a large process."""
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    kilobytes = {name: float(value.split()[0]) for name, value in fields.items()}
    whole = kilobytes.get("Pss", 0.0)
    return Memory(whole * 1024, kilobytes.get("Pss_Anon", whole) * 1024)


def _resident(folder: Path, process: ProcessStat) -> Memory:
    try:
        fields = (folder / "statm").read_text(encoding="ascii").split()
    except OSError:
        return Memory(process.resident, process.resident)
    return Memory(int(fields[1]) * PAGE_BYTES, (int(fields[1]) - int(fields[2])) * PAGE_BYTES)
