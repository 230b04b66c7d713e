"""Messages: what is told outside, as people see it there, and how far each message has got."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from alerts import incident_store, outbox_channel_store, outbox_store, timeline_store, untold_store
from alerts.delivery import OWED, Delivery
from alerts.incident import Incident
from alerts.message import At, RootMessage, root_message
from alerts.notification import UNTOLD
from alerts.outbox_channel_store import ChannelRow, ChannelStatus
from alerts.running_action import RunningAction
from alerts.thread_message import ThreadMessage, thread_message
from alerts.timeline import TimelineRow
from web.now import may_act
from web.parts import ConsoleParts, parts
from web.security import responder

SHOWN = 12
ROWS_SHOWN = 150
DELIVERIES_SHOWN = 100
SLACK = "slack"

blueprint = Blueprint("messages", __name__, url_prefix="/messages")


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """One incident's message with its thread, and its delivery where there is one."""

    incident: Incident
    root: RootMessage
    thread: tuple[ThreadMessage, ...]
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class ShownChannel:
    """A channel, and what it owes or gave up."""

    status: ChannelStatus
    owed: tuple[Delivery, ...]


@blueprint.get("")
def page() -> str:
    """The page."""
    part = parts()
    with part.database.reading() as connection:
        messages = tuple(_messages(part, connection))
        channels = tuple(_channels(connection))
    return render_template(
        "messages.html",
        messages=messages,
        channels=channels,
        slack=part.slack,
        target=part.settings.slack.channel,
        now=part.clock(),
        can_act=may_act(),
    )


@blueprint.post("/<name>/try-again")
@responder
def try_again(name: str) -> Response:
    """Forget the channel's trouble: what waits is tried at once."""
    with parts().database.transaction() as tx:
        known = outbox_channel_store.try_again(tx, name)
    flash(f"{name} is tried again now." if known else f"There is no channel {name}.", "done")
    return redirect(url_for("messages.page"), 303)


def blocked_channels() -> Sequence[ChannelRow]:
    """Channels that are refused for good, for the banner on every page; none while nothing can be read."""
    try:
        with parts().database.reading() as connection:
            return outbox_channel_store.blocked(connection)
    except SQLAlchemyError:
        return ()


def is_moment(piece: object) -> bool:
    """Whether a piece of a line is a time."""
    return isinstance(piece, At)


def _messages(part: ConsoleParts, connection: Connection) -> Iterator[ShownMessage]:
    actions = part.actions()
    for incident in incident_store.recent(connection, SHOWN):
        held = tuple(action for action in actions if action.incident_id == incident.id)
        delivery = outbox_store.of_subject(connection, SLACK, f"incident:{incident.id}")
        yield _message(connection, incident, held, delivery)


def _message(
    connection: Connection,
    incident: Incident,
    held: Sequence[RunningAction],
    delivery: Delivery | None,
) -> ShownMessage:
    resolution = untold_store.resolution(connection, incident.id)
    rows = timeline_store.since(connection, 0, incident.id, ROWS_SHOWN)
    told = [row for row in rows if row.kind not in UNTOLD]
    return ShownMessage(incident, root_message(incident, held, resolution, ""), tuple(thread(told)), delivery)


def thread(rows: Sequence[TimelineRow]) -> Iterator[ThreadMessage]:
    """The rows as messages of a thread."""
    left = list(rows)
    while left:
        message = thread_message(left, 0, left[-1].id)
        yield message
        left = [row for row in left if row.id > message.through]


def _channels(connection: Connection) -> Iterator[ShownChannel]:
    for status in outbox_channel_store.statuses(connection):
        found = outbox_store.recent(connection, status.channel.name, DELIVERIES_SHOWN)
        owed = [each for each in found if each.state in OWED]
        yield ShownChannel(status, tuple(owed))
