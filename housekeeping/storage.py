"""How much room there is, and whether the database takes what it is given."""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from database import Database

BUSY_SECONDS = 3.0
"""A lock that somebody holds for a moment is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Storage:
    """What is known of the disk now.

    Attributes:
        folder: the data directory, on whose disk ``disk_free_bytes`` are free.
        database_bytes: with its log.
        low_bytes: less than that is low.
        write_error: why the database takes no writes, empty while it does.
        write_error_seconds: for how long it has taken none.
        on_this_disk: the database is a file in the folder.
    """

    folder: Path
    database_bytes: int
    disk_free_bytes: int
    low_bytes: int
    write_error: str = ""
    write_error_seconds: float = 0.0
    on_this_disk: bool = True

    @property
    def troubles(self) -> tuple[str, ...]:
        """What a person must be told, one line each."""
        found = []
        if self.write_error:
            advice = f"; make room at {self.folder}" if self.on_this_disk else ""
            found.append(
                f"the database takes no writes ({self.write_error}), since "
                f"{self.write_error_seconds:.0f} s: nothing is acted on{advice}"
            )
        if self.disk_free_bytes < self.low_bytes:
            found.append(
                f"the disk of {self.folder} is nearly full: {self.disk_free_bytes / 1e6:.0f} MB are free "
                f"(want at least {self.low_bytes / 1e6:.0f} MB)"
            )
        return tuple(found)


def look(database: Database, database_file: Path, low_bytes: int) -> Storage:
    """Ask the file system; nothing is written."""
    trouble = database.trouble
    lasts = trouble is not None and (not trouble.busy or trouble.last - trouble.since >= BUSY_SECONDS)
    return Storage(
        folder=database_file.parent,
        database_bytes=_sizes(database_file) if database.is_sqlite else 0,
        disk_free_bytes=shutil.disk_usage(database_file.parent).free,
        low_bytes=low_bytes,
        write_error=trouble.text if trouble is not None and lasts else "",
        write_error_seconds=time.monotonic() - trouble.since if trouble is not None and lasts else 0.0,
        on_this_disk=database.is_sqlite,
    )


def _sizes(database_file: Path) -> int:
    return sum(_size(Path(f"{database_file}{ending}")) for ending in ("", "-wal"))


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
