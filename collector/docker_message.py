"""One message of a container's stats stream as values (Engine API, ``GET /containers/{id}/stats``)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.docker_arithmetic import CpuTimes, memory_used

NEVER = "0001-01-01T00:00:00Z"  # Go's zero time: the daemon had nothing to read
UNLIMITED_TASKS = 2**63  # pids.max is "max", which the daemon writes as the largest number


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes; ``limit`` is the host's memory for a container without one."""

    usage: int
    working_set: int
    anonymous: int
    cache: int
    limit: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counters of one direction of a network interface."""

    octets: int
    packets: int
    errors: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface."""

    name: str
    received: Traffic
    sent: Traffic


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """Bytes that went to and came from a device, which is named by its numbers: ``8:0``."""

    name: str
    read: int
    written: int


@dataclass(frozen=True, slots=True)
class StatsMessage:
    """What the daemon read of a running container.

    Attributes:
        at: Unix seconds, when the daemon read it, by its clock.
        before: the processor times of the message before.
        memory: None where the kernel does not account for it.
        interfaces, devices: by name.
        tasks: threads of all its processes; None where the kernel does not count them.
        tasks_limit: 0 without one.
    """

    at: float
    cpu: CpuTimes
    before: CpuTimes
    memory: MemoryUse | None
    interfaces: tuple[Interface, ...]
    devices: tuple[BlockDevice, ...]
    tasks: int | None
    tasks_limit: int


def parse_message(line: bytes) -> StatsMessage | None:
    """The message; None of a container that does not run, of which the daemon sends empty ones.

    Raises:
        ValueError: it is not what the daemon writes; the text says how.
    """
    try:
        document = json.loads(line)
        return _message(document) if document["read"] != NEVER else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a stats message ({type(error).__name__}: {error})"[:120]) from None


def _message(document: Mapping[str, Any]) -> StatsMessage:
    tasks = document.get("pids_stats") or {}
    limit = int(tasks.get("limit") or 0)
    return StatsMessage(
        at=datetime.fromisoformat(document["read"]).timestamp(),
        cpu=_cpu(document["cpu_stats"]),
        before=_cpu(document.get("precpu_stats") or {}),
        memory=_memory(document.get("memory_stats") or {}),
        interfaces=_interfaces(document.get("networks") or {}),
        devices=_devices((document.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()),
        tasks=int(tasks["current"]) if "current" in tasks else None,
        tasks_limit=limit if limit < UNLIMITED_TASKS else 0,
    )


def _cpu(part: Mapping[str, Any]) -> CpuTimes:
    usage, throttling = part.get("cpu_usage") or {}, part.get("throttling_data") or {}
    host = part.get("system_cpu_usage")
    return CpuTimes(
        usage=int(usage.get("total_usage") or 0),
        user=int(usage.get("usage_in_usermode") or 0),
        kernel=int(usage.get("usage_in_kernelmode") or 0),
        host=int(host) if host else None,
        processors=int(part.get("online_cpus") or len(usage.get("percpu_usage") or ())),
        periods=int(throttling.get("periods") or 0),
        throttled_periods=int(throttling.get("throttled_periods") or 0),
        throttled=int(throttling.get("throttled_time") or 0),
    )


def _memory(part: Mapping[str, Any]) -> MemoryUse | None:
    usage, details = part.get("usage"), part.get("stats") or {}
    if usage is None:
        return None
    return MemoryUse(
        usage=usage,
        working_set=memory_used(usage, details),
        anonymous=_first(details, "total_rss", "rss", "anon"),
        cache=_first(details, "total_cache", "cache", "file"),
        limit=int(part.get("limit") or 0),
    )


def _first(details: Mapping[str, int], *names: str) -> int:
    """The value under the first name that is there: cgroup v1's name for the whole tree, its own, v2's."""
    return next((int(details[name]) for name in names if name in details), 0)


def _interfaces(networks: Mapping[str, Mapping[str, int]]) -> tuple[Interface, ...]:
    return tuple(
        Interface(name, _traffic(counters, "rx"), _traffic(counters, "tx"))
        for name, counters in sorted(networks.items())
    )


def _traffic(counters: Mapping[str, int], way: str) -> Traffic:
    octets, packets, errors, dropped = (
        int(counters.get(f"{way}_{what}") or 0) for what in ("bytes", "packets", "errors", "dropped")
    )
    return Traffic(octets, packets, errors, dropped)


def _devices(entries: Iterable[Mapping[str, Any]]) -> tuple[BlockDevice, ...]:
    """Sums by device. Operations are Read and Write in cgroup v1, read and write in v2; others are sums."""
    read: dict[str, int] = {}
    written: dict[str, int] = {}
    for entry in entries:
        way = {"r": read, "w": written}.get(str(entry.get("op"))[:1].lower())
        if way is not None:
            name = f"{entry.get('major', 0)}:{entry.get('minor', 0)}"
            way[name] = way.get(name, 0) + int(entry.get("value") or 0)
    return tuple(
        BlockDevice(name, read.get(name, 0), written.get(name, 0)) for name in sorted({*read, *written})
    )
