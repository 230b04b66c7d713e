"""Blocks of 15 minutes of the wall clock, and what their files are called."""

import re
from datetime import UTC, datetime

BLOCK_MS = 15 * 60 * 1000
"""Length of a block."""

_FORM = "%Y%m%dT%H%M%SZ"
_WAL = re.compile(r"(\d{8}T\d{6}Z)-(\d+)\.wal")
_BLOCK = re.compile(r"(\d{8}T\d{6}Z)\.block")


def wal_name(block: int, number: int) -> str:
    """The name of a write-ahead file: the start of its block, and its number among all of the store's."""
    return f"{_text(block)}-{number}.wal"


def wal_place(name: str) -> tuple[int, int] | None:
    """Start of the block (milliseconds) and number of a write-ahead file; None for another file."""
    found = _WAL.fullmatch(name)
    return None if found is None else (_start(found[1]), int(found[2]))


def block_name(block: int) -> str:
    """The name of a sealed block's file."""
    return f"{_text(block)}.block"


def block_start(name: str) -> int | None:
    """Start of a sealed block in milliseconds by the name of its file; None for another file."""
    found = _BLOCK.fullmatch(name)
    return None if found is None else _start(found[1])


def _text(block: int) -> str:
    return datetime.fromtimestamp(block / 1000, UTC).strftime(_FORM)


def _start(text: str) -> int:
    return int(datetime.strptime(text, _FORM).replace(tzinfo=UTC).timestamp()) * 1000
