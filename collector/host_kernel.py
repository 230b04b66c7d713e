"""What only the kernel's own files tell: pressure, open files, kills for want of memory."""

from collections.abc import Iterable
from pathlib import Path

from collector.known_series import Reading

# /proc/pressure/<resource>, its line ("some" or "full"), and node_exporter's word for it.
PRESSURES = (
    ("cpu", "some", "cpu_waiting"),
    ("io", "some", "io_waiting"),
    ("io", "full", "io_stalled"),
    ("memory", "some", "memory_waiting"),
    ("memory", "full", "memory_stalled"),
)


def pressure_readings(proc: Path) -> Iterable[Reading]:
    """Seconds in which some or all work stood still for want of a resource (PSI, Linux 4.20 and later)."""
    totals = {resource: _totals(proc / "pressure" / resource) for resource in ("cpu", "io", "memory")}
    for resource, line, word in PRESSURES:
        if line in totals[resource]:
            yield (f"node_pressure_{word}_seconds_total",), totals[resource][line] / 1e6


def _totals(path: Path) -> dict[str, int]:
    """Microseconds by line: ``some avg10=0.00 avg60=0.00 avg300=0.00 total=123``."""
    rows = (row.split() for row in _text(path).splitlines())
    return {row[0]: int(row[-1].removeprefix("total=")) for row in rows if row}


def file_readings(proc: Path) -> Iterable[Reading]:
    """File handles of the whole machine: in use, and how many there may be."""
    fields = _text(proc / "sys" / "fs" / "file-nr").split()
    if len(fields) == 3:
        yield ("node_filefd_allocated",), float(fields[0])
        yield ("node_filefd_maximum",), float(fields[2])


def oom_readings(proc: Path) -> Iterable[Reading]:
    """Processes that the kernel killed for want of memory since boot."""
    for row in _text(proc / "vmstat").splitlines():
        name, _, value = row.partition(" ")
        if name == "oom_kill":
            yield ("node_vmstat_oom_kill",), float(value)


def _text(path: Path) -> str:
    """A kernel file, empty where the kernel does not offer it."""
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
