"""The folder of a store: what was read back from it, and what is being written into it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from metrics.disk import recovery
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.rows import Row
from metrics.disk.write_ahead import WriteAhead

_LOGGED = 5
"""Damages of one file that are logged one by one."""


class Shelf:
    """The files of one store.

    Args:
        folder: made when it is not there. Only one process may use it: the data directory's lock sees to it.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._damage: Counter[DamageKind] = Counter()
        self.write_ahead = WriteAhead(folder)
        self.rows_recalled = 0

    @property
    def damage(self) -> Mapping[DamageKind, int]:
        """How many pieces of files were left out since the start, by kind."""
        return dict(self._damage)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What a person must be told, one line each; empty while samples are written."""
        found = self.write_ahead.trouble
        if found is None:
            return ()
        return (f"{found.text}: they are kept in memory alone; make room, nothing else is needed",)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        with suppress(OSError):
            return sum(path.stat().st_size for path in self._folder.iterdir())
        return 0

    def recall(self) -> Iterator[Row]:
        """Every whole row of the write-ahead files; what is damaged is logged, counted and left out."""
        for _, path in recovery.wal_files(self._folder):
            damaged: list[Damage] = []
            for found in recovery.read(path):
                if isinstance(found, Damage):
                    damaged.append(found)
                else:
                    self.rows_recalled += 1
                    yield found
            self.note(damaged)

    def note(self, damaged: list[Damage]) -> None:
        """Count damage and say which it is."""
        self._damage.update(damage.kind for damage in damaged)
        log = structlog.get_logger()
        for damage in damaged[:_LOGGED]:
            log.warning("store_file_damaged", damage=str(damage))
        if len(damaged) > _LOGGED:
            log.warning("store_file_damaged", file=damaged[0].file, more=len(damaged) - _LOGGED)

    def forget_before(self, at: int) -> None:
        """Delete write-ahead files whose block begins before ``at`` milliseconds. Raises OSError."""
        for block, _ in recovery.wal_files(self._folder):
            if block < at:
                self.write_ahead.forget(block)
