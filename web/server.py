"""The web server: uvicorn on a thread of its own; Flask behind a2wsgi, the event stream beside it."""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import cast

import uvicorn
from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi_typing import WSGIApp
from flask import Flask

from web.app import MAX_BODY_BYTES, create_app
from web.events import Events, Receive, Scope, Send
from web.parts import ConsoleParts
from web.request_body import BODY_SECONDS, RefusedBodyError, read_whole, refuse

WORKERS = 8
BACKLOG = 128
STOP_SECONDS = 3.0
_TICK_SECONDS = 1.0
_EVERY_TENTH = 0
"""The tick that also renews the date header."""


class PortInUseError(RuntimeError):
    """The console's port is taken."""


class Console:
    """The ASGI application: /events by itself, everything else by Flask."""

    def __init__(self, app: Flask, parts: ConsoleParts) -> None:
        self._events = Events(app, parts)
        self._flask = WSGIMiddleware(cast(WSGIApp, app.wsgi_app), workers=WORKERS)

    def end_streams(self) -> None:
        """An open event stream would keep the server from stopping."""
        self._events.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route one connection."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/events" and scope["method"] == "GET":
            await self._events(scope, receive, send)
            return
        try:
            whole = await read_whole(scope, receive, MAX_BODY_BYTES, BODY_SECONDS)
        except RefusedBodyError as refused:
            if refused.status is not None:
                await refuse(scope, send, refused.status)
            return
        await self._flask(scope, whole, send)  # type: ignore[arg-type]


class _Server(uvicorn.Server):
    """Looks once a second whether it shall end, not ten times: an idle console costs next to nothing."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    def end(self) -> None:
        """End soon; any thread may ask for it."""
        self.should_exit = True
        with suppress(AttributeError, RuntimeError):  # it has not begun, or has ended
            self._loop.call_soon_threadsafe(self._ending.set)  # type: ignore[union-attr]

    async def main_loop(self) -> None:
        """In place of uvicorn's own."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(_EVERY_TENTH):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _TICK_SECONDS)


class WebServer:
    """Started and stopped by assembly.

    Raises:
        PortInUseError: from the constructor, naming the setting.
    """

    def __init__(self, parts: ConsoleParts) -> None:
        web = parts.settings.web
        self._socket = _listen(web.host, web.port)
        self._console = Console(create_app(parts), parts)
        config = uvicorn.Config(
            self._console,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            # The address of a visitor is that of the connection: anybody could write a forwarding header.
            proxy_headers=False,
            # An event stream ends at its next beat; who takes longer is cut off.
            timeout_graceful_shutdown=2,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)

    @property
    def address(self) -> str:
        """Where the console is, e.g. ``http://127.0.0.1:18300``."""
        host, port = cast(tuple[str, int], self._socket.getsockname()[:2])
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def alive(self) -> bool:
        """Whether the server's thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End streams, stop accepting, wait a moment for answers in flight."""
        self._console.end_streams()
        self._server.end()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From here on the port is ours for sure, and whoever reads the address may use it.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortInUseError(
            f"web.port: {host}:{port} cannot be used ({error.strerror}); stop what uses it or choose another"
        ) from None
    return listener
