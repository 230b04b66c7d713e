"""Records to groups of one template."""

from collections.abc import Sequence

from collector.log_line import shown
from collector.log_lines import LogGroup
from collector.log_records import LogRecord
from collector.log_template import template_of

MOST_GROUPS = 50
LINES_SHOWN = 5
LONGEST_SHOWN = 1000


def groups_of(records: Sequence[LogRecord], names: Sequence[str]) -> tuple[LogGroup, ...]:
    """Groups of records (oldest first) by template and pattern, those that matter first.

    Args:
        names: of the patterns, by position.
    """
    found: dict[tuple[str, str | None], list[LogRecord]] = {}
    for record in records:
        pattern = names[record.patterns[0]] if record.patterns else None
        found.setdefault((template_of(shown(record.first)), pattern), []).append(record)
    groups = [_group(template, pattern, same) for (template, pattern), same in found.items()]
    groups.sort(key=lambda group: (group.pattern is None, -group.count, -group.last_at))
    return tuple(groups)


def _group(template: str, pattern: str | None, same: list[LogRecord]) -> LogGroup:
    newest = same[-1]
    return LogGroup(
        template=template,
        count=len(same),
        pattern=pattern,
        first_at=same[0].at,
        last_at=newest.at,
        example="\n".join(shown(line) for line in (newest.first, *newest.rest)),
        last_lines=tuple(shown(record.first)[:LONGEST_SHOWN] for record in same[-LINES_SHOWN:]),
    )
