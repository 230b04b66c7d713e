"""Under which account PostgreSQL runs: it refuses to run as root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from stack.local.errors import Fault, StackError

_UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the system, by its numbers."""

    uid: int
    gid: int
    name: str


def postgres_account() -> Account | None:
    """The account to change to; None when the present one will do.

    Raises:
        StackError: we are root and the system has no unprivileged account.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        advice = "PostgreSQL refuses to run as root: add that account, or run as another user."
        fault = Fault("running as root", f"there is no account '{_UNPRIVILEGED}'", "one", advice)
        raise StackError(fault) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def can_enter(folder: Path, account: Account) -> bool:
    """Whether the account may walk down to this existing folder, by the permissions of all above it."""
    resolved = folder.resolve()
    return all(_lets_pass(part.stat(), account) for part in (resolved, *resolved.parents))


def _lets_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
