"""The machine itself, against what the kernel's own files say, and kernels that offer less."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from collector.host import HostSource
from collector.host_disks import PASSED_OVER
from collector.source import Scraped
from metrics.values import label
from tests.collector.raw_server import soon

NOW = 1_795_363_202.0
GENEROUS_MS = 2.0


def look(source: HostSource, at: float = NOW) -> Scraped:
    return source.fetch(at, soon())


def values(scraped: Scraped, metric: str, name: str = "") -> dict[str, float]:
    """By one label, which may be none."""
    pairs = zip(scraped.labels, scraped.values.tolist(), strict=True)
    return {label(one, name): value for one, value in pairs if label(one, "__name__") == metric}


def value(scraped: Scraped, metric: str) -> float:
    (found,) = values(scraped, metric).values()
    return found


def test_processor_time_is_the_kernels_for_every_processor_and_mode() -> None:
    found = look(HostSource())
    modes = {label(one, "mode") for one in found.labels} - {""}
    assert modes == {"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"}
    row = Path("/proc/stat").read_text(encoding="ascii").splitlines()[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    pairs = zip(found.labels, found.values.tolist(), strict=True)
    first = {label(one, "mode"): number for one, number in pairs if label(one, "cpu") == "0"}
    assert first["steal"] == pytest.approx(int(row[8]) / ticks, abs=5)
    assert first["user"] == pytest.approx(int(row[1]) / ticks, abs=5)
    assert len(values(found, "node_cpu_seconds_total", "cpu")) == os.cpu_count()


def test_memory_and_load_are_the_kernels() -> None:
    found = look(HostSource())
    rows = (row.split() for row in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    memory = {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}
    assert value(found, "node_memory_MemTotal_bytes") == memory["MemTotal"]
    assert value(found, "node_memory_SwapTotal_bytes") == memory["SwapTotal"]
    assert value(found, "node_memory_MemAvailable_bytes") == pytest.approx(memory["MemAvailable"], rel=0.2)
    assert value(found, "node_load1") == pytest.approx(os.getloadavg()[0], abs=2)
    assert value(found, "node_boot_time_seconds") == psutil.boot_time()


def test_the_root_file_system_is_always_there() -> None:
    room = os.statvfs("/")
    sizes = values(look(HostSource()), "node_filesystem_size_bytes", "mountpoint")
    assert sizes["/"] == room.f_blocks * room.f_frsize


def test_interfaces_that_belong_to_containers_are_left_to_their_own_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = SimpleNamespace(
        bytes_recv=1, bytes_sent=2, packets_recv=3, packets_sent=4, errin=5, errout=6, dropin=7, dropout=8
    )
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: {"eth0": counts, "veth1a2b": counts})
    found = look(HostSource())
    assert values(found, "node_network_receive_bytes_total", "device") == {"eth0": 1.0}
    assert values(found, "node_network_transmit_drop_total", "device") == {"eth0": 8.0}


@pytest.mark.parametrize(
    "name", ["sda1", "nvme0n1p2", "loop7", "zram0", "ram1", "xvda1", "dm-0", "mmcblk0p1"]
)
def test_parts_of_disks_and_disks_of_memory_are_left_out(name: str) -> None:
    assert PASSED_OVER.match(name)


@pytest.mark.parametrize("name", ["sda", "vda", "nvme0n1", "mmcblk0"])
def test_whole_disks_are_counted(name: str) -> None:
    assert not PASSED_OVER.match(name)


def test_a_kernel_without_pressure_files_has_no_pressure(tmp_path: Path) -> None:
    names = {label(one, "__name__") for one in look(HostSource(tmp_path)).labels}
    assert not [name for name in names if "pressure" in name or "filefd" in name or "vmstat" in name]
    assert "node_memory_MemTotal_bytes" in names


def test_pressure_and_file_handles_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    (tmp_path / "pressure").mkdir()
    averages = "avg10=0.00 avg60=0.00 avg300=0.00"
    row = f"some {averages} total=2500000\nfull {averages} total=1\n"
    for resource in ("cpu", "io", "memory"):
        (tmp_path / "pressure" / resource).write_text(row, encoding="ascii")
    (tmp_path / "sys/fs").mkdir(parents=True)
    (tmp_path / "sys/fs/file-nr").write_text("945\t0\t2466170\n", encoding="ascii")
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 3\n", encoding="ascii")
    found = look(HostSource(tmp_path))
    assert value(found, "node_pressure_cpu_waiting_seconds_total") == 2.5
    assert value(found, "node_pressure_io_stalled_seconds_total") == 1e-6
    assert value(found, "node_filefd_allocated") == 945
    assert value(found, "node_filefd_maximum") == 2466170
    assert value(found, "node_vmstat_oom_kill") == 3


def test_slow_parts_are_read_every_15_seconds_and_repeated_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    partitions = psutil.disk_partitions

    def counted(all: bool) -> object:  # noqa: A002 - psutil's name
        asked.append(all)
        return partitions(all=all)

    monkeypatch.setattr(psutil, "disk_partitions", counted)
    source = HostSource()
    for second in (0, 1, 14, 15, 16):
        found = look(source, NOW + second)
        assert values(found, "node_filesystem_avail_bytes", "mountpoint")["/"] > 0
    assert asked == [False, False]
    look(source, NOW - 100)  # the clock was set back
    assert len(asked) == 3


def test_every_series_is_explained_and_the_labels_stay_the_very_same() -> None:
    source = HostSource()
    found = look(source)
    assert {label(one, "__name__") for one in found.labels} <= set(found.metadata)
    assert look(source, NOW + 1).labels is found.labels


def test_a_look_costs_less_than_two_milliseconds() -> None:
    source = HostSource()
    look(source)
    costs = []
    for turn in range(20):
        began = time.thread_time()
        look(source, NOW + turn / 10)
        costs.append(time.thread_time() - began)
    assert sorted(costs)[5] * 1000 < GENEROUS_MS
