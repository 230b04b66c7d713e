"""One HTTP/1.1 connection as an asyncio protocol: one request at a time, kept alive between them."""

import asyncio
from dataclasses import dataclass
from typing import cast

import httptools


class ConnectionGoneError(Exception):
    """The server closed or reset the connection before the answer was complete.

    Attributes:
        nothing_arrived: no byte of an answer had come.
    """

    def __init__(self, nothing_arrived: bool) -> None:
        super().__init__("connection closed before the answer was complete")
        self.nothing_arrived = nothing_arrived


class BadResponseError(Exception):
    """What came is not HTTP."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer."""

    status: int
    body: bytes


class HttpConnection(asyncio.Protocol):
    """Sends one request and waits for its answer, again and again while the server keeps the connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Response] | None = None
        self.answers = 0
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._status = 0
        self._arrived = False
        self._length_known = False

    @property
    def usable(self) -> bool:
        """True while a request can be sent: open, and no answer outstanding."""
        return self._transport is not None and not self._transport.is_closing() and self._waiting is None

    async def exchange(self, payload: bytes, timeout: float) -> Response:
        """Send a whole request and return its whole answer.

        Args:
            timeout: seconds until the answer must be complete.

        Raises:
            TimeoutError: it was not; the connection is closed.
            ConnectionGoneError: the server ended the connection first.
            BadResponseError: the bytes that came are not HTTP.
        """
        assert self._transport is not None, "not connected"  # noqa: S101 - a caller's mistake, not an input
        loop = asyncio.get_running_loop()
        self._begin()
        waiting: asyncio.Future[Response] = loop.create_future()
        self._waiting = waiting
        timer = loop.call_later(max(0.0, timeout), self._fail, TimeoutError("client timeout"))
        try:
            self._transport.write(payload)
            return await waiting
        except BaseException:
            # Whatever still comes on this connection would be taken for the next request's answer.
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiting = None

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        # uvloop's transports do not descend from asyncio's, so there is nothing to check an instance of.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._waiting is None or self._waiting.done():
            self.close()
            return
        self._arrived = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(BadResponseError(str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        if self._status and not self._length_known and exc is None:
            self._finish()
        self._fail(ConnectionGoneError(nothing_arrived=not self._arrived))

    # the parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        lowered = name.lower()
        chunked = lowered == b"transfer-encoding" and b"chunked" in value.lower()
        self._length_known = self._length_known or lowered == b"content-length" or chunked

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._status < 200:
            self._status = 0
            return
        keep = self._parser.should_keep_alive()
        self._finish()
        if not keep:
            self.close()

    def _finish(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self.answers += 1
            self._waiting.set_result(Response(self._status, bytes(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
