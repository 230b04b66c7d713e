"""Messages as Slack's blocks, within its limits: 50 blocks, 3,000 characters a section, 40,000 in all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from alerts.message import At, Line, RootMessage
from alerts.slack.text import MORE, cut, date, escaped, fitted, link
from alerts.thread_message import ThreadLine, ThreadMessage
from alerts.timeline import JsonValue, TimelineRow

Block: TypeAlias = Mapping[str, JsonValue]

SECTION_LIMIT = 2900
VALUE_LIMIT = 800
TITLE_LIMIT = 400
TEXT_LIMIT = 1500
"""Characters of markup: what has to be escaped takes up to five for one."""

ACKNOWLEDGE = "showcall_acknowledge"

_SIGNS = {"open": ":red_circle:", "mitigated": ":large_yellow_circle:", "resolved": ":large_green_circle:"}


@dataclass(frozen=True, slots=True)
class Payload:
    """What goes out: the blocks, and the plain text that notifications show."""

    text: str
    blocks: tuple[Block, ...]


def root_payload(message: RootMessage, installation: str) -> Payload:
    """An incident's message. ``installation`` goes into the button, so that a click finds its Showcall."""
    title = f"Incident {message.incident_id}: {message.title}"
    head = f"{_SIGNS.get(message.state, ':white_circle:')} *{link(message.link, title, TITLE_LIMIT)}*"
    lines = [_line(line) for line in message.lines]
    blocks = [_section(head), _section(fitted(lines, SECTION_LIMIT, _rest(message.link)))]
    if message.can_acknowledge:
        blocks.append(_button(f"{installation}:{message.incident_id}"))
    return Payload(cut(message.summary, TEXT_LIMIT), tuple(blocks))


def thread_payload(message: ThreadMessage, address: str) -> Payload:
    """A message in the thread."""
    more = message.summary or any(line.cut for line in message.lines)
    lines = [_thread_line(line) for line in message.lines]
    if message.summary:
        lines.append(f"_{escaped(message.summary)}_")
    if more:
        lines.append(_rest(address))
    text = message.lines[-1].text if message.lines else message.summary
    section = _section(fitted(lines, SECTION_LIMIT, _rest(address)))
    return Payload(cut(text, TEXT_LIMIT), (section,))


def row_payload(row: TimelineRow, address: str) -> Payload:
    """A row that belongs to no incident; its text may have several lines."""
    lines = [cut(line, VALUE_LIMIT) for line in row.text.splitlines() if line.strip()]
    text = fitted([date(row.at), *lines], SECTION_LIMIT, _rest(address))
    return Payload(cut(row.text, TEXT_LIMIT), (_section(text),))


def _rest(address: str) -> str:
    return link(address, f"{MORE.strip()} all of it in the console")


def _line(line: Line) -> str:
    parts = [date(part.seconds) if isinstance(part, At) else _spaced(part) for part in line.parts]
    return f"*{escaped(line.label)}*  {''.join(parts)}"


def _spaced(part: str) -> str:
    """Escaped, with the spaces at its edges kept."""
    before, after = " " * part.startswith(" "), " " * part.endswith(" ")
    return f"{before}{cut(part, VALUE_LIMIT)}{after}"


def _thread_line(line: ThreadLine) -> str:
    return f"{date(line.at)}  {cut(line.text, VALUE_LIMIT)}"


def _section(text: str) -> Block:
    # verbatim: plain names and addresses are not made into mentions and links.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _button(value: str) -> Block:
    button: JsonValue = {
        "type": "button",
        "action_id": ACKNOWLEDGE,
        "style": "primary",
        "text": {"type": "plain_text", "text": "Acknowledge"},
        "value": value,
    }
    return {"type": "actions", "elements": [button]}
