"""One user's HTTP/1.1 client: a kept-alive connection, made anew when needed, one deadline per request."""

import asyncio
import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass

from stack.load.http_connection import BadResponseError, ConnectionGoneError, HttpConnection, Response
from stack.load.outcome_kind import OutcomeKind
from stack.load.steady_clock import Clock

# As Go's client does it: only these may be sent again on a new connection when a kept-alive one turns out
# to be closed; a POST may have been carried out.
_REPLAYABLE = frozenset({"GET", "PUT", "DELETE"})
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What became of one request: an answer (``ok``, any status), or how it failed and why in words."""

    kind: OutcomeKind
    status: int = 0
    body: bytes = b""
    detail: str = ""


class HttpClient:
    """Sends requests one after the other to one server.

    A connection that the server closed while it lay idle is replaced before sending; if the closing crosses
    the request on the wire and no byte of an answer came, an idempotent request is sent once more, within
    the same deadline.
    """

    def __init__(self, address: Address, clock: Clock, timeout: float = 60.0) -> None:
        self.address = address
        self._clock = clock
        self._timeout = timeout
        self._connection: HttpConnection | None = None
        self.connects = 0

    async def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: object = None
    ) -> Exchange:
        """One request; failures are values, only a cancellation is raised.

        Args:
            body: sent as JSON unless None.
        """
        payload = encode_request(self.address, method, path, headers or {}, body)
        deadline = self._clock() + self._timeout
        try:
            response = await self._answer(method, payload, deadline)
        except (OSError, ConnectionGoneError, BadResponseError) as error:
            return Exchange(_kind_of(error), detail=str(error) or type(error).__name__)
        return Exchange(OutcomeKind.OK, response.status, response.body)

    def close(self) -> None:
        """Drop the connection; the next request opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _answer(self, method: str, payload: bytes, deadline: float) -> Response:
        connection = await self._connected(deadline)
        try:
            return await connection.exchange(payload, deadline - self._clock())
        except ConnectionGoneError as gone:
            if not (connection.answers and gone.nothing_arrived and method in _REPLAYABLE):
                raise
        connection = await self._connected(deadline)
        return await connection.exchange(payload, deadline - self._clock())

    async def _connected(self, deadline: float) -> HttpConnection:
        if self._connection is None or not self._connection.usable:
            self.close()
            self._connection = await self._connect(max(0.0, deadline - self._clock()))
        return self._connection

    async def _connect(self, timeout: float) -> HttpConnection:
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.create_connection(HttpConnection, self.address.host, self.address.port))
        self.connects += 1
        try:
            await asyncio.wait((task,), timeout=timeout)
            if not task.done():
                raise TimeoutError(f"no connection to {self.address} within {timeout:.0f} s")
            return task.result()[1]
        finally:
            task.cancel()


def encode_request(
    address: Address, method: str, path: str, headers: Mapping[str, str], body: object
) -> bytes:
    """The bytes of an HTTP/1.1 request.

    Raises:
        ValueError: a header or the path holds a line break (it may come from an earlier answer).
    """
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address}", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append("Content-Type: application/json")
    if content or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(content)}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError(f"line break inside the head of {method} {path!r}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def _kind_of(error: Exception) -> OutcomeKind:
    if isinstance(error, TimeoutError):
        return OutcomeKind.TIMEOUT
    if isinstance(error, BadResponseError):
        return OutcomeKind.BAD_RESPONSE
    if isinstance(error, ConnectionRefusedError):
        return OutcomeKind.REFUSED
    if isinstance(error, (ConnectionGoneError, ConnectionError)):
        return OutcomeKind.RESET
    if isinstance(error, OSError) and error.errno in _OUT_OF_FILES:
        return OutcomeKind.GENERATOR
    return OutcomeKind.UNREACHABLE
