"""Disks and file systems of this machine."""

import os
import re
from collections.abc import Iterable

import psutil

from collector.known_series import Reading

# Loop and memory disks, and parts of disks that are counted as a whole.
PASSED_OVER = re.compile(r"^(z?ram|loop|fd|dm-|md|sr|(h|s|v|xv)d[a-z]+|nvme\d+n\d+p|mmcblk\d+p)\d+$")
MAX_FILESYSTEMS = 64


def disk_readings() -> Iterable[Reading]:
    """Counters of whole disks; psutil gives times in milliseconds."""
    for name, counts in (psutil.disk_io_counters(perdisk=True) or {}).items():
        if PASSED_OVER.match(name):
            continue
        yield ("node_disk_read_bytes_total", "device", name), float(counts.read_bytes)
        yield ("node_disk_written_bytes_total", "device", name), float(counts.write_bytes)
        yield ("node_disk_reads_completed_total", "device", name), float(counts.read_count)
        yield ("node_disk_writes_completed_total", "device", name), float(counts.write_count)
        yield ("node_disk_read_time_seconds_total", "device", name), counts.read_time / 1000
        yield ("node_disk_write_time_seconds_total", "device", name), counts.write_time / 1000
        if hasattr(counts, "busy_time"):
            yield ("node_disk_io_time_seconds_total", "device", name), counts.busy_time / 1000


def filesystem_readings() -> Iterable[Reading]:
    """Room on local file systems, and on the root whatever it is.

    Those of a network are left alone: asking one whose server is gone never comes back.
    """
    found = {part.mountpoint: (part.device, part.fstype) for part in psutil.disk_partitions(all=False)}
    found.setdefault("/", ("rootfs", "rootfs"))
    for mountpoint, (device, fstype) in list(found.items())[:MAX_FILESYSTEMS]:
        try:
            room = os.statvfs(mountpoint)
        except OSError:
            continue
        where = ("device", device, "mountpoint", mountpoint, "fstype", fstype)
        yield ("node_filesystem_size_bytes", *where), float(room.f_blocks * room.f_frsize)
        yield ("node_filesystem_free_bytes", *where), float(room.f_bfree * room.f_frsize)
        yield ("node_filesystem_avail_bytes", *where), float(room.f_bavail * room.f_frsize)
        yield ("node_filesystem_files", *where), float(room.f_files)
        yield ("node_filesystem_files_free", *where), float(room.f_ffree)
