"""Containers and their stats under cAdvisor's names, and what ``docker stats`` shows under its own.

Keys are built once per kind of series; a message costs little more than its numbers.
"""

from collections.abc import Iterator

from collector.docker_arithmetic import CpuLimit, cpu_percent, in_and_out, memory_percent, percent_of_limit
from collector.docker_containers import Container
from collector.docker_message import BlockDevice, Interface, MemoryUse, StatsMessage, Traffic
from collector.known_series import Key, Reading
from collector.source import gauges
from metrics.values import Metadata

HEALTH = {"healthy": 1.0, "": -1.0}  # anything else, starting and unhealthy, is 0

_GAUGES = {
    "container_last_seen": "When the daemon last read its stats, in Unix seconds.",
    "container_memory_usage_bytes": "Memory in use, page cache included.",
    "container_memory_working_set_bytes": "MEM USAGE of docker stats: without inactive page cache.",
    "container_memory_rss": "Memory that belongs to no file.",
    "container_memory_cache": "Page cache.",
    "container_threads": "PIDS of docker stats: threads of all its processes.",
    "container_threads_max": "How many it may have, 0 without a limit.",
    "container_start_time_seconds": "When it was started, in Unix seconds.",
    "container_spec_memory_limit_bytes": "Memory limit of the container, 0 without one.",
    "container_spec_cpu_quota": "Processor quota in microseconds a period.",
    "container_spec_cpu_period": "Period of the quota in microseconds.",
    "container_simulated": "0: this is a container indeed.",
    "container_state": "1 with the state that it is in.",
    "container_health_state": "1 healthy, 0 unhealthy or starting, -1 without a health check.",
    "container_exit_code": "Of its last run, while it does not run.",
    "docker_stats_cpu_percent": "CPU % of docker stats: 100 is one processor.",
    "docker_stats_cpu_limit_percent": "The same as a part of its quota, or of all processors without one.",
    "docker_stats_memory_percent": "MEM % of docker stats.",
    "docker_stats_net_received_bytes": "NET I/O of docker stats, its first number.",
    "docker_stats_net_sent_bytes": "Its second.",
    "docker_stats_block_read_bytes": "BLOCK I/O of docker stats, its first number.",
    "docker_stats_block_written_bytes": "Its second.",
    "docker_up": "Whether the daemon answers.",
}
_COUNTERS = {
    "container_cpu_usage_seconds_total": "Processor time.",
    "container_cpu_user_seconds_total": "Processor time in programs.",
    "container_cpu_system_seconds_total": "Processor time in the kernel.",
    "container_cpu_cfs_periods_total": "Periods of the quota.",
    "container_cpu_cfs_throttled_periods_total": "Periods in which the quota was used up.",
    "container_cpu_cfs_throttled_seconds_total": "Time spent waiting for the next period.",
    "container_network_receive_bytes_total": "Bytes received.",
    "container_network_receive_packets_total": "Packets received.",
    "container_network_receive_errors_total": "Errors while receiving.",
    "container_network_receive_packets_dropped_total": "Packets dropped while receiving.",
    "container_network_transmit_bytes_total": "Bytes sent.",
    "container_network_transmit_packets_total": "Packets sent.",
    "container_network_transmit_errors_total": "Errors while sending.",
    "container_network_transmit_packets_dropped_total": "Packets dropped while sending.",
    "container_fs_reads_bytes_total": "Bytes read from devices.",
    "container_fs_writes_bytes_total": "Bytes written to devices.",
    "container_restarts_total": "Restarts by the daemon.",
    "container_oom_events_total": "Times that the kernel killed in it for want of memory, since we watch.",
}
METADATA = gauges(_GAUGES) | {name: Metadata("counter", text) for name, text in _COUNTERS.items()}

_CPU_USAGE: Key = ("container_cpu_usage_seconds_total", "cpu", "total")
_CPU_USER: Key = ("container_cpu_user_seconds_total",)
_CPU_SYSTEM: Key = ("container_cpu_system_seconds_total",)
_PERIODS: Key = ("container_cpu_cfs_periods_total",)
_THROTTLED_PERIODS: Key = ("container_cpu_cfs_throttled_periods_total",)
_THROTTLED_SECONDS: Key = ("container_cpu_cfs_throttled_seconds_total",)
_LAST_SEEN: Key = ("container_last_seen",)
_THREADS: Key = ("container_threads",)
_THREADS_MAX: Key = ("container_threads_max",)
_TRAFFIC = {
    way: tuple(
        f"container_network_{way}_{what}_total" for what in ("bytes", "packets", "errors", "packets_dropped")
    )
    for way in ("receive", "transmit")
}


def message_readings(message: StatsMessage, limit: CpuLimit | None) -> Iterator[Reading]:
    """Every series of a running container's stats."""
    yield _LAST_SEEN, message.at
    yield from _cpu(message, limit)
    if message.memory is not None:
        yield from _memory(message.memory)
    for interface in message.interfaces:
        yield from _network(interface)
    for device in message.devices:
        yield from _block(device)
    yield from _sums(message)
    if message.tasks is not None:
        yield _THREADS, float(message.tasks)
        yield _THREADS_MAX, float(message.tasks_limit)


def _cpu(message: StatsMessage, limit: CpuLimit | None) -> Iterator[Reading]:
    now = message.cpu
    yield _CPU_USAGE, now.usage / 1e9
    yield _CPU_USER, now.user / 1e9
    yield _CPU_SYSTEM, now.kernel / 1e9
    if limit is not None or now.periods:
        yield _PERIODS, float(now.periods)
        yield _THROTTLED_PERIODS, float(now.throttled_periods)
        yield _THROTTLED_SECONDS, now.throttled / 1e9
    percent = cpu_percent(message.before, now)
    if percent is None:
        return
    yield ("docker_stats_cpu_percent",), percent
    part = percent_of_limit(percent, limit, now.processors)
    if part is not None:
        yield ("docker_stats_cpu_limit_percent",), part


def _memory(memory: MemoryUse) -> Iterator[Reading]:
    yield ("container_memory_usage_bytes",), float(memory.usage)
    yield ("container_memory_working_set_bytes",), float(memory.working_set)
    yield ("container_memory_rss",), float(memory.anonymous)
    yield ("container_memory_cache",), float(memory.cache)
    yield ("docker_stats_memory_percent",), memory_percent(memory.working_set, memory.limit)


def _sums(message: StatsMessage) -> Iterator[Reading]:
    received, sent = in_and_out((each.received.octets, each.sent.octets) for each in message.interfaces)
    yield ("docker_stats_net_received_bytes",), float(received)
    yield ("docker_stats_net_sent_bytes",), float(sent)
    read, written = in_and_out((each.read, each.written) for each in message.devices)
    yield ("docker_stats_block_read_bytes",), float(read)
    yield ("docker_stats_block_written_bytes",), float(written)


def _network(interface: Interface) -> Iterator[Reading]:
    yield from _way("receive", interface.name, interface.received)
    yield from _way("transmit", interface.name, interface.sent)


def _way(way: str, interface: str, traffic: Traffic) -> Iterator[Reading]:
    counts = (traffic.octets, traffic.packets, traffic.errors, traffic.dropped)
    for metric, count in zip(_TRAFFIC[way], counts, strict=True):
        yield (metric, "interface", interface), float(count)


def _block(device: BlockDevice) -> Iterator[Reading]:
    yield ("container_fs_reads_bytes_total", "device", device.name), float(device.read)
    yield ("container_fs_writes_bytes_total", "device", device.name), float(device.written)


def container_readings(container: Container, oom_kills: int | None) -> Iterator[Reading]:
    """What is known without stats: state, health, restarts, limits. ``oom_kills`` is None where unknown."""
    yield ("container_state", "state", container.listed.state), 1.0
    if oom_kills is not None:
        yield ("container_oom_events_total",), float(oom_kills)
    facts = container.inspected
    if facts is None:
        return
    yield ("container_restarts_total",), float(facts.restarts)
    if not container.alive:
        yield ("container_exit_code",), float(facts.exit_code)
        return
    yield ("container_health_state",), HEALTH.get(facts.health, 0.0)
    yield ("container_simulated",), 0.0
    yield ("container_spec_memory_limit_bytes",), float(facts.memory_limit)
    if facts.started is not None:
        yield ("container_start_time_seconds",), facts.started
    if facts.cpu is not None:
        yield ("container_spec_cpu_quota",), facts.cpu.quota
        yield ("container_spec_cpu_period",), facts.cpu.period
