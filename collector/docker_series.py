"""Containers under cAdvisor's names: what every series is, and those that need no stats."""

from collections.abc import Iterator

from collector.docker_containers import Container
from collector.known_series import Columns, Reading
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


def container_columns(container: Container, oom_kills: int | None) -> Columns:
    """What is known without stats: state, health, restarts, limits. ``oom_kills`` is None where unknown."""
    readings = tuple(_container_readings(container, oom_kills))
    return Columns((tuple(key for key, _ in readings),), tuple(value for _, value in readings))


def _container_readings(container: Container, oom_kills: int | None) -> Iterator[Reading]:
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
