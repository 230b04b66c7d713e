"""Reading write-ahead files back: every row and push that is whole, and what is not."""

from collections.abc import Iterator
from pathlib import Path

from metrics.disk import label_text, pushes, rows
from metrics.disk.block_time import wal_place
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.frames import Framed, Gap, frames
from metrics.disk.pushes import Push
from metrics.disk.rows import LostContextError, Row, Unpack


def wal_files(folder: Path) -> list[tuple[int, Path]]:
    """Write-ahead files with the start of their block (milliseconds), in the order they were begun.

    The order is that of each origin's rows, also where the clock was set back and a block was begun again.
    """
    found = [(place, path) for path in folder.iterdir() if (place := wal_place(path.name)) is not None]
    return [(place[0], path) for place, path in sorted(found, key=lambda each: each[0][1])]


def read(path: Path) -> Iterator[Row | Damage]:
    """The rows of a file in the order they were written, and its damage in between."""
    return (found for found in read_all(path) if not isinstance(found, Push))


def read_all(path: Path, unpacked: Unpack = label_text.unpacked) -> Iterator[Row | Push | Damage]:
    """The rows and pushes of a file in the order they were written, and its damage in between.

    ``unpacked`` gives label sets; see ``label_text.remembering``.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        yield Damage(path.name, DamageKind.UNREADABLE, 0, 0, f"cannot be read ({error.strerror})")
        return
    known: dict[str, Row] = {}
    for piece in frames(data):
        yield _gap(path.name, piece) if isinstance(piece, Gap) else _row(path.name, piece, known, unpacked)


def _gap(file: str, gap: Gap) -> Damage:
    kind = DamageKind.TORN_TAIL if gap.last else DamageKind.CHECKSUM
    text = "the end is torn off" if gap.last else "records with a wrong checksum"
    return Damage(file, kind, gap.offset, gap.end - gap.offset, text)


def _row(file: str, piece: Framed, known: dict[str, Row], unpacked: Unpack) -> Row | Push | Damage:
    length = piece.end - piece.offset
    try:
        if pushes.is_push(piece.payload):
            return pushes.read(piece.payload, unpacked)
        return rows.read(piece.payload, known, unpacked)
    except LostContextError as error:
        text = f"a row of {error} that follows a lost one"
        return Damage(file, DamageKind.LOST_CONTEXT, piece.offset, length, text)
    except ValueError as error:
        return Damage(file, DamageKind.CHECKSUM, piece.offset, length, str(error))
