"""Slack's buttons: POST /slack/interactions, signed by Slack. It writes to our database and calls nobody."""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import structlog
from flask import Blueprint, current_app, request
from slack_sdk.signature import Clock, SignatureVerifier
from werkzeug.exceptions import BadRequest, NotFound, Unauthorized

from alerts import incident_store, outbox_channel_store
from alerts.slack.blocks import ACKNOWLEDGE
from alerts.slack.credentials import SecretError
from web import session_store
from web.parts import ConsoleParts, SlackDesk, parts
from web.security import public
from web.session_store import Role

BODY_LIMIT = 64 * 1024
REMEMBERED = 4096

blueprint = Blueprint("slack_interactions", __name__, url_prefix="/slack")


class OurClock(Clock):
    """Slack's verifier over our clock."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        """Unix seconds."""
        return self._now


class SeenRequests:
    """Signatures that were answered already: a request that is sent again does nothing again."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def first_time(self, signature: str) -> bool:
        """Whether this one is new; it is remembered. Beyond ``REMEMBERED`` the oldest are forgotten."""
        with self._lock:
            if signature in self._seen:
                return False
            self._seen[signature] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return True


@dataclass(frozen=True, slots=True)
class Click:
    """Who pressed Acknowledge on which incident's message."""

    slack_user: str
    installation: str
    incident_id: int


@blueprint.post("/interactions")
@public
def interactions() -> tuple[str, int]:
    """200 with an empty body once it is written down; 401 unless Slack signed it within five minutes."""
    part = parts()
    if part.slack is None or not part.slack.signing_secret.configured:
        raise NotFound("Slack's buttons are not set up here")
    request.max_content_length = BODY_LIMIT
    body = request.get_data(cache=False)
    signature = request.headers.get("X-Slack-Signature", "")
    _check_signature(part, part.slack, body, signature)
    seen = current_app.extensions["slack_seen"]
    for click in clicks(body):
        if seen.first_time(f"{signature}:{click.incident_id}"):
            _acknowledge(part, part.slack, click)
    return "", 200


def _check_signature(part: ConsoleParts, slack: SlackDesk, body: bytes, signature: str) -> None:
    try:
        verifier = SignatureVerifier(slack.signing_secret.read(), OurClock(part.clock()))
        timestamp = request.headers.get("X-Slack-Request-Timestamp")
        good = verifier.is_valid(body, timestamp, signature)
    except SecretError as error:
        structlog.get_logger().error("a request from Slack cannot be checked", reason=str(error))
        good = False
    except (ValueError, TypeError, OverflowError):
        # slack-sdk raises on a timestamp that is no number, a body that is no text, a signature beyond ASCII.
        good = False
    if not good:
        raise Unauthorized("not signed by Slack, or too old")


def clicks(body: bytes) -> tuple[Click, ...]:
    """The presses of Acknowledge in a signed request; empty for anything else that Slack sends.

    Raises:
        BadRequest: it has no payload in JSON.
    """
    fields = parse_qs(body.decode("utf-8"))
    try:
        payload = json.loads(fields["payload"][0])
    except (KeyError, ValueError, RecursionError):
        raise BadRequest("there is no payload in JSON") from None
    if not isinstance(payload, dict) or payload.get("type") != "block_actions":
        return ()
    user, actions = payload.get("user"), payload.get("actions")
    name = user.get("id") if isinstance(user, dict) else None
    found = [_click(name, action) for action in actions] if isinstance(actions, list) else []
    return tuple(click for click in found if click is not None)


def _click(user: object, action: Any) -> Click | None:
    if not isinstance(action, dict) or action.get("action_id") != ACKNOWLEDGE:
        return None
    installation, _, number = str(action.get("value")).partition(":")
    if not isinstance(user, str) or not (number.isascii() and number.isdigit() and len(number) <= 12):
        return None
    return Click(user, installation, int(number))


def _acknowledge(part: ConsoleParts, slack: SlackDesk, click: Click) -> None:
    who = part.settings.slack.users.get(click.slack_user)
    with part.database.transaction() as tx:
        channel = outbox_channel_store.channel(tx, "slack")
        role = session_store.role_of(tx, who) if who is not None else None
        if channel is None or channel.installation != click.installation:
            refusal = "This message is of another Showcall, which does not answer any more."
        elif who is None:
            refusal = (
                f"Nothing was changed: your Slack id {click.slack_user} is nobody here yet. Somebody has to "
                "add it to slack.users in Showcall's config.yaml."
            )
        elif role is not Role.RESPONDER:
            refusal = f"Nothing was changed: {who} has to be a user with the role responder in Showcall."
        else:
            incident_store.acknowledge(tx, click.incident_id, who, part.clock())
            refusal = ""
    if refusal:
        structlog.get_logger().info("an acknowledgement from Slack was refused", slack_user=click.slack_user)
        slack.say_privately(click.slack_user, refusal)
