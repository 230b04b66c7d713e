"""What the host's series mean."""

from collector.source import gauges
from metrics.values import Metadata

_GAUGES = {
    "node_memory_MemTotal_bytes": "Memory of the machine.",
    "node_memory_MemAvailable_bytes": "Memory that programs could still have without swapping.",
    "node_memory_MemFree_bytes": "Memory that is used for nothing at all.",
    "node_memory_Buffers_bytes": "Memory for blocks of devices.",
    "node_memory_Cached_bytes": "Page cache.",
    "node_memory_Active_bytes": "Memory used lately.",
    "node_memory_Inactive_bytes": "Memory not used lately.",
    "node_memory_Shmem_bytes": "Shared memory.",
    "node_memory_Slab_bytes": "Memory of the kernel's own structures.",
    "node_memory_SwapTotal_bytes": "Swap space.",
    "node_memory_SwapFree_bytes": "Swap space that is free.",
    "node_load1": "Processes that run or wait, over 1 minute.",
    "node_load5": "The same over 5 minutes.",
    "node_load15": "The same over 15 minutes.",
    "node_boot_time_seconds": "When the machine was started, in Unix seconds.",
    "node_filefd_allocated": "File handles in use.",
    "node_filefd_maximum": "File handles that there may be.",
    "node_filesystem_size_bytes": "Size of the file system.",
    "node_filesystem_free_bytes": "Room on it.",
    "node_filesystem_avail_bytes": "Room on it for users other than root.",
    "node_filesystem_files": "Inodes.",
    "node_filesystem_files_free": "Free inodes.",
}
_COUNTERS = {
    "node_cpu_seconds_total": "Processor time by mode; steal is what the machine's own host took away.",
    "node_disk_read_bytes_total": "Bytes read.",
    "node_disk_written_bytes_total": "Bytes written.",
    "node_disk_reads_completed_total": "Reads.",
    "node_disk_writes_completed_total": "Writes.",
    "node_disk_read_time_seconds_total": "Time that reads took, summed.",
    "node_disk_write_time_seconds_total": "Time that writes took, summed.",
    "node_disk_io_time_seconds_total": "Time in which the disk was busy.",
    "node_network_receive_bytes_total": "Bytes received.",
    "node_network_transmit_bytes_total": "Bytes sent.",
    "node_network_receive_packets_total": "Packets received.",
    "node_network_transmit_packets_total": "Packets sent.",
    "node_network_receive_errs_total": "Errors while receiving.",
    "node_network_transmit_errs_total": "Errors while sending.",
    "node_network_receive_drop_total": "Packets dropped while receiving.",
    "node_network_transmit_drop_total": "Packets dropped while sending.",
    "node_pressure_cpu_waiting_seconds_total": "Time in which something waited for a processor.",
    "node_pressure_io_waiting_seconds_total": "Time in which something waited for input or output.",
    "node_pressure_io_stalled_seconds_total": "Time in which everything waited for it.",
    "node_pressure_memory_waiting_seconds_total": "Time in which something waited for memory.",
    "node_pressure_memory_stalled_seconds_total": "Time in which everything waited for it.",
    "node_vmstat_oom_kill": "Processes killed for want of memory.",
}
METADATA = gauges(_GAUGES) | {name: Metadata("counter", text) for name, text in _COUNTERS.items()}
