"""The folder of a store: what was read back from it, and what is being written into it."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from metrics.disk import label_text, recovery
from metrics.disk.block_time import BLOCK_MS, block_name
from metrics.disk.blocks import Blocks
from metrics.disk.cutting import AnyStretch
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.merging import Merging
from metrics.disk.pushes import Push
from metrics.disk.rows import Row
from metrics.disk.write_ahead import WriteAhead

_LOGGED = 5
"""Damages of one file that are logged one by one."""


class Shelf:
    """The files of one store.

    Args:
        folder: made when it is not there. Only one process may use it: the data directory's lock sees to it.
        retention: seconds that sealed blocks are kept.
        retention_bytes: how big all files may be together; the oldest blocks go first.
        hurried: asked while blocks are merged: True while something is at work that goes first.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        retention: float = 7 * 86400.0,
        retention_bytes: int = 2 * 10**9,
        hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        self._retention_ms, self._retention_bytes = round(retention * 1000), retention_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._damage: Counter[DamageKind] = Counter()
        self.write_ahead = WriteAhead(folder)
        self.blocks = Blocks(folder, self.note)
        self.merging = Merging(self.blocks, self.note, hurried)
        self.blocks_sealed = 0
        self._seal_trouble = ""
        self.rows_recalled = 0

    @property
    def damage(self) -> Mapping[DamageKind, int]:
        """How many pieces of files were left out since the start, by kind."""
        return dict(self._damage)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What a person must be told, one line each; empty while samples are written."""
        found = self.write_ahead.trouble
        lines = []
        if found is not None:
            lines.append(f"{found.text}: they are kept in memory alone; make room, nothing else is needed")
        if self._seal_trouble:
            lines.append(self._seal_trouble)
        return tuple(lines)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        found = 0
        with suppress(OSError):
            for path in self._folder.iterdir():
                # One that is deleted meanwhile takes no room.
                with suppress(OSError):
                    found += path.stat().st_size
        return found

    def recall(self, first: int = -(2**62), last: int = 2**62) -> Iterator[Row | Push]:
        """Every whole row and push of the write-ahead files of blocks in [first, last).

        What is damaged is logged, counted and left out.
        """
        unpacked = label_text.remembering()
        for block, path in recovery.wal_files(self._folder):
            if not first <= block < last:
                continue
            damaged: list[Damage] = []
            for found in recovery.read_all(path, unpacked):
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

    def unsealed(self) -> set[int]:
        """The blocks whose rows were written after they were sealed, or that are not sealed yet."""
        return {
            block
            for block, path in recovery.wal_files(self._folder)
            if _written_at(path) > (self.blocks.written_at(block) or 0.0)
        }

    def sealed_without_rows(self) -> int | None:
        """Where the newest block ends whose rows are on disk as a sealed block alone; None without any."""
        ahead = self.ahead()
        return max((block + BLOCK_MS for block in self.blocks.starts if block not in ahead), default=None)

    def seal(self, block: int, stretches: Iterable[AnyStretch]) -> bool:
        """Seal a block; False when the disk does not take it."""
        try:
            self.blocks.seal(block, stretches)
        except OSError as error:
            text = f"{self._folder}: a block cannot be sealed ({error.strerror or error}); it is tried again"
            if not self._seal_trouble:
                structlog.get_logger().error("store_block_not_sealed", block=block_name(block), error=text)
            self._seal_trouble = text
            return False
        self._seal_trouble = ""
        self.blocks_sealed += 1
        return True

    def forget_rows(self, before: int, spare: Container[int]) -> None:
        """Delete write-ahead files whose block ends at ``before`` or earlier. Raises OSError."""
        for block, _ in recovery.wal_files(self._folder):
            if block + BLOCK_MS <= before and block not in spare:
                self.write_ahead.forget(block)

    def ahead(self) -> set[int]:
        """The blocks that have write-ahead files."""
        return {block for block, _ in recovery.wal_files(self._folder)}

    def retain(self, now: int) -> None:
        """Delete sealed blocks that are too old, or the oldest while all files have too many bytes."""
        others = self.size - self.blocks.size
        gone = self.blocks.forget(now - self._retention_ms, self._retention_bytes - others)
        if gone:
            structlog.get_logger().info("store_blocks_forgotten", blocks=gone)


def _written_at(path: Path) -> float:
    """When a file changed; 0 where the file system does not say it: then nothing can be read from it."""
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
