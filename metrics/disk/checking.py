"""Reading every byte of a store's files, without changing any of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from metrics.disk import block_file, recovery
from metrics.disk.block_file import Section
from metrics.disk.block_time import block_span
from metrics.disk.damage import Damage, DamageKind
from metrics.disk.rows import Row
from metrics.promql.source import VALUE


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file holds.

    Attributes:
        file: its name.
        size: bytes.
        origins: targets and rule groups with rows in it.
        rows: looks at them; samples with times of their own are in none.
        samples: values.
        damage: what cannot be read.
    """

    file: str
    size: int
    origins: int
    rows: int
    samples: int
    damage: tuple[Damage, ...]


def check(folder: Path) -> Iterator[Checked]:
    """Every file, sealed blocks first, oldest first. Raises OSError when the folder cannot be read."""
    for path in sorted(path for path in folder.iterdir() if block_span(path.name) is not None):
        yield _block(path)
    for _, path in recovery.wal_files(folder):
        yield _rows(path)


def _rows(path: Path) -> Checked:
    damage: list[Damage] = []
    origins: set[str] = set()
    rows = samples = 0
    for found in recovery.read_all(path):
        if isinstance(found, Damage):
            damage.append(found)
        else:
            origins.add(found.origin)
            rows, samples = rows + isinstance(found, Row), samples + len(found.values)
    return Checked(path.name, _size(path), len(origins), rows, samples, tuple(damage))


def _block(path: Path) -> Checked:
    try:
        sections, damage = block_file.read(path)
    except OSError as error:
        text = f"cannot be read ({error.strerror})"
        return Checked(path.name, 0, 0, 0, 0, (Damage(path.name, DamageKind.UNREADABLE, 0, 0, text),))
    samples = 0
    for section in sections:
        for number in range(len(section.labels)):
            found = _series(section, number)
            if isinstance(found, Damage):
                damage.append(found)
            else:
                samples += found
    rows = sum(len(section.times) for section in sections)
    origins = len({section.origin for section in sections})
    return Checked(path.name, _size(path), origins, rows, samples, tuple(damage))


def _series(section: Section, number: int) -> int | Damage:
    """How many samples a series has."""
    try:
        states = section.track(number).states
    except ValueError as error:
        return section.damage(number, error)
    return int((states == VALUE).sum())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
