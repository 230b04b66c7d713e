"""One HTTP question and the head of its answer, on an open socket.

The answer of almost every look is HTTP/1.1, 200, with a Content-Length: such a head is read by hand, which
takes a tenth of the time of ``http.client``. That reads every other answer, from the first byte on.
"""

import http.client
import io
from collections.abc import Mapping
from typing import Protocol, cast
from urllib.parse import SplitResult

from collector.bounded_socket import BoundedSocket, BoundedTlsSocket

AnySocket = BoundedSocket | BoundedTlsSocket

PIECE_BYTES = 64 * 1024
_MOST_LINES = 50
_MOST_DIGITS = 15
_DECISIVE = ("content-length", "content-type", "content-encoding", "location", "connection")


class Response(Protocol):
    """What is needed of an answer, as ``http.client`` names it."""

    status: int
    reason: str
    version: int
    will_close: bool

    @property
    def length(self) -> int | None:
        """Bytes of the body, None where only its end tells."""

    def getheader(self, name: str) -> str | None:
        """A header's value."""

    def read(self, amt: int) -> bytes:
        """So many bytes of the body at most, none at its end."""

    def close(self) -> None:
        """No more of it is wanted."""


def request(url: SplitResult, headers: Mapping[str, str]) -> bytes:
    """A GET in bytes. Raises http.client.InvalidURL for a path that cannot be asked for."""
    written = _Recorder()
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    connection.sock = written
    connection.auto_open = 0
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection.request("GET", path, headers={"Host": url.netloc.rpartition("@")[2], **headers})
    return bytes(written.sent)


def ask(sock: AnySocket, question: bytes) -> Response:
    """Send the question and read the answer's head. Raises HTTPException and what the socket raises."""
    sock.sendall(question)
    return begin(sock, sock.recv(PIECE_BYTES))


def begin(sock: AnySocket, begun: bytes) -> Response:
    """Read the answer's head, of which the first bytes are there. Raises as ``ask``."""
    found = plain(sock, begun)
    if found is not None:
        return found
    whole = http.client.HTTPResponse(cast("AnySocket", _Replayed(sock, begun)), method="GET")
    whole.begin()
    return cast("Response", whole)


def plain(sock: AnySocket, begun: bytes) -> "PlainResponse | None":
    """The answer whose first bytes these are; None where its head is not whole, or not a plain one."""
    head, blank, body = begun.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    status, _, reason = rest.partition(b" ")
    if not blank or version != b"HTTP/1.1" or status != b"200" or len(lines) > _MOST_LINES:
        return None
    headers = _headers(lines)
    if headers is None or stated_length(headers.get("content-length")) is None:
        return None
    return PlainResponse(sock, reason.decode("latin-1"), headers, body)


def stated_length(written: str | None) -> int | None:
    """The bytes that a Content-Length says; None without one that can be read."""
    if written is None or not (written.isascii() and written.isdigit()) or len(written) > _MOST_DIGITS:
        return None
    return int(written)


def _headers(lines: list[bytes]) -> dict[str, str] | None:
    """The headers by lower-case name; None where the reading of them is not plain."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        name = name.lower()
        if not colon or not name.isascii() or name.strip() != name or name == "transfer-encoding":
            return None
        if name in _DECISIVE and name in headers:
            return None
        headers[name] = value.strip(" \t")
    return headers


class PlainResponse:
    """HTTP/1.1, 200, with as many bytes as its head says; ``missing`` of them were not received yet."""

    status, version = 200, 11

    def __init__(self, sock: AnySocket, reason: str, headers: Mapping[str, str], body: bytes) -> None:
        self._sock = sock
        self._headers = headers
        self._begun: list[bytes] = []
        self.reason = reason
        self.length = self._left = self.missing = int(headers["content-length"])
        self.will_close = "close" in headers.get("connection", "").lower()
        self.add(body)

    def add(self, piece: bytes) -> None:
        """More of the body, received elsewhere; what follows the body ends the connection."""
        self.will_close = self.will_close or len(piece) > self.missing
        piece = piece[: self.missing]
        self.missing -= len(piece)
        if piece:
            self._begun.append(piece)

    def getheader(self, name: str) -> str | None:
        """As in ``Response``."""
        return self._headers.get(name.lower())

    def read(self, amt: int) -> bytes:
        """As in ``Response``."""
        wanted = min(amt, self._left)
        if self._begun:
            piece = self._begun.pop(0)
            if len(piece) > wanted:
                self._begun.insert(0, piece[wanted:])
                piece = piece[:wanted]
        else:
            piece = self._sock.recv(wanted) if wanted else b""
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """As in ``Response``."""
        self._left = 0


class _Recorder:
    """Takes what would be sent."""

    def __init__(self) -> None:
        self.sent = bytearray()

    def sendall(self, data: bytes) -> None:
        self.sent += data


class _Replayed(io.RawIOBase):
    """A socket's bytes, those first that were taken already."""

    def __init__(self, sock: AnySocket, begun: bytes) -> None:
        self._sock = sock
        self._begun = memoryview(begun)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - as of a socket
        """What ``http.client`` reads from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override] # any buffer does
        if not self._begun:
            return self._sock.recv_into(buffer)
        count = min(len(buffer), len(self._begun))
        buffer[:count] = self._begun[:count]
        self._begun = self._begun[count:]
        return count
