"""A question that was sent before anybody waits for its answer, so that many targets can be asked at once."""

import time

from collector.bounded_socket import BoundedSocket
from collector.http_wire import PIECE_BYTES, PlainResponse, Response, begin, plain
from collector.together import Arrival

PIECES_AT_ONCE = 16
"""What is received in one go, so that an answer without end keeps nobody else from theirs."""

MOST_HEAD_BYTES = 64 * 1024


class AskedAhead:
    """A question on its way, and what has come of its answer. Raises what the socket raises.

    Args:
        limit: bytes of a body that are taken ahead, at most.
    """

    def __init__(self, sock: BoundedSocket, question: bytes, limit: int) -> None:
        self._sock = sock
        self._limit = limit
        self._head = b""
        self._plain: PlainResponse | None = None
        self.at = time.monotonic()
        sock.sendall(question)

    def arrived(self) -> Arrival:
        """Take what is there, without waiting; only a plain answer within the limit becomes whole."""
        try:
            for _ in range(PIECES_AT_ONCE):
                arrival = self._take(self._sock.recv_now(PIECE_BYTES))
                if arrival is not Arrival.AWAITED:
                    return arrival
        except BlockingIOError:
            return Arrival.AWAITED
        except OSError:
            return Arrival.OTHER
        return Arrival.AWAITED

    def response(self) -> Response:
        """The answer; waits for what is missing, as ``ask`` does."""
        return self._plain or begin(self._sock, self._head)

    def _take(self, piece: bytes) -> Arrival:
        if not piece:
            return Arrival.OTHER
        if self._plain is not None:
            self._plain.add(piece)
            return self._whole_or_awaited(self._plain)
        self._head += piece
        self._plain = plain(self._sock, self._head)
        if self._plain is not None:
            return self._whole_or_awaited(self._plain)
        odd = b"\r\n\r\n" in self._head or len(self._head) > MOST_HEAD_BYTES
        return Arrival.OTHER if odd else Arrival.AWAITED

    def _whole_or_awaited(self, found: PlainResponse) -> Arrival:
        if found.length > self._limit:
            return Arrival.OTHER
        return Arrival.AWAITED if found.missing else Arrival.WHOLE
