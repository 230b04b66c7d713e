"""JSON over HTTP to a lever's endpoint: one deadline for everything, no redirects, one kept connection.

A request is sent once. A kept connection that the other side has closed meanwhile (uvicorn does after 5 s)
is noticed before sending and replaced; a connection that breaks after sending leaves the outcome unknown.
"""

import http.client
import io
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from runbooks.lever import Refused, Unknown, UnknownKind

IDLE_LIMIT_SECONDS = 3.0
BODY_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: the status and the JSON object of the body (empty when it was none)."""

    status: int
    body: Mapping[str, Any]


class Wire:
    """One endpoint's connection.

    Args:
        url: where the lever is; paths are appended to it.
        timeout: seconds for connecting, sending and reading the whole answer.
    """

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.url = url
        self._timeout = timeout
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._path = parts.path
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._kept: _Kept | None = None
        self._lock = threading.Lock()

    def ask(
        self, method: str, path: str = "", body: Mapping[str, object] | None = None
    ) -> Answer | Refused | Unknown:
        """Send one request and read its answer; never raises for what the network does."""
        with self._lock:
            try:
                return self._exchange(method, self._path + path, body, time.monotonic() + self._timeout)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.close()
                return _unclear(f"{method} {self.url}{path}", error, self._timeout)

    def close(self) -> None:
        """Give the kept connection up."""
        if self._kept is not None:
            self._kept.connection.close()
            self._kept = None

    def _exchange(self, method: str, path: str, body: Mapping[str, object] | None, deadline: float) -> Answer:
        kept = self._usable() or self._connect(deadline)
        kept.socket.deadline = deadline
        payload = None if body is None else json.dumps(body)
        headers = {} if payload is None else {"Content-Type": "application/json"}
        kept.connection.request(method, path, body=payload, headers=headers)
        response = kept.connection.getresponse()
        text = response.read(BODY_LIMIT_BYTES + 1)
        self._keep(kept, response)
        return Answer(response.status, _json_object(response.status, text))

    def _usable(self) -> "_Kept | None":
        kept = self._kept
        if kept is None:
            return None
        if time.monotonic() - kept.used_at > IDLE_LIMIT_SECONDS or kept.socket.closed_by_peer():
            self.close()
            return None
        return kept

    def _connect(self, deadline: float) -> "_Kept":
        plain: socket.socket = socket.create_connection((self._host, self._port), timeout=self._timeout)
        # Headers and body leave as two writes; without this the second waits for the first one's receipt.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            plain = self._secured(self._tls, plain)
        watched = _DeadlineSocket(plain, deadline)
        connection = http.client.HTTPConnection(self._host, self._port)
        # http.client only ever sends, makes a file of, and closes its socket; ours does that by a deadline.
        connection.sock = watched
        self._kept = _Kept(connection, watched, time.monotonic())
        return self._kept

    def _secured(self, tls: ssl.SSLContext, plain: socket.socket) -> socket.socket:
        try:
            return tls.wrap_socket(plain, server_hostname=self._host)
        except ssl.SSLError as error:
            raise _HandshakeError(error.reason or str(error)) from error

    def _keep(self, kept: "_Kept", response: http.client.HTTPResponse) -> None:
        complete = response.isclosed() and not response.will_close
        if complete:
            self._kept = _Kept(kept.connection, kept.socket, time.monotonic())
        else:
            self.close()


class _HandshakeError(OSError):
    """TLS was not agreed on: nothing was sent. Any later TLS error may come after a write took effect."""


@dataclass(frozen=True, slots=True)
class _Kept:
    connection: http.client.HTTPConnection
    socket: "_DeadlineSocket"
    used_at: float


class _DeadlineSocket:
    """A socket whose every wait ends at one deadline (monotonic seconds)."""

    def __init__(self, plain: socket.socket, deadline: float) -> None:
        self._plain = plain
        self.deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._arm()
        self._plain.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Received(self))

    def receive_into(self, buffer: memoryview) -> int:
        self._arm()
        return self._plain.recv_into(buffer)

    def closed_by_peer(self) -> bool:
        """Between requests anything readable is the end of the connection (or an answer nobody asked for)."""
        # Not select(), which knows no descriptor above 1023: many viewers must not make a lever unreadable.
        waiting = select.poll()
        waiting.register(self._plain, select.POLLIN)
        readable = waiting.poll(0)
        return bool(readable)

    def close(self) -> None:
        self._plain.close()

    def _arm(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._plain.settimeout(left)


class _Received(io.RawIOBase):
    def __init__(self, watched: _DeadlineSocket) -> None:
        self._watched = watched

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._watched.receive_into(memoryview(buffer))


def _json_object(status: int, text: bytes) -> Mapping[str, Any]:
    if len(text) > BODY_LIMIT_BYTES:
        raise ValueError(f"the answer is over {BODY_LIMIT_BYTES} bytes")
    try:
        found = json.loads(text)
    except ValueError:
        if status == 200:
            raise
        return {}
    return found if isinstance(found, dict) else {}


def _unclear(what: str, error: Exception, timeout: float) -> Refused | Unknown:
    match error:
        case _HandshakeError():
            return Refused(f"{what}: TLS: {error}")
        case TimeoutError():
            return Unknown(UnknownKind.TIMEOUT, f"{what}: no complete answer within {timeout:g} s")
        case ConnectionRefusedError():
            return Unknown(UnknownKind.CONNECTION_REFUSED, f"{what}: connection refused")
        case socket.gaierror():
            return Unknown(UnknownKind.DNS, f"{what}: the host's name has no address")
        case OSError() | http.client.RemoteDisconnected() | http.client.IncompleteRead():
            return Unknown(UnknownKind.RESET, f"{what}: the connection broke before the answer was complete")
    return Unknown(UnknownKind.BAD_ANSWER, f"{what}: not an answer we understand ({error})")
