"""/events: server-sent events. One broadcaster renders each view once a second, whoever is watching.

Views: ``now`` and ``health`` (the live parts of those pages), ``incident`` (the live part of an incident's
page and its new timeline rows and evidence), those of ``web.mirror_views``, or none (a beat that says the
connection lives).
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from flask import Flask, g, render_template, render_template_string
from sqlalchemy.exc import SQLAlchemyError

from alerts import timeline_store
from alerts.timeline import TimelineRow
from web import evidence, health_page, incidents, mirror_views, snapshot
from web.database_trouble import DatabaseTrouble
from web.parts import ConsoleParts
from web.security import COOKIE, SECURE_COOKIE, valid_session
from web.session_store import Role, Session

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

BEAT_SECONDS = 1.0
RECHECK_SECONDS = 30.0
ROW_TEMPLATE = '{% from "_parts.html" import row with context %}{{ row(item, fresh=true) }}'


@dataclass(frozen=True, slots=True)
class Watch:
    """What one stream shows; equal watches share one rendering."""

    view: str
    incident_id: int | None
    can_act: bool
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A view's markup and when it was made (monotonic seconds)."""

    html: str
    made: float


class Events:
    """The ASGI application behind /events."""

    def __init__(self, app: Flask, parts: ConsoleParts) -> None:
        self._app = app
        self._parts = parts
        self._rendered: dict[Watch, Rendered] = {}
        self._rendering: dict[Watch, asyncio.Lock] = {}
        self._ending = threading.Event()
        self._trouble: DatabaseTrouble = app.extensions["database_trouble"]

    def end(self) -> None:
        """Let every stream end by itself at its next beat: the server stops."""
        self._ending.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream until the visitor goes."""
        try:
            session = await asyncio.to_thread(self._session, scope)
        except SQLAlchemyError as error:
            self._trouble.tell(error, "events")
            await refuse(send, 503, "the database does not answer")
            return
        if session is None:
            await refuse(send, 401, "sign in first")
            return
        await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
        gone = asyncio.ensure_future(until_gone(receive))
        try:
            await self._stream(scope, session, send, gone)
        finally:
            gone.cancel()

    async def _stream(self, scope: Scope, session: Session, send: Send, gone: "asyncio.Future[None]") -> None:
        watch, after = watched(scope, session)
        turns, mark, news = 0, "", True
        while not gone.done() and not self._ending.is_set():
            try:
                async for message in self._news(watch, after, beat=news):
                    if message.row_id:
                        after = message.row_id
                    await send({"type": "http.response.body", "body": message.encoded(), "more_body": True})
                if watch.incident_id is not None:
                    mark = await self._send_evidence(watch.incident_id, mark, send)
                news = True
            except SQLAlchemyError as error:
                # The next turn tries again; without a beat the page says for how long there was no news.
                news = False
                self._trouble.tell(error, "events")
            await asyncio.wait([gone], timeout=BEAT_SECONDS)
            turns += 1
            if turns % int(RECHECK_SECONDS) == 0 and not await asyncio.to_thread(self._still_valid, scope):
                break
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_evidence(self, incident_id: int, seen: str, send: Send) -> str:
        """Evidence is large: it is sent when there is news of it."""
        mark = await asyncio.to_thread(evidence.mark, self._parts, incident_id)
        if mark != seen:
            html = await asyncio.to_thread(self._evidence_html, incident_id)
            message = Message("evidence", json.dumps({"html": html}))
            await send({"type": "http.response.body", "body": message.encoded(), "more_body": True})
        return mark

    async def _news(self, watch: Watch, after: int, *, beat: bool) -> AsyncIterator["Message"]:
        if beat:
            yield Message("beat", "{}")
        if watch.view:
            html = await self._view(watch)
            yield Message(watch.view, json.dumps({"html": html}))
        if watch.incident_id is not None:
            for row in await asyncio.to_thread(self._rows, watch.incident_id, after):
                html = await asyncio.to_thread(self._row_html, row)
                yield Message("row", json.dumps({"id": row.id, "html": html}), row.id)

    async def _view(self, watch: Watch) -> str:
        """The view's markup, made at most once a second for all who watch it."""
        async with self._rendering.setdefault(watch, asyncio.Lock()):
            found = self._rendered.get(watch)
            now = asyncio.get_running_loop().time()
            if found is None or now - found.made > BEAT_SECONDS * 0.8:
                self._forget_unwatched(now)
                found = Rendered(await asyncio.to_thread(self._html, watch), now)
                self._rendered[watch] = found
            return found.html

    def _forget_unwatched(self, now: float) -> None:
        for watch in [each for each, shown in self._rendered.items() if now - shown.made > RECHECK_SECONDS]:
            del self._rendered[watch]
            self._rendering.pop(watch, None)

    def _html(self, watch: Watch) -> str:
        with self._app.test_request_context("/"):
            g.session = None
            if watch.view == "health":
                return render_template("_health_pieces.html", view=health_page.view(self._parts))
            if watch.view in mirror_views.VIEWS:
                return mirror_views.VIEWS[watch.view](self._parts, watch.subject)
            if watch.incident_id is None:
                shot = snapshot.take(self._parts)
                return render_template("_now_pieces.html", shot=shot, can_act=watch.can_act)
            view = incidents.view(self._parts, watch.incident_id)
            return render_template("_incident_live.html", view=view, can_act=watch.can_act) if view else ""

    def _evidence_html(self, incident_id: int) -> str:
        with self._app.test_request_context("/"):
            g.session = None
            takings = evidence.shown(self._parts, incident_id)
            return render_template("_evidence_live.html", takings=takings)

    def _rows(self, incident_id: int, after: int) -> list[TimelineRow]:
        with self._parts.database.reading() as connection:
            return list(timeline_store.since(connection, after, incident_id))

    def _row_html(self, row: TimelineRow) -> str:
        with self._app.test_request_context("/"):
            g.session = None
            return render_template_string(ROW_TEMPLATE, item=row)

    def _still_valid(self, scope: Scope) -> bool:
        """Whether to go on; a database that does not answer ends nobody's session."""
        try:
            return self._session(scope) is not None
        except SQLAlchemyError as error:
            self._trouble.tell(error, "events")
            return True

    def _session(self, scope: Scope) -> Session | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        cookies = SimpleCookie(headers.get("cookie", ""))
        name = SECURE_COOKIE if scope.get("scheme") == "https" else COOKIE
        session_id = cookies[name].value if name in cookies else ""
        return valid_session(self._parts.database, self._parts.settings.web, session_id, self._parts.clock())


@dataclass(frozen=True, slots=True)
class Message:
    """One event; ``row_id`` moves the stream's cursor."""

    event: str
    data: str
    row_id: int = 0

    def encoded(self) -> bytes:
        """The wire form."""
        return f"event: {self.event}\ndata: {self.data}\n\n".encode()


STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


def watched(scope: Scope, session: Session) -> tuple[Watch, int]:
    """What the query string asks for, and the timeline row after which to go on."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    view = query.get("view", [""])[0]
    incident = query.get("incident", [""])[0]
    after = query.get("after", ["0"])[0]
    incident_id = int(incident) if view == "incident" and incident.isascii() and incident.isdigit() else None
    subject = query.get("subject", [""])[0][: mirror_views.LONGEST_SUBJECT]
    known = view in {"now", "health", *mirror_views.VIEWS} or incident_id is not None
    watch = Watch(view if known else "", incident_id, session.role is Role.RESPONDER, subject)
    return watch, int(after) if after.isascii() and after.isdigit() else 0


async def refuse(send: Send, status: int, why: str) -> None:
    """No stream, and why."""
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{why}\n".encode(), "more_body": False})


async def until_gone(receive: Receive) -> None:
    """Wait for the visitor to go."""
    while (await receive())["type"] != "http.disconnect":
        pass
