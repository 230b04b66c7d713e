"""Heads of answers: those read by hand say the same as those that http.client reads."""

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from collector.bounded_socket import BoundedSocket
from collector.deadline import Deadline
from collector.http_wire import PlainResponse, ask, request

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello"
OTHERS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
)


def answered(raw: bytes) -> "tuple[bool, tuple[object, ...]]":
    """Whether an answer was read by hand, and what was read."""
    ours, theirs = socket.socketpair()
    sock = BoundedSocket(fileno=ours.detach())
    sock.deadline = Deadline.within(10.0)
    with sock, theirs:
        theirs.sendall(raw)
        theirs.shutdown(socket.SHUT_WR)
        response = ask(sock, b"GET / HTTP/1.1\r\n\r\n")
        body = b""
        while piece := response.read(3):
            body += piece
        names = ("Content-Type", "Location", "content-length")
        told = tuple(response.getheader(name) for name in names)
        closing = bool(response.will_close)
        response.close()
        said = (response.status, response.reason, response.version, closing, told, body)
        return isinstance(response, PlainResponse), said


def test_a_plain_answer_is_read_by_hand_as_http_client_reads_it() -> None:
    by_hand, said = answered(PLAIN)
    assert by_hand
    assert said == (200, "OK", 11, False, ("text/plain", None, "5"), b"hello")


@pytest.mark.parametrize("raw", OTHERS)
def test_every_other_answer_is_read_by_http_client_from_its_first_byte(raw: bytes) -> None:
    by_hand, said = answered(raw)
    assert not by_hand
    assert said[-1] == b"hello"


def test_bytes_after_the_body_end_the_connection() -> None:
    by_hand, said = answered(PLAIN + b"HTTP/1.1 200 OK\r\n")
    assert by_hand
    assert said[3] is True
    assert said[-1] == b"hello"


def test_a_body_cut_short_ends_where_the_bytes_end() -> None:
    assert answered(PLAIN[:-2])[1][-1] == b"hel"


def test_an_empty_answer_is_a_lost_connection() -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        answered(b"")


def test_a_path_with_a_blank_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(http.client.InvalidURL):
        request(urlsplit("http://host/a b"), {})
