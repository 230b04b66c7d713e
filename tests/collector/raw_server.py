"""A server that answers exactly the bytes a test wants, however wrong they are."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from collector.deadline import Deadline
from collector.exposition_grammar import PageFormat

HOST = "127.0.0.1"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

Serve = Callable[[socket.socket], None]
FORMATS = {"text": PageFormat.TEXT, "openmetrics": PageFormat.OPENMETRICS}


class RawServer:
    """Runs ``serve`` for each connection, on a thread of its own; counts connections."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._listener = socket.create_server((HOST, 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/metrics"

    def close(self) -> None:
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._handle, args=(sock,), daemon=True).start()

    def _handle(self, sock: socket.socket) -> None:
        with suppress(OSError):
            self._serve(sock)
        with suppress(OSError):
            sock.close()


@contextmanager
def serving(serve: Serve) -> Iterator[RawServer]:
    server = RawServer(serve)
    try:
        yield server
    finally:
        server.close()


def read_request(sock: socket.socket) -> bytes:
    """One request's head; empty when the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(4096)
        if not more:
            return b""
        data += more
    return data


def answer(body: bytes, content_type: str | None = TEXT, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {content_type}"] if content_type is not None else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def always(reply: bytes) -> Serve:
    """The same answer to every request of every connection."""

    def serve(sock: socket.socket) -> None:
        while read_request(sock):
            sock.sendall(reply)

    return serve


def once(reply: bytes) -> Serve:
    """One answer, then the connection is closed."""

    def serve(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(reply)

    return serve


def soon(seconds: float = 5.0) -> Deadline:
    return Deadline.within(seconds)
