"""Files written whole or not at all, and files that only their owner may read."""

import os
import secrets
from pathlib import Path


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace the file in one step: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def password_in(path: Path) -> str:
    """The password kept in this file; a new random one when there is no file. The file's mode is 0600."""
    if not path.exists():
        write_atomically(path, secrets.token_urlsafe(24) + "\n", mode=0o600)
    path.chmod(0o600)
    return path.read_text(encoding="utf-8").strip()
