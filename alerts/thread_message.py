"""What a message in an incident's thread says: timeline rows, fast steps drawn together, storms summed up."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from alerts.notification import MINOR, STEPS
from alerts.timeline import TimelineRow

LINES_AT_MOST = 30
"""More rows than this at once are summed up."""

TOLD_OF_MANY = 12
LINE_LENGTH = 600
MESSAGE_LENGTH = 2700
"""Characters of one message before it is escaped; Slack takes 3,000 in a section and 40,000 in all."""


@dataclass(frozen=True, slots=True)
class ThreadLine:
    """One line: when (Unix seconds) and what; ``cut`` when its text was too long."""

    at: float
    kind: str
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ThreadMessage:
    """Lines in order; ``summary``: what else there was; ``through``: id of the last row it covers."""

    lines: tuple[ThreadLine, ...]
    through: int
    summary: str = ""


def thread_message(rows: Sequence[TimelineRow], left_out: int, newest: int) -> ThreadMessage:
    """The next message: as many rows as fit, or all of them summed up.

    Args:
        rows: not empty, oldest first.
        left_out: how many more rows there are between them.
        newest: id of the newest row that they and those left out go up to.
    """
    groups = list(_groups(rows))
    if left_out or len(groups) > LINES_AT_MOST:
        return _summed_up(rows, groups, left_out, newest)
    lines: list[ThreadLine] = []
    through, room = rows[0].id - 1, MESSAGE_LENGTH
    for group in groups:
        line = _line(group)
        room -= len(line.text) + 30
        if lines and room < 0:
            return ThreadMessage(tuple(lines), through)
        lines.append(line)
        through = group[-1].id
    return ThreadMessage(tuple(lines), newest)


def _groups(rows: Sequence[TimelineRow]) -> Iterator[list[TimelineRow]]:
    """Steps of one run in a row are one group; every other row is one by itself."""
    for _, together in groupby(
        rows, key=lambda row: (row.run_key, row.kind) if row.kind in STEPS else row.id
    ):
        yield list(together)


def _line(group: Sequence[TimelineRow]) -> ThreadLine:
    last = group[-1]
    text = " ".join(last.text.split())
    if len(group) > 1:
        text += f" (the last of {len(group)} such steps within {last.at - group[0].at:.0f} s)"
    cut = len(text) > LINE_LENGTH
    return ThreadLine(last.at, last.kind.value, text[: LINE_LENGTH - 1] + "…" if cut else text, cut)


def _summed_up(
    rows: Sequence[TimelineRow], groups: Sequence[Sequence[TimelineRow]], left_out: int, newest: int
) -> ThreadMessage:
    major = [group for group in groups if group[0].kind not in MINOR]
    told = (major or list(groups))[-TOLD_OF_MANY:]
    shown = sum(len(group) for group in told)
    kinds = Counter(row.kind.value.replace("_", " ") for row in rows)
    for group in told:
        kinds.subtract(row.kind.value.replace("_", " ") for row in group)
    named = [f"{number} {kind}" for kind, number in kinds.most_common(5) if number > 0]
    number = left_out + len(rows) - shown
    of = f", among them {', '.join(named)}" if named and not left_out else ""
    lines = tuple(_shorter(_line(group)) for group in told)
    return ThreadMessage(lines, newest, f"{number:,} more events in this time{of}")


def _shorter(line: ThreadLine) -> ThreadLine:
    room = MESSAGE_LENGTH // TOLD_OF_MANY - 30
    if len(line.text) <= room:
        return line
    return ThreadLine(line.at, line.kind, line.text[: room - 1] + "…", cut=True)
