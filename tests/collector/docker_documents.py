"""Stats, lists and inspections as a daemon writes them.

Written by hand from the Engine API's documented shape, not recorded: no daemon was at hand.
"""

import json
from typing import Any

GIB = 1024**3
MIB = 1024**2
SECOND = 1_000_000_000  # nanoseconds
IDENTITY = "c0ffee" * 10 + "0001"

Document = dict[str, Any]


def cpu(usage: int, host: int | None, online: int | None = 4, **more: Any) -> Document:
    """The part of a message about processors; times in nanoseconds."""
    times = {"total_usage": usage, "usage_in_kernelmode": usage // 4, "usage_in_usermode": usage - usage // 4}
    part: Document = {"cpu_usage": {**times, **more.pop("times", {})}}
    part["throttling_data"] = {"periods": 0, "throttled_periods": 0, "throttled_time": 0}
    part |= {} if host is None else {"system_cpu_usage": host}
    return part | ({} if online is None else {"online_cpus": online}) | more


def v2_message(**changes: Any) -> Document:
    """cgroup v2: half a processor of four, a quota that was used up in 30 of 100 periods."""
    return {
        "name": "/shop-concert-1",
        "id": IDENTITY,
        "read": "2026-11-22T16:00:01.250000001Z",
        "preread": "2026-11-22T16:00:00.249Z",
        "pids_stats": {"current": 23, "limit": 18446744073709551615},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"major": 8, "minor": 0, "op": "read", "value": 4096},
                {"major": 8, "minor": 0, "op": "write", "value": 8192},
                {"major": 8, "minor": 16, "op": "read", "value": 1},
            ],
            "io_serviced_recursive": None,
        },
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": cpu(
            10 * SECOND + SECOND // 2,
            4004 * SECOND,
            throttling_data={"periods": 100, "throttled_periods": 30, "throttled_time": 1_500_000_000},
        ),
        "precpu_stats": cpu(10 * SECOND, 4000 * SECOND),
        "memory_stats": {
            "usage": 300 * MIB,
            "stats": {
                "anon": 180 * MIB, "file": 110 * MIB, "inactive_file": 100 * MIB, "active_file": 10 * MIB,
                "kernel_stack": MIB, "pgfault": 123456, "slab": 2 * MIB,
            },
            "limit": 500 * MIB,
        },
        "networks": {
            "eth0": {
                "rx_bytes": 1000, "rx_packets": 10, "rx_errors": 1, "rx_dropped": 2,
                "tx_bytes": 2000, "tx_packets": 20, "tx_errors": 3, "tx_dropped": 4,
            },
            "eth1": {
                "rx_bytes": 5, "rx_packets": 1, "rx_errors": 0, "rx_dropped": 0,
                "tx_bytes": 7, "tx_packets": 1, "tx_errors": 0, "tx_dropped": 0,
            },
        },
    } | changes  # fmt: skip


def v1_message(**changes: Any) -> Document:
    """cgroup v1 of an old daemon: no online_cpus, two processors by their times, upper-case operations."""
    per_processor = {"times": {"percpu_usage": [SECOND, 2 * SECOND]}}
    entries = [
        {"major": 253, "minor": 0, "op": "Read", "value": 100},
        {"major": 253, "minor": 0, "op": "Write", "value": 50},
        {"major": 253, "minor": 0, "op": "Sync", "value": 120},
        {"major": 253, "minor": 0, "op": "Async", "value": 30},
        {"major": 253, "minor": 0, "op": "Total", "value": 150},
    ]
    message: Document = {
        "name": "/old",
        "id": IDENTITY,
        "read": "2026-11-22T16:00:01Z",
        "preread": "2026-11-22T16:00:00Z",
        "pids_stats": {"current": 5},
        "blkio_stats": {"io_service_bytes_recursive": entries, "io_serviced_recursive": []},
        "cpu_stats": cpu(3 * SECOND, 102 * SECOND, None, **per_processor),
        "precpu_stats": cpu(2 * SECOND, 100 * SECOND, None, **per_processor),
        "memory_stats": {
            "usage": 200 * MIB,
            "max_usage": 250 * MIB,
            "stats": {
                "cache": 1, "total_cache": 90 * MIB, "rss": 2, "total_rss": 100 * MIB,
                "inactive_file": 3, "total_inactive_file": 80 * MIB,
            },
            "failcnt": 7,
            "limit": 2 * GIB,
        },
        "networks": {"eth0": {"rx_bytes": 11, "tx_bytes": 12}},
    }  # fmt: skip
    return message | changes


def first_message() -> Document:
    """The first of a stream: nothing before it, not even the host's time."""
    return v2_message(preread="0001-01-01T00:00:00Z", precpu_stats=cpu(0, None, None))


def stopped_message() -> Document:
    """What a daemon goes on sending for a container that does not run."""
    return {
        "name": "/shop-concert-1",
        "id": IDENTITY,
        "read": "0001-01-01T00:00:00Z",
        "preread": "0001-01-01T00:00:00Z",
        "pids_stats": {},
        "blkio_stats": {"io_service_bytes_recursive": None},
        "cpu_stats": cpu(0, None, None),
        "precpu_stats": cpu(0, None, None),
        "memory_stats": {},
    }


def line(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def listed(identity: str, name: str, **changes: Any) -> Document:
    """An entry of the list."""
    return {
        "Id": identity,
        "Names": [f"/{name}"],
        "Image": f"{name}:1.0",
        "ImageID": "sha256:0",
        "Labels": {},
        "State": "running",
        "Status": "Up 2 minutes",
    } | changes


def inspection(identity: str, **changes: Any) -> Document:
    """A container of 1 CPU and 500 MiB, started at 15:00 on the day of the sale."""
    return {
        "Id": identity,
        "RestartCount": 0,
        "State": {
            "Status": "running",
            "Running": True,
            "OOMKilled": False,
            "ExitCode": 0,
            "StartedAt": "2026-11-22T15:00:00.5Z",
        },
        "HostConfig": {"Memory": 500 * MIB, "NanoCpus": SECOND, "CpuQuota": 0, "CpuPeriod": 0},
    } | changes
