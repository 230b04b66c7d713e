"""The body of an HTTP answer, inflated where it is gzip, never more of it than a limit."""

import zlib
from contextlib import closing

from collector.http_wire import Response
from collector.round import ErrorKind
from collector.source import ScrapeError

CHUNK_BYTES = 64 * 1024
GZIP = 31  # zlib's window bits for a gzip wrapper


def read_body(response: Response, limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes of it after decompression. Closes the response.

    Raises ScrapeError (too_large, bad_format) and what the socket raises.
    """
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"Content-Encoding {encoding!r} (want identity or gzip)")
    expected = response.length
    inflater = _Inflater(limit) if encoding == "gzip" else None
    parts: list[bytes] = []
    raw = size = 0
    with closing(response):
        while chunk := response.read(CHUNK_BYTES):
            raw += len(chunk)
            piece = inflater.feed(chunk) if inflater else chunk
            size += len(piece)
            if size > limit:
                raise ScrapeError(ErrorKind.TOO_LARGE, f"body over {_size(limit)}")
            parts.append(piece)
    if expected is not None and raw < expected:
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"the body ended early, after {raw} of {expected} bytes")
    if inflater:
        inflater.finish()
    return b"".join(parts)


class _Inflater:
    """Streams gzip; never holds more than the limit and one chunk, however much the input swells."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._engine = zlib.decompressobj(GZIP)

    def feed(self, chunk: bytes) -> bytes:
        """What the chunk inflates to, cut soon after the limit."""
        parts: list[bytes] = []
        while chunk and self._size <= self._limit:
            if self._engine.eof:
                self._engine = zlib.decompressobj(GZIP)
            part = self._inflate(chunk)
            self._size += len(part)
            parts.append(part)
            chunk = self._engine.unused_data if self._engine.eof else self._engine.unconsumed_tail
        return b"".join(parts)

    def _inflate(self, chunk: bytes) -> bytes:
        try:
            return self._engine.decompress(chunk, self._limit + 1 - self._size)
        except zlib.error:
            text = "the body is labelled gzip but is not gzip"
            raise ScrapeError(ErrorKind.BAD_FORMAT, text) from None

    def finish(self) -> None:
        """Raises ScrapeError when the last gzip member is not whole."""
        if not self._engine.eof:
            raise ScrapeError(ErrorKind.BAD_FORMAT, "the gzip body ended early (unexpected EOF)")


def _size(count: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"
