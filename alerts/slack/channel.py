"""The channel ``slack`` of the outbox: posts, edits and finds its messages again."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from alerts import notification
from alerts.incident import IncidentState
from alerts.message import RootMessage, root_message
from alerts.notification import UNTOLD, Decision, Standing, Told, Verdict
from alerts.outbox import Attempt, Notice, Receipt, delivered, permanent, retry
from alerts.slack.answers import MESSAGE_GONE, NOT_EDITABLE, attempt_of, error_code
from alerts.slack.blocks import Payload, root_payload, row_payload, thread_payload
from alerts.slack.credentials import Secret, SecretError
from alerts.slack.lookup import Found, Lookup
from alerts.thread_message import thread_message
from alerts.timeline import TimelineKind, TimelineRow

NAME = "slack"
EVENT_TYPE = "showcall_message"

WANTED_WITHOUT_INCIDENT = frozenset({TimelineKind.KILL_SWITCH, TimelineKind.DIGEST, TimelineKind.LEVER_HELD})
"""Rows of the platform as a whole that people in the channel want: the rest stays in the console."""


@dataclass
class SlackChannel:
    """One Slack channel.

    Args:
        target: the channel's id.
        secret: the bot token.
        api_url: Slack's API; a fake one in tests.
        timeout: seconds for one call.
        console: address of the console, without a slash at its end.
    """

    target: str
    secret: Secret
    api_url: str
    timeout: float
    console: str
    name: str = NAME
    spacing: float = 1.0
    _warned: set[str] = field(default_factory=set)

    def wants(self, row: TimelineRow) -> bool:
        """Everything of incidents but alerts that are only pending; of the rest what concerns everybody."""
        if row.incident_id is None:
            return row.kind in WANTED_WITHOUT_INCIDENT
        return row.kind not in UNTOLD

    def decide(self, notice: Notice, now: float) -> Decision:
        """As ``alerts.notification`` says."""
        if notice.incident is None:
            return notification.whenever_new(notice.rows)
        message = self._root(notice)
        over = notice.incident.state is IncidentState.RESOLVED
        return notification.decide(
            _told(notice.receipt), Standing(message.headline, message.body, notice.rows, over), now
        )

    def deliver(self, notice: Notice, now: float) -> Attempt:
        """One call that changes something, after a look for what an earlier one may have left."""
        try:
            client = self._client()
        except SecretError as error:
            return permanent(str(error))
        try:
            return self._found_again(client, notice) or self._sent(client, notice, now)
        except SlackApiError as error:
            return self._refused(error, notice, now)
        except Exception as error:
            return attempt_of(error, now)

    def credentials_stamp(self) -> str:
        """Changes when the token's file is replaced."""
        return self.secret.stamp()

    def say_privately(self, user: str, text: str) -> None:
        """A message that only one person sees; best effort.

        Raises:
            SlackApiError, OSError, SecretError: it was not said.
        """
        self._client().chat_postEphemeral(channel=self.target, user=user, text=text)

    def _client(self) -> WebClient:
        # Retries are the outbox's: slack-sdk's own would post twice.
        return WebClient(
            token=self.secret.read(),
            base_url=self.api_url,
            timeout=max(1, round(self.timeout)),
            retry_handlers=[],
            logger=_silent(),
        )

    def _found_again(self, client: WebClient, notice: Notice) -> Attempt | None:
        if not notice.uncertain:
            return None
        lookup = Lookup(client, self.target)
        ts = notice.receipt.get("ts")
        try:
            if ts is None:
                return self._adopted(lookup.in_channel(_first_key(notice), notice.first_attempt_at))
            found = lookup.in_thread(notice.key, str(ts)) if notice.rows else None
            return None if found is None else delivered(notice.receipt, found.through)
        except SlackApiError as error:
            if error_code(error) != "missing_scope":
                raise
            self._warn("missing_scope", "messages whose answer was lost cannot be looked for (docs/slack.md)")
            return None

    def _adopted(self, found: Found | None) -> Attempt | None:
        if found is None:
            return None
        # What it says is not known, so it is edited once.
        return delivered(_receipt(found.channel, found.ts, None, float(found.ts)), found.through)

    def _sent(self, client: WebClient, notice: Notice, now: float) -> Attempt:
        if notice.incident is None:
            return self._post_row(client, notice, now)
        match self.decide(notice, now).verdict:
            case Verdict.POST:
                return self._post(client, notice, now)
            case Verdict.EDIT:
                return self._edit(client, notice, now)
            case Verdict.THREAD:
                return self._reply(client, notice)
        return delivered(notice.receipt)

    def _post(self, client: WebClient, notice: Notice, now: float) -> Attempt:
        message = self._root(notice)
        payload = root_payload(message, _installation(notice))
        channel, ts = self._say(client, payload, {"key": _first_key(notice)})
        return delivered(_receipt(channel, ts, message, now))

    def _post_row(self, client: WebClient, notice: Notice, now: float) -> Attempt:
        payload = row_payload(notice.rows[0], self.console)
        told: dict[str, str | int] = {"key": _first_key(notice), "through": notice.newest}
        channel, ts = self._say(client, payload, told)
        return delivered(_receipt(channel, ts, None, now), notice.newest)

    def _reply(self, client: WebClient, notice: Notice) -> Attempt:
        message = thread_message(notice.rows, notice.left_out, notice.newest)
        address = self._root(notice).link
        told: dict[str, str | int] = {"key": notice.key, "through": message.through}
        self._say(client, thread_payload(message, address), told, thread_ts=str(notice.receipt["ts"]))
        return delivered(notice.receipt, message.through)

    def _edit(self, client: WebClient, notice: Notice, now: float) -> Attempt:
        message = self._root(notice)
        payload = root_payload(message, _installation(notice))
        channel, ts = str(notice.receipt["channel"]), str(notice.receipt["ts"])
        client.chat_update(
            channel=channel,
            ts=ts,
            text=payload.text,
            blocks=[dict(block) for block in payload.blocks],
            metadata={"event_type": EVENT_TYPE, "event_payload": {"key": _first_key(notice)}},
        )
        return delivered(_receipt(channel, ts, message, now))

    def _say(
        self,
        client: WebClient,
        payload: Payload,
        told: Mapping[str, str | int],
        *,
        thread_ts: str | None = None,
    ) -> tuple[str, str]:
        answer: Any = client.chat_postMessage(
            channel=self.target,
            text=payload.text,
            blocks=[dict(block) for block in payload.blocks],
            thread_ts=thread_ts,
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": EVENT_TYPE, "event_payload": dict(told)},
        )
        return str(answer["channel"]), str(answer["ts"])

    def _refused(self, error: SlackApiError, notice: Notice, now: float) -> Attempt:
        code = error_code(error)
        if code in MESSAGE_GONE and notice.receipt:
            reason = "the message was deleted in Slack; a new one is posted"
            return retry(reason, now, whole_channel=False, receipt={})
        if code in NOT_EDITABLE and notice.receipt:
            return delivered({**notice.receipt, "editable": False})
        return attempt_of(error, now)

    def _root(self, notice: Notice) -> RootMessage:
        assert notice.incident is not None  # noqa: S101 - callers have looked
        return root_message(notice.incident, notice.actions, notice.resolution, self.console)

    def _warn(self, about: str, text: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            structlog.get_logger().warning(text, channel=self.name)


def _silent() -> logging.Logger:
    """What goes wrong is told by us, once; slack-sdk would write every foreign answer into the log."""
    logger = logging.getLogger("showcall.slack_sdk")
    logger.setLevel(logging.CRITICAL)
    return logger


def _installation(notice: Notice) -> str:
    return notice.key.split("/", 1)[0]


def _first_key(notice: Notice) -> str:
    """Names the subject's first message, whatever was told since."""
    return f"{_installation(notice)}/{notice.subject}"


def _receipt(channel: str, ts: str, message: RootMessage | None, at: float) -> Receipt:
    headline, body = (message.headline, message.body) if message is not None else ("", "")
    return {"channel": channel, "ts": ts, "headline": headline, "body": body, "at": at}


def _told(receipt: Receipt) -> Told | None:
    if not receipt:
        return None
    at = receipt.get("at")
    return Told(
        headline=str(receipt.get("headline")),
        body=str(receipt.get("body")),
        at=at if isinstance(at, float | int) else 0.0,
        editable=receipt.get("editable") is not False,
    )
