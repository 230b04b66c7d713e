"""An HTTP answer that goes on for ever, cut into lines as its bytes come in."""

from collections.abc import Callable

import httptools

from collector.docker_endpoint import refusal
from collector.round import ErrorKind
from collector.source import ScrapeError

HEAD_LIMIT = 64 * 1024
REFUSAL_LIMIT = 4096


class LineFeed:
    """One answer.

    Args:
        path: that was asked for, for messages.
        limit: bytes that one line may have; a longer one ends the answer.
        take: is given each whole line of an answer with status 200, without its end.
    """

    def __init__(self, path: str, limit: int, take: Callable[[bytes], None]) -> None:
        self._path, self._limit, self._take = path, limit, take
        self._parser = httptools.HttpResponseParser(self)
        self._partial = bytearray()
        self._head = 0
        self.status = 0
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Bytes off the wire. Raises ScrapeError when nothing more can be made of the answer."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # a fault of ours in a callback, not of the answer
        except httptools.HttpParserError:
            text = f"{self._path} was not answered in HTTP/1: {data[:40]!r}"
            raise ScrapeError(ErrorKind.BAD_FORMAT, text) from None
        if self.status == 0:
            self._head += len(data)
            if self._head > HEAD_LIMIT:
                raise ScrapeError(ErrorKind.TOO_LARGE, f"{self._path}: headers over {HEAD_LIMIT // 1024} KiB")
        elif len(self._partial) > self._limit:
            text = f"{self._path}: a line of more than {self._limit // 1024} KiB"
            raise ScrapeError(ErrorKind.TOO_LARGE, text)

    def refused(self) -> ScrapeError | None:
        """What was answered instead of lines, if anything; whole once the answer has ended."""
        if self.status in (0, 200):
            return None
        return refusal(self.status, bytes(self._partial[:REFUSAL_LIMIT]), self._path)

    def on_headers_complete(self) -> None:
        """The parser's."""
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """The parser's: a piece of the body, without the frames of chunks."""
        if self.status != 200 or b"\n" not in body:
            self._partial += body
            return
        first, *lines = body.split(b"\n")
        self._take(bytes(self._partial) + first if self._partial else first)
        self._partial = bytearray(lines.pop())
        for line in lines:
            self._take(line)

    def on_message_complete(self) -> None:
        """The parser's: the answer has ended as HTTP has it."""
        self.ended = True
