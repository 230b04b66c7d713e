"""The numbers of ``docker stats``, worked out by hand for both kinds of control groups."""

import json
from itertools import chain

import pytest

from collector.docker_arithmetic import (
    CpuLimit,
    CpuTimes,
    block_sums,
    cpu_limit,
    cpu_percent,
    memory_percent,
    memory_used,
    percent_of_limit,
)
from collector.docker_containers import parse_event, parse_inspection, parse_list
from collector.docker_message import parse_message
from collector.known_series import Columns, Key
from tests.collector.docker_documents import (
    MIB,
    SECOND,
    Document,
    cpu,
    first_message,
    inspection,
    line,
    listed,
    stopped_message,
    v1_message,
    v2_message,
)


def columns(document: Document, limit: CpuLimit | None = None) -> Columns:
    found = parse_message(line(document), limit)
    assert found is not None
    return found


def readings(document: Document, limit: CpuLimit | None = None) -> dict[Key, float]:
    groups, values = columns(document, limit)
    return dict(zip(chain.from_iterable(groups), values, strict=True))


def times(usage: int, host: int | None, processors: int = 4) -> CpuTimes:
    return CpuTimes(usage, host, processors)


def test_half_a_processor_of_four_is_fifty_percent() -> None:
    # 0.5 s of 4 s that four processors had between the two messages: 0.5 / 4 * 4 * 100
    assert readings(v2_message())[("docker_stats_cpu_percent",)] == 50.0


def test_an_old_daemon_counts_processors_by_their_times() -> None:
    # 1 s of 2 s on two processors: 1 / 2 * 2 * 100
    assert readings(v1_message())[("docker_stats_cpu_percent",)] == 100.0


def test_the_first_sample_without_a_delta_is_no_percentage_at_all() -> None:
    found = readings(first_message())
    assert ("docker_stats_cpu_percent",) not in found
    assert ("docker_stats_cpu_limit_percent",) not in found
    assert found[("container_cpu_usage_seconds_total", "cpu", "total")] == 10.5


def test_a_counter_that_fell_or_stood_still_is_zero_percent() -> None:
    assert cpu_percent(times(5, 100), times(5, 200)) == 0.0
    assert cpu_percent(times(9, 100), times(5, 200)) == 0.0
    assert cpu_percent(times(5, 200), times(9, 200)) == 0.0
    assert cpu_percent(times(5, None), times(9, 200)) is None


def test_percent_of_limit_divides_by_the_quota_and_not_by_the_hosts_processors() -> None:
    assert percent_of_limit(50.0, CpuLimit(50_000, 100_000), 4) == 100.0
    assert percent_of_limit(50.0, None, 4) == 12.5
    assert percent_of_limit(50.0, None, 0) is None


@pytest.mark.parametrize(
    ("nano", "quota", "period", "expected"),
    [
        (1_500_000_000, 0, 0, CpuLimit(150_000.0, 100_000.0)),
        (0, 25_000, 50_000, CpuLimit(25_000.0, 50_000.0)),
        (0, 25_000, 0, CpuLimit(25_000.0, 100_000.0)),
        (0, 0, 100_000, None),
        (0, -1, 0, None),
    ],
)
def test_the_quota_comes_from_cpus_or_from_quota_and_period(
    nano: int, quota: int, period: int, expected: CpuLimit | None
) -> None:
    assert cpu_limit(nano, quota, period) == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"inactive_file": 40}, 60),
        ({"total_inactive_file": 30, "inactive_file": 40}, 70),
        ({"inactive_file": 100}, 100),
        ({"total_inactive_file": 100, "inactive_file": 40}, 60),
        ({"total_inactive_file": 0}, 100),
        ({}, 100),
    ],
)
def test_memory_is_what_the_command_shows(details: dict[str, int], expected: int) -> None:
    assert memory_used(100, details) == expected


def test_memory_percent_of_no_limit_is_zero() -> None:
    assert memory_percent(50, 0) == 0.0
    assert memory_percent(50, 200) == 25.0


def test_every_series_of_a_cgroup_v2_message() -> None:
    found = readings(v2_message(), CpuLimit(100_000, 100_000))
    assert found == {
        ("container_last_seen",): 1795363201.25,
        ("container_cpu_usage_seconds_total", "cpu", "total"): 10.5,
        ("container_cpu_user_seconds_total",): 7.875,
        ("container_cpu_system_seconds_total",): 2.625,
        ("container_cpu_cfs_periods_total",): 100.0,
        ("container_cpu_cfs_throttled_periods_total",): 30.0,
        ("container_cpu_cfs_throttled_seconds_total",): 1.5,
        ("docker_stats_cpu_percent",): 50.0,
        ("docker_stats_cpu_limit_percent",): 50.0,
        ("container_memory_usage_bytes",): 300.0 * MIB,
        ("container_memory_working_set_bytes",): 200.0 * MIB,
        ("container_memory_rss",): 180.0 * MIB,
        ("container_memory_cache",): 110.0 * MIB,
        ("docker_stats_memory_percent",): 40.0,
        ("container_network_receive_bytes_total", "interface", "eth0"): 1000.0,
        ("container_network_receive_packets_total", "interface", "eth0"): 10.0,
        ("container_network_receive_errors_total", "interface", "eth0"): 1.0,
        ("container_network_receive_packets_dropped_total", "interface", "eth0"): 2.0,
        ("container_network_transmit_bytes_total", "interface", "eth0"): 2000.0,
        ("container_network_transmit_packets_total", "interface", "eth0"): 20.0,
        ("container_network_transmit_errors_total", "interface", "eth0"): 3.0,
        ("container_network_transmit_packets_dropped_total", "interface", "eth0"): 4.0,
        ("container_network_receive_bytes_total", "interface", "eth1"): 5.0,
        ("container_network_receive_packets_total", "interface", "eth1"): 1.0,
        ("container_network_receive_errors_total", "interface", "eth1"): 0.0,
        ("container_network_receive_packets_dropped_total", "interface", "eth1"): 0.0,
        ("container_network_transmit_bytes_total", "interface", "eth1"): 7.0,
        ("container_network_transmit_packets_total", "interface", "eth1"): 1.0,
        ("container_network_transmit_errors_total", "interface", "eth1"): 0.0,
        ("container_network_transmit_packets_dropped_total", "interface", "eth1"): 0.0,
        ("container_fs_reads_bytes_total", "device", "8:0"): 4096.0,
        ("container_fs_writes_bytes_total", "device", "8:0"): 8192.0,
        ("container_fs_reads_bytes_total", "device", "8:16"): 1.0,
        ("container_fs_writes_bytes_total", "device", "8:16"): 0.0,
        ("docker_stats_net_received_bytes",): 1005.0,
        ("docker_stats_net_sent_bytes",): 2007.0,
        ("docker_stats_block_read_bytes",): 4097.0,
        ("docker_stats_block_written_bytes",): 8192.0,
        ("container_threads",): 23.0,
        ("container_threads_max",): 0.0,
    }


def test_a_cgroup_v1_message_by_its_own_names() -> None:
    found = readings(v1_message())
    assert found[("container_memory_working_set_bytes",)] == 120.0 * MIB
    assert found[("container_memory_rss",)] == 100.0 * MIB
    assert found[("container_memory_cache",)] == 90.0 * MIB
    assert found[("docker_stats_memory_percent",)] == 120 * MIB / (2048 * MIB) * 100
    assert found[("docker_stats_cpu_limit_percent",)] == 50.0
    # Sync, Async and Total count the same bytes again
    assert found[("docker_stats_block_read_bytes",)] == 100.0
    assert found[("docker_stats_block_written_bytes",)] == 50.0
    assert ("container_cpu_cfs_periods_total",) not in found


def test_bytes_are_summed_by_device_and_only_reads_and_writes_count() -> None:
    entries = [
        {"major": 8, "minor": 0, "op": "Read", "value": 1},
        {"major": 8, "minor": 0, "op": "read", "value": 10},
        {"major": 8, "minor": 1, "op": "Write", "value": 2},
        {"major": 8, "minor": 1, "op": "Total", "value": 2},
    ]
    assert block_sums(entries) == ({"8:0": 11}, {"8:1": 2})
    assert block_sums([]) == ({}, {})


def test_messages_with_the_same_parts_give_the_very_same_groups() -> None:
    first, second = columns(v2_message()), columns(v2_message(cpu_stats=cpu(11 * SECOND, 4008 * SECOND)))
    assert len(first.groups) == len(second.groups) + 1  # no quota was used up in the second
    assert all(any(group is one for one in first.groups) for group in second.groups)


def test_a_container_on_the_hosts_network_has_no_network_of_its_own() -> None:
    found = readings({key: value for key, value in v2_message().items() if key != "networks"})
    assert not [key for key in found if "network" in key[0]]
    assert found[("docker_stats_net_received_bytes",)] == 0.0


def test_a_kernel_without_memory_accounting_gives_no_memory() -> None:
    assert not [key for key in readings(v2_message(memory_stats={})) if "memory" in key[0]]


def test_a_container_that_does_not_run_has_no_stats() -> None:
    assert parse_message(line(stopped_message()), None) is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"}{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"read": 5}',
        b"[" * 5000,
        b"\xff\xfe",
        b'{"read": "now"}',
        b'{"read": "2026-11-22T16:00:01Z", "cpu_stats": {}, "pids_stats": {"current": "x"}}',
        b'{"read": "2026-11-22T16:00:01Z", "cpu_stats": {}, "memory_stats": {"usage": 1e999}}',
    ],
)
def test_f15_a_garbage_message_is_named_and_nothing_else_breaks(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="not a stats message"):
        parse_message(garbage, None)


@pytest.mark.parametrize("part", ["cpu_stats", "memory_stats", "networks", "blkio_stats", "pids_stats"])
def test_f15_a_message_with_a_part_of_another_shape_is_named(part: str) -> None:
    with pytest.raises(ValueError, match="not a stats message"):
        parse_message(line(v2_message(**{part: [1]})), None)


def test_a_list_entry_as_a_value() -> None:
    labels = {"com.docker.compose.service": "concert", "com.docker.compose.project": "shop"}
    names = ["/web/database", "/database"]
    entry = listed("1" * 64, "x", Names=names, Labels=labels, Status="Up 2 hours (unhealthy)")
    (found,) = parse_list([entry]).values()
    assert (found.name, found.service, found.project) == ("database", "concert", "shop")
    assert (found.state, found.status) == ("running", "unhealthy")


def test_a_container_without_a_name_goes_by_its_short_id() -> None:
    (found,) = parse_list([listed("1" * 64, "x", Names=None, Labels=None)]).values()
    assert found.name == "1" * 12


@pytest.mark.parametrize("document", [None, {"message": "no"}, [1], [{}], "text"])
def test_f15_what_is_no_list_or_inspection_is_said_to_be_none(document: object) -> None:
    with pytest.raises(ValueError, match="not a list of containers"):
        parse_list(document)
    with pytest.raises(ValueError, match="not an inspection"):
        parse_inspection(document)


def test_an_inspection_as_a_value() -> None:
    found = parse_inspection(inspection("1", RestartCount=3))
    assert (found.restarts, found.started, found.memory_limit) == (3, 1795359600.5, 500 * MIB)
    assert found.cpu == CpuLimit(100_000.0, 100_000.0)
    never = {"StartedAt": "0001-01-01T00:00:00Z", "ExitCode": 127, "Health": {"Status": "none"}}
    created = parse_inspection(inspection("1", State=never, HostConfig={}))
    assert (created.started, created.exit_code, created.health, created.cpu) == (None, 127, "", None)


def test_events_that_are_not_about_containers_are_passed_over() -> None:
    event = {
        "Type": "container",
        "Action": "health_status: unhealthy",
        "Actor": {"ID": "1"},
        "timeNano": SECOND,
    }
    found = parse_event(json.dumps(event).encode())
    assert found is not None
    assert (found.id, found.action, found.time) == ("1", "health_status", SECOND)
    assert parse_event(json.dumps(event | {"Type": "network"}).encode()) is None
    assert parse_event(b"garbage") is None
