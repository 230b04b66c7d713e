"""A Slack that records everything: real HTTP on a port of its own, with a script of troubles.

Scripted steps are taken one per request, in order, whatever method is called; without a step it works.
"""

import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TOKEN = "xoxb-canary-4f1d2c7e9a"
CHANNEL = "C0CONCERT"


@dataclass
class Step:
    """One trouble.

    Attributes:
        error: Slack's own error code, with HTTP 200.
        status: an HTTP status with a body that is not Slack's.
        headers: of that answer.
        applied: whether the call takes effect before the trouble.
        cut: the connection is reset instead of an answer.
        hang: seconds of silence before that.
        only: only for this method; other methods work meanwhile.
    """

    error: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False
    cut: bool = False
    hang: float = 0.0
    only: str = ""


@dataclass
class Message:
    """A message as people see it, with what it said before."""

    channel: str
    ts: str
    text: str
    blocks: list[Any]
    metadata: Mapping[str, Any]
    thread_ts: str | None
    edits: int = 0
    deleted: bool = False

    @property
    def shown(self) -> str:
        """All of its markup."""
        return json.dumps(self.blocks, ensure_ascii=False)

    @property
    def has_button(self) -> bool:
        return any(block["type"] == "actions" for block in self.blocks)


@dataclass
class Call:
    method: str
    at: float
    arguments: Mapping[str, Any]
    status: int = 200


class FakeSlack:
    """The state, and what the handler does with it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.script: deque[Step] = deque()
        self.calls: list[Call] = []
        self.messages: list[Message] = []
        self.private: list[Mapping[str, Any]] = []
        self.token = TOKEN
        self.address = ""
        self._number = 0

    def roots(self) -> list[Message]:
        return [each for each in self.messages if each.thread_ts is None and not each.deleted]

    def thread(self, root: Message) -> list[Message]:
        return [each for each in self.messages if each.thread_ts == root.ts]

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def delete(self, message: Message) -> None:
        message.deleted = True

    def answer(self, method: str, arguments: Mapping[str, Any], token: str) -> tuple[Step, dict[str, Any]]:
        with self.lock:
            step = self._step(method)
            self.calls.append(Call(method, time.monotonic(), arguments, step.status or 200))
            if token != self.token:
                return Step(), {"ok": False, "error": "invalid_auth"}
            if step.error:
                return step, {"ok": False, "error": step.error}
            plain = step == Step()
            body = self._apply(method, arguments) if step.applied or plain or step.only else {}
            return step, body

    def _step(self, method: str) -> Step:
        if not self.script or (self.script[0].only and self.script[0].only != method):
            return Step()
        return self.script.popleft()

    def _apply(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments.get("channel") != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        done: dict[str, Any] = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.postEphemeral": self._privately,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
        }[method](arguments)
        return done

    def _post(self, said: Mapping[str, Any]) -> dict[str, Any]:
        thread = said.get("thread_ts")
        if thread is not None and not any(each.ts == thread for each in self.roots()):
            return {"ok": False, "error": "thread_not_found"}
        self._number += 1
        ts = f"1790000000.{self._number:06d}"
        blocks, metadata = said.get("blocks") or [], said.get("metadata") or {}
        message = Message(CHANNEL, ts, said["text"], blocks, metadata, thread)
        self.messages.append(message)
        return {"ok": True, "channel": CHANNEL, "ts": ts}

    def _update(self, said: Mapping[str, Any]) -> dict[str, Any]:
        found = [each for each in self.messages if each.ts == said["ts"] and not each.deleted]
        if not found:
            return {"ok": False, "error": "message_not_found"}
        found[0].text, found[0].blocks = said["text"], said.get("blocks") or []
        found[0].edits += 1
        return {"ok": True, "channel": CHANNEL, "ts": found[0].ts}

    def _privately(self, said: Mapping[str, Any]) -> dict[str, Any]:
        self.private.append(said)
        return {"ok": True, "message_ts": "1"}

    def _history(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return self._page(self.roots()[::-1], asked)

    def _replies(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return self._page([each for each in self.messages if asked["ts"] in {each.ts, each.thread_ts}], asked)

    def _page(self, found: list[Message], asked: Mapping[str, Any]) -> dict[str, Any]:
        start = int(asked.get("cursor") or 0)
        size = min(int(asked.get("limit", 100)), 3)
        page = [{"ts": each.ts, "text": each.text, "metadata": each.metadata} for each in found]
        more = str(start + size) if start + size < len(found) else ""
        return {
            "ok": True,
            "messages": page[start : start + size],
            "response_metadata": {"next_cursor": more},
        }


def _handler(slack: FakeSlack) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            arguments = _arguments(query, body, self.headers.get("Content-Type", ""))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            step, answer = slack.answer(path.removeprefix("/api/"), arguments, token)
            if step.hang:
                time.sleep(step.hang)
            if step.cut:
                reset = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                return
            raw = b"<html>trouble</html>" if step.status else json.dumps(answer).encode()
            self.send_response(step.status or 200)
            self.send_header("Content-Type", "text/html" if step.status else "application/json")
            for name, value in step.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _arguments(query: str, body: str, kind: str) -> dict[str, Any]:
    if kind.startswith("application/json") and body:
        found = json.loads(body)
        return dict(found) if isinstance(found, dict) else {}
    plain = {name: values[0] for name, values in parse_qs("&".join(filter(None, (query, body)))).items()}
    for name in ("blocks", "metadata"):
        if name in plain:
            plain[name] = json.loads(plain[name])
    return plain


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that went away is part of the game."""


@contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    """A running one."""
    slack = FakeSlack()
    server = _Server(("127.0.0.1", 0), _handler(slack))
    slack.address = f"http://127.0.0.1:{server.server_address[1]}/api/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield slack
    finally:
        server.shutdown()
        server.server_close()
