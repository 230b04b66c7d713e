"""Slack's button and the page Messages: signed or nothing, mapped people only, nobody called meanwhile."""

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from alerts import incident_store, outbox_channel_store, timeline_store
from alerts.incident import Incident
from alerts.slack.blocks import ACKNOWLEDGE
from alerts.slack.credentials import Secret
from alerts.timeline import NewTimelineRow, TimelineKind
from tests.web.desk import NOW, Desk
from web import session_store
from web.app import create_app
from web.parts import SlackDesk
from web.session_store import Role

SECRET = "canary-8f742231b10e8888"


@dataclass
class SlackSide:
    """What Slack does."""

    desk: Desk
    client: FlaskClient
    said: list[tuple[str, str]]
    installation: str

    def press(self, user: str = "U0KIM", number: int = 1, **changes: Any) -> TestResponse:
        action = {"action_id": ACKNOWLEDGE, "value": f"{self.installation}:{number}"}
        payload = {"type": "block_actions", "user": {"id": user}, "actions": [action]}
        return self.send(b"payload=" + quote_plus(json.dumps(payload)).encode(), **changes)

    def send(
        self,
        body: bytes,
        *,
        timestamp: str | None = None,
        signature: str | None = None,
    ) -> TestResponse:
        stamp = str(int(self.desk.clock[0])) if timestamp is None else timestamp
        signed = hmac.new(SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        return self.client.post(
            "/slack/interactions",
            data=body,
            content_type="application/x-www-form-urlencoded",
            environ_overrides={
                "HTTP_X_SLACK_REQUEST_TIMESTAMP": stamp,
                "HTTP_X_SLACK_SIGNATURE": f"v0={signed}" if signature is None else signature,
            },
        )

    def incident(self, number: int = 1) -> Incident:
        with self.desk.database.reading() as connection:
            found = incident_store.get(connection, number)
        assert found is not None
        return found

    def acknowledgements(self) -> int:
        with self.desk.database.reading() as connection:
            rows = timeline_store.since(connection, 0)
        return sum(row.kind is TimelineKind.ACKNOWLEDGED for row in rows)


@pytest.fixture
def slack(desk: Desk, tmp_path: Path) -> SlackSide:
    file = tmp_path / "signing"
    file.write_text(SECRET, encoding="utf-8")
    said: list[tuple[str, str]] = []
    secret = Secret("slack.signing_secret_file", "NONE", file, {})
    slack_desk = SlackDesk(True, (), secret, lambda user, text: said.append((user, text)))
    users = {"U0KIM": "kim", "U0LOOK": "viewer", "U0GONE": "gone"}
    settings = desk.parts.settings
    settings = settings.model_copy(
        update={"slack": settings.slack.model_copy(update={"channel": "C0CONCERT", "users": users})}
    )
    app = create_app(replace(desk.parts, settings=settings, slack=slack_desk))
    with desk.database.transaction() as tx:
        channel = outbox_channel_store.register(tx, "slack")
        session_store.ensure_user(tx, "kim", Role.RESPONDER)
        session_store.ensure_user(tx, "viewer", Role.VIEWER)
    desk.open_incident()
    return SlackSide(desk, app.test_client(), said, channel.installation)


def test_the_button_acknowledges_as_the_console_does(slack: SlackSide) -> None:
    answer = slack.press()
    assert (answer.status_code, answer.data) == (200, b"")
    assert slack.incident().acknowledged_by == "kim"
    assert slack.acknowledgements() == 1
    assert slack.said == []


def test_f63_a_press_that_is_sent_a_hundred_times_acknowledges_once(slack: SlackSide) -> None:
    assert {slack.press().status_code for _ in range(100)} == {200}
    assert slack.acknowledgements() == 1
    assert {slack.press("U0WHO").status_code for _ in range(100)} == {200}
    assert len(slack.said) == 1


@pytest.mark.parametrize(
    ("user", "says"),
    [("U0WHO", "slack.users"), ("U0LOOK", "role responder"), ("U0GONE", "role responder")],
    ids=["unmapped", "viewer", "no such user"],
)
def test_s27_only_mapped_responders_may_acknowledge_and_others_are_told_why(
    slack: SlackSide, user: str, says: str
) -> None:
    assert slack.press(user).status_code == 200
    assert slack.incident().acknowledged_by is None
    [(told, text)] = slack.said
    assert told == user
    assert says in text


def test_a_press_on_a_message_of_another_showcall_changes_nothing(slack: SlackSide) -> None:
    slack.installation = "somebody else"
    assert slack.press().status_code == 200
    assert slack.incident().acknowledged_by is None


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": "v0=" + "0" * 64}, {"signature": ""}, {"signature": "v0=é"}, {"signature": "\u00ff"},
        {"timestamp": "abc"}, {"timestamp": ""}, {"timestamp": "-1"}, {"timestamp": "1e400"},
        {"timestamp": str(int(NOW) - 301)}, {"timestamp": str(int(NOW) + 301)}, {"timestamp": "9" * 5000},
    ],
    ids=lambda changes: str(changes)[:40],
)  # fmt: skip
def test_f64_bad_signatures_and_times_are_401(slack: SlackSide, changes: dict[str, Any]) -> None:
    assert slack.press(**changes).status_code == 401
    assert slack.incident().acknowledged_by is None


def test_f64_without_the_headers_and_with_a_body_that_is_no_text_it_is_401(slack: SlackSide) -> None:
    assert slack.client.post("/slack/interactions", data=b"payload={}").status_code == 401
    assert slack.send(b"\xff\xfe").status_code == 401


def test_f64_an_unreadable_signing_secret_lets_nobody_in(slack: SlackSide, tmp_path: Path) -> None:
    (tmp_path / "signing").unlink()
    assert slack.press().status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"payload=", 400), (b"payload={", 400), (b"payload=[]", 200), (b"payload=1", 200),
        (b"payload=" + b"[" * 20000, 400), (b"payload={}", 200),
        (b'payload={"type":"block_actions","actions":3}', 200),
        (b'payload={"type":"block_actions","user":7,"actions":[{"action_id":"showcall_acknowledge"}]}', 200),
        (b"payload=" + b"x" * 70_000, 413),
    ],
    ids=["empty", "no payload", "half", "list", "number", "deep", "nothing", "actions", "user", "too large"],
)  # fmt: skip
def test_signed_nonsense_changes_nothing_and_never_breaks(slack: SlackSide, body: bytes, status: int) -> None:
    assert slack.send(body).status_code == status
    assert slack.incident().acknowledged_by is None


def test_without_a_signing_secret_there_is_no_such_page(desk: Desk) -> None:
    assert desk.client.post("/slack/interactions", data=b"payload={}").status_code == 404


def tell(desk: Desk, number: int, text: str) -> None:
    with desk.database.transaction() as tx:
        timeline_store.append(tx, NewTimelineRow(NOW, TimelineKind.NOTE, "by_user", text, number))


def test_without_a_token_the_page_shows_what_would_be_sent_and_what_to_set(desk: Desk) -> None:
    nobody = Secret("slack.signing_secret_file", "NONE", None, {})
    parts = replace(desk.parts, slack=SlackDesk(False, ("Set slack.channel.",), nobody, lambda *_: None))
    number = desk.open_incident()
    tell(desk, number, "<b>a note</b> for the thread")
    desk.sign_in()
    client = create_app(parts).test_client()
    client.set_cookie("showcall_session", desk.client.get_cookie("showcall_session").value)  # type: ignore[union-attr]
    page = client.get("/messages").text
    assert "Nothing is sent." in page
    assert "Set slack.channel." in page
    assert "Incident 1: Connection pool exhausted" in page
    assert "nobody yet" in page
    assert "&lt;b&gt;a note&lt;/b&gt; for the thread" in page
    assert "not sent" in page


def test_a_stopped_channel_is_red_on_every_page_and_a_warning_for_machines(
    desk: Desk, slack: SlackSide
) -> None:
    with desk.database.transaction() as tx:
        outbox_channel_store.block(tx, "slack", "Slack refuses: token_revoked", NOW - 60)
    token = desk.sign_in()
    for path in ("/incidents", "/messages"):
        assert "Slack refuses: token_revoked" in desk.client.get(path).text
    check = desk.json("/health")["checks"]["channel:slack"][0]
    assert check["status"] == "warn"
    assert "token_revoked" in check["observedValue"]
    done = desk.client.post("/messages/slack/try-again", data={"csrf_token": token})
    assert done.status_code == 303
    assert "Slack refuses" not in desk.client.get("/incidents").text


def test_a_viewer_cannot_make_a_channel_try_again(desk: Desk, slack: SlackSide) -> None:
    token = desk.sign_in("viewer", Role.VIEWER)
    answer = desk.client.post("/messages/slack/try-again", data={"csrf_token": token})
    assert answer.status_code == 403


def test_s17_the_signing_secret_stands_on_no_page(desk: Desk, slack: SlackSide) -> None:
    desk.sign_in()
    slack.press(signature="v0=wrong")
    for path in ("/messages", "/health", "/metrics"):
        assert SECRET not in desk.client.get(path).text
