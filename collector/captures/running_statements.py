"""Connections that do the same at one moment, as one: a full pool runs one statement ten times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.captures.postgresql_look import Activity


@dataclass(frozen=True, slots=True)
class Running:
    """A statement in one state; times in seconds, of the oldest of ``count`` connections, as its ``pid``."""

    text: str
    count: int
    seconds: float | None
    transaction_seconds: float | None
    state: str
    waits_for: str
    user: str
    pid: int


def together(running: Iterable[Activity]) -> Sequence[Running]:
    """By statement, state, wait and user, in the order in which they first come."""
    groups: dict[tuple[str, str, str, str], list[Activity]] = {}
    for each in running:
        groups.setdefault((each.text, each.state, each.waits_for, each.user), []).append(each)
    return [_as_one(group) for group in groups.values()]


def _as_one(group: Sequence[Activity]) -> Running:
    oldest = max(group, key=lambda each: each.seconds or 0.0)
    transactions = [each.transaction_seconds for each in group if each.transaction_seconds is not None]
    return Running(
        text=oldest.text,
        count=len(group),
        seconds=oldest.seconds,
        transaction_seconds=max(transactions, default=None),
        state=oldest.state,
        waits_for=oldest.waits_for,
        user=oldest.user,
        pid=oldest.pid,
    )
