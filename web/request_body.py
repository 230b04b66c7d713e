"""Request bodies are read before a worker is asked: who sends slowly, or without end, holds no worker."""

import asyncio
import json

from web.events import Receive, Scope, Send
from web.prometheus_api.failure import TOO_LARGE

BODY_SECONDS = 10.0
PROMETHEUS_PATH = "/api/v1/"

_WORDS = {408: "the request took too long to arrive", 413: TOO_LARGE}


class RefusedBodyError(Exception):
    """A body that is not waited for; ``status`` is None when whoever sent it has gone."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


async def read_whole(scope: Scope, receive: Receive, most: int, seconds: float) -> Receive:
    """What gives the body of a request at once.

    A body that says itself that it is too large is not read: the application refuses it unseen.

    Raises:
        RefusedBodyError: it is larger than ``most`` bytes, or not there after ``seconds``.
    """
    if _announced(scope) > most:
        return receive
    try:
        async with asyncio.timeout(seconds):
            body = await _read(receive, most)
    except TimeoutError:
        raise RefusedBodyError(408) from None
    _announce(scope, len(body))
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> dict[str, object]:
        return waiting.pop() if waiting else await receive()

    return replay


async def refuse(scope: Scope, send: Send, status: int) -> None:
    """Say so, and end the connection: the rest of the body is still on its way."""
    is_api = str(scope["path"]).startswith(PROMETHEUS_PATH)
    told = {"status": "error", "errorType": "bad_data", "error": _WORDS[status]}
    body = json.dumps(told) if is_api else _WORDS[status]
    kind = b"application/json" if is_api else b"text/plain; charset=utf-8"
    headers = [(b"content-type", kind), (b"connection", b"close"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


def _announced(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def _announce(scope: Scope, length: int) -> None:
    """Say how long a body is that came in chunks: without it the application takes it for an empty one."""
    headers = dict(scope["headers"])
    if headers.pop(b"transfer-encoding", None) is not None:
        scope["headers"] = [*headers.items(), (b"content-length", str(length).encode())]


async def _read(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedBodyError(None)
        body += message.get("body", b"")
        if len(body) > most:
            raise RefusedBodyError(413)
        if not message.get("more_body"):
            return bytes(body)
