"""One message of a container's stats stream as series (Engine API, ``GET /containers/{id}/stats``).

Every message of every container comes through here, so that what it says goes straight into columns, and the
keys of its series stand in groups that are made once.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from collector.docker_arithmetic import (
    CpuLimit,
    CpuTimes,
    block_sums,
    cpu_percent,
    memory_percent,
    memory_used,
    percent_of_limit,
)
from collector.known_series import Columns, Keys

NEVER = "0001-01-01T00:00:00Z"  # Go's zero time: the daemon had nothing to read
UNLIMITED_TASKS = 2**63  # pids.max is "max", which the daemon writes as the largest number
KEPT_NAMES = 1024  # of interfaces and devices; beyond, keys are made anew
SHAPE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)

_TIMES: Keys = (
    ("container_last_seen",),
    ("container_cpu_usage_seconds_total", "cpu", "total"),
    ("container_cpu_user_seconds_total",),
    ("container_cpu_system_seconds_total",),
)
_THROTTLING: Keys = (
    ("container_cpu_cfs_periods_total",),
    ("container_cpu_cfs_throttled_periods_total",),
    ("container_cpu_cfs_throttled_seconds_total",),
)
_PERCENT: Keys = (("docker_stats_cpu_percent",),)
_PERCENT_OF_LIMIT: Keys = (("docker_stats_cpu_limit_percent",),)
_MEMORY: Keys = (
    ("container_memory_usage_bytes",),
    ("container_memory_working_set_bytes",),
    ("container_memory_rss",),
    ("container_memory_cache",),
    ("docker_stats_memory_percent",),
)
_NETWORK_SUMS: Keys = (("docker_stats_net_received_bytes",), ("docker_stats_net_sent_bytes",))
_DEVICE_SUMS: Keys = (("docker_stats_block_read_bytes",), ("docker_stats_block_written_bytes",))
_THREADS: Keys = (("container_threads",), ("container_threads_max",))
_TRAFFIC = tuple(
    f"container_network_{way}_{what}_total"
    for way in ("receive", "transmit")
    for what in ("bytes", "packets", "errors", "packets_dropped")
)
_COUNTERS = (
    "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped",
)  # fmt: skip


def parse_message(line: bytes, limit: CpuLimit | None) -> Columns | None:
    """Every series of a running container's stats; the same groups while messages have the same parts.

    None of a container that does not run, of which the daemon sends empty messages.

    Args:
        line: the message.
        limit: of the container's processor time.

    Raises:
        ValueError: it is not what the daemon writes; the text says how.
    """
    try:
        document = json.loads(line.decode())
        return _columns(document, limit) if document["read"] != NEVER else None
    except SHAPE_ERRORS as error:
        raise ValueError(f"not a stats message ({type(error).__name__}: {error})"[:120]) from None


def _columns(document: Mapping[str, Any], limit: CpuLimit | None) -> Columns:
    groups: list[Keys] = [_TIMES]
    values: list[float] = [datetime.fromisoformat(document["read"]).timestamp()]
    _add_processors(document, limit, groups, values)
    _add_memory(document.get("memory_stats") or {}, groups, values)
    _add_networks(document.get("networks") or {}, groups, values)
    _add_devices((document.get("blkio_stats") or {}).get("io_service_bytes_recursive"), groups, values)
    tasks = document.get("pids_stats") or {}
    if tasks.get("current") is not None:
        most = int(tasks.get("limit") or 0)
        groups.append(_THREADS)
        values += (tasks["current"], most if most < UNLIMITED_TASKS else 0)
    return Columns(tuple(groups), tuple(map(float, values)))


def _add_processors(
    document: Mapping[str, Any], limit: CpuLimit | None, groups: list[Keys], values: list[float]
) -> None:
    part = document["cpu_stats"]
    usage, throttling = part.get("cpu_usage") or {}, part.get("throttling_data") or {}
    now = _times(part)
    values += (
        now.usage / 1e9,
        (usage.get("usage_in_usermode") or 0) / 1e9,
        (usage.get("usage_in_kernelmode") or 0) / 1e9,
    )
    periods = throttling.get("periods") or 0
    if limit is not None or periods:
        throttled = throttling.get("throttled_time") or 0
        groups.append(_THROTTLING)
        values += (periods, throttling.get("throttled_periods") or 0, throttled / 1e9)
    percent = cpu_percent(_times(document.get("precpu_stats") or {}), now)
    if percent is None:
        return
    groups.append(_PERCENT)
    values.append(percent)
    part_of_limit = percent_of_limit(percent, limit, now.processors)
    if part_of_limit is not None:
        groups.append(_PERCENT_OF_LIMIT)
        values.append(part_of_limit)


def _times(part: Mapping[str, Any]) -> CpuTimes:
    usage, host = part.get("cpu_usage") or {}, part.get("system_cpu_usage")
    processors = part.get("online_cpus") or len(usage.get("percpu_usage") or ())
    return CpuTimes(int(usage.get("total_usage") or 0), int(host) if host else None, int(processors))


def _add_memory(part: Mapping[str, Any], groups: list[Keys], values: list[float]) -> None:
    """Nothing where the kernel does not account for memory."""
    if part.get("usage") is None:
        return
    usage, details = int(part["usage"]), part.get("stats") or {}
    used = memory_used(usage, details)
    groups.append(_MEMORY)
    values += (
        usage,
        used,
        _first(details, "total_rss", "rss", "anon"),
        _first(details, "total_cache", "cache", "file"),
        memory_percent(used, int(part.get("limit") or 0)),
    )


def _first(details: Mapping[str, int], *names: str) -> int:
    """The value under the first name that is there: cgroup v1's name for the whole tree, its own, v2's."""
    for name in names:
        if name in details:
            return details[name]
    return 0


def _add_networks(networks: Mapping[str, Mapping[str, int]], groups: list[Keys], values: list[float]) -> None:
    received = sent = 0
    for interface, counters in sorted(networks.items()):
        counts = [int(counters.get(counter) or 0) for counter in _COUNTERS]
        groups.append(_network_keys(interface))
        values += counts
        received += counts[0]
        sent += counts[4]
    groups.append(_NETWORK_SUMS)
    values += (received, sent)


def _add_devices(
    entries: Iterable[Mapping[str, Any]] | None, groups: list[Keys], values: list[float]
) -> None:
    """By device, which is named by its numbers: ``8:0``."""
    read, written = block_sums(entries or ())
    for device in sorted({*read, *written}):
        groups.append(_device_keys(device))
        values += (read.get(device, 0), written.get(device, 0))
    groups.append(_DEVICE_SUMS)
    values += (sum(read.values()), sum(written.values()))


@lru_cache(maxsize=KEPT_NAMES)
def _network_keys(interface: str) -> Keys:
    return tuple((metric, "interface", interface) for metric in _TRAFFIC)


@lru_cache(maxsize=KEPT_NAMES)
def _device_keys(device: str) -> Keys:
    names = ("container_fs_reads_bytes_total", "container_fs_writes_bytes_total")
    return tuple((metric, "device", device) for metric in names)
