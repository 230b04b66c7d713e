"""A question that was sent before anybody waits for its answer, so that many targets can be asked at once."""

import time

from collector.bounded_socket import BoundedSocket
from collector.http_wire import PIECE_BYTES, PlainResponse, Response, begin, plain


class AskedAhead:
    """A question on its way, and what has come of its answer. Raises what the socket raises."""

    def __init__(self, sock: BoundedSocket, question: bytes) -> None:
        self._sock = sock
        self._head = b""
        self._plain: PlainResponse | None = None
        self.at = time.monotonic()
        sock.sendall(question)

    def arrived(self) -> bool:
        """Take what is there, without waiting; whether there is nothing more to wait for.

        That is so when a plain answer is whole, and also when ``response`` must read what is none.
        """
        try:
            while piece := self._sock.recv_now(PIECE_BYTES):
                if self._take(piece):
                    return True
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def response(self) -> Response:
        """The answer; waits for what is missing, as ``ask`` does."""
        return self._plain or begin(self._sock, self._head)

    def _take(self, piece: bytes) -> bool:
        if self._plain is not None:
            self._plain.add(piece)
            return self._plain.missing == 0
        self._head += piece
        self._plain = plain(self._sock, self._head)
        if self._plain is None:
            return b"\r\n\r\n" in self._head
        return self._plain.missing == 0
