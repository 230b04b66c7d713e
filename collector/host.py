"""The machine that Showcall runs on, under node_exporter's names."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from collector.deadline import Deadline
from collector.host_disks import disk_readings, filesystem_readings
from collector.host_kernel import file_readings, oom_readings, pressure_readings
from collector.host_series import METADATA
from collector.known_series import KnownSeries, Reading
from collector.source import Scraped

SLOW_EVERY_SECONDS = 15.0
CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
TEMPORARY_INTERFACES = ("veth", "cali", "lxc")  # one for each container, which its own source counts


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is slow to read, and when it was read (Unix seconds)."""

    at: float
    readings: tuple[Reading, ...]


class HostSource:
    """This machine. File systems, swap and boot time are read every 15 s and repeated in between.

    Whatever a kernel does not offer is left out.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._series = KnownSeries({})
        self._kept: _Kept | None = None

    def fetch(self, at: float, deadline: Deadline) -> Scraped:  # noqa: ARG002 - local files answer or are not there
        """Look once."""
        if self._kept is None or not 0 <= at - self._kept.at < SLOW_EVERY_SECONDS:
            self._kept = _Kept(at, tuple(_slow(self._proc)))
        readings = (*_quick(self._proc), *self._kept.readings)
        values = np.array([value for _, value in readings], dtype=np.float64)
        return Scraped(self._series.labels((tuple(key for key, _ in readings),)), values, METADATA)

    def close(self) -> None:
        """Nothing is kept open."""


def _quick(proc: Path) -> Iterable[Reading]:
    parts: tuple[Callable[[], Iterable[Reading]], ...] = (
        cpu_readings,
        memory_readings,
        load_readings,
        network_readings,
        disk_readings,
        lambda: pressure_readings(proc),
        lambda: file_readings(proc),
    )
    for part in parts:
        yield from part()


def _slow(proc: Path) -> Iterable[Reading]:
    swap = psutil.swap_memory()
    yield ("node_memory_SwapTotal_bytes",), float(swap.total)
    yield ("node_memory_SwapFree_bytes",), float(swap.free)
    yield ("node_boot_time_seconds",), psutil.boot_time()
    yield from oom_readings(proc)
    yield from filesystem_readings()


def cpu_readings() -> Iterable[Reading]:
    """Seconds of each processor in each mode since boot."""
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode in CPU_MODES:
            if hasattr(times, mode):
                yield ("node_cpu_seconds_total", "cpu", str(number), "mode", mode), getattr(times, mode)


def memory_readings() -> Iterable[Reading]:
    """Bytes, by the kernel's own names."""
    memory = psutil.virtual_memory()
    fields = {
        "MemTotal": "total", "MemAvailable": "available", "MemFree": "free", "Buffers": "buffers",
        "Cached": "cached", "Active": "active", "Inactive": "inactive", "Shmem": "shared", "Slab": "slab",
    }  # fmt: skip
    for name, field in fields.items():
        if hasattr(memory, field):
            yield (f"node_memory_{name}_bytes",), float(getattr(memory, field))


def load_readings() -> Iterable[Reading]:
    """Processes that run or wait, averaged over 1, 5 and 15 minutes."""
    for name, value in zip(("node_load1", "node_load5", "node_load15"), os.getloadavg(), strict=True):
        yield (name,), value


def network_readings() -> Iterable[Reading]:
    """Counters of every interface that stays."""
    for name, counts in psutil.net_io_counters(pernic=True).items():
        if name.startswith(TEMPORARY_INTERFACES):
            continue
        facts = {
            "receive_bytes": counts.bytes_recv, "transmit_bytes": counts.bytes_sent,
            "receive_packets": counts.packets_recv, "transmit_packets": counts.packets_sent,
            "receive_errs": counts.errin, "transmit_errs": counts.errout,
            "receive_drop": counts.dropin, "transmit_drop": counts.dropout,
        }  # fmt: skip
        for fact, value in facts.items():
            yield (f"node_network_{fact}_total", "device", name), float(value)
