"""One listening port: a uvicorn server on a thread and an event loop of its own."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable

import uvicorn
import uvloop
from starlette.types import ASGIApp

from stack.service.log_file import SERVER_LOGGER_NAME, logger

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 65
GRACE_SECONDS = 1
START_POLL_SECONDS = 0.005


class PortInUseError(Exception):
    """The port cannot be bound; ``str()`` names the port and its key in service.json."""


def bind(host: str, port: int, key: str) -> socket.socket:
    """A socket bound to ``host:port``, not listening yet.

    Raises:
        PortInUseError: another process has it, or the address is not ours.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortInUseError(f"{key}: cannot listen on {host}:{port}: {error.strerror}") from None
    return bound


class Listener:
    """Serves one application.

    Args:
        name: of the thread, and in the log.
        app: what to serve.
        bound: from `bind`.
        ended: called when the server ends, whatever the cause.
    """

    def __init__(self, name: str, app: ASGIApp, bound: socket.socket, ended: Callable[[], None]) -> None:
        self._name = name
        self._bound = bound
        self._ended = ended
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._server.server_state.connections)

    def start(self) -> None:
        """Start the thread and return once the port accepts connections, or the server has failed."""
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(START_POLL_SECONDS)

    def stop(self) -> None:
        """Stop accepting, let running requests end for a second."""
        # It would log every request that is cut off, which is what stopping means.
        logging.getLogger(SERVER_LOGGER_NAME).setLevel(logging.CRITICAL)
        self._server.should_exit = True

    def join(self, seconds: float) -> None:
        """Wait for the end, at most ``seconds``."""
        self._thread.join(max(0.0, seconds))

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._server.serve(sockets=[self._bound]))
        except Exception:
            logger().exception("The %s listener failed", self._name)
        finally:
            self._ended()
