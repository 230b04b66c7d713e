"""Bodies that nobody should send: refused without a worker waiting for them."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.web import prometheus_samples
from tests.web.desk import Desk
from web import server
from web.server import WORKERS, WebServer

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def place(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(server, "BODY_SECONDS", 1.0)
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True, "port": 0})
    settings = desk.parts.settings.model_copy(update={"web": web})
    store = prometheus_samples.store()
    running = WebServer(replace(desk.parts, settings=settings, asker=store, series=store))
    running.start()
    yield urlsplit(running.address).netloc
    running.stop()


def posted(place: str, body: bytes, kind: str = FORM, length: int | None = None) -> tuple[int, str]:
    connection = HTTPConnection(place, timeout=20)
    connection.putrequest("POST", "/api/v1/query")
    connection.putheader("Content-Type", kind)
    connection.putheader("Content-Length", str(len(body) if length is None else length))
    connection.endheaders(body)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    return answer.status, found.get("errorType", found["status"])


def trickle(place: str) -> socket.socket:
    """A connection that has announced a form and sends no more than its first byte."""
    host, port = place.split(":")
    link = socket.create_connection((host, int(port)), timeout=20)
    head = (
        f"POST /api/v1/query HTTP/1.1\r\nHost: {place}\r\nContent-Type: {FORM}\r\nContent-Length: 90\r\n\r\nq"
    )
    link.sendall(head.encode())
    return link


def test_f65_a_body_of_100_mb_is_refused_unread(place: str) -> None:
    assert posted(place, b"query=1", length=100_000_000) == (413, "bad_data")


def test_a_body_that_is_too_large_is_refused_in_words_that_say_what_is_allowed(place: str) -> None:
    connection = HTTPConnection(place, timeout=20)
    connection.request("POST", "/api/v1/query", b"q" * 3_000_000, {"Content-Type": FORM})
    assert json.loads(connection.getresponse().read())["error"] == "the request is larger than 2 MB"


@pytest.mark.parametrize("chunks", [[b"query=1%2B1", b"&time=4"], [b"query=1%2B1&time=4"], []])
def test_a_form_that_comes_in_chunks_is_read_like_any_other(place: str, chunks: list[bytes]) -> None:
    connection = HTTPConnection(place, timeout=20)
    headers = {"Content-Type": FORM, "Transfer-Encoding": "chunked"}
    connection.request("POST", "/api/v1/query", iter(chunks), headers, encode_chunked=True)
    answer = json.loads(connection.getresponse().read())
    if chunks:
        assert answer["data"]["result"] == [4, "2"]
    else:
        assert answer["errorType"] == "bad_data"


def test_f65_a_body_without_an_end_is_refused_where_it_gets_too_large(place: str) -> None:
    host, port = place.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as link:
        head = f"POST /api/v1/query HTTP/1.1\r\nHost: {place}\r\nContent-Type: {FORM}\r\n"
        link.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
        try:
            for _ in range(64):
                link.sendall(chunk)
        except OSError:
            pass  # It has hung up by then.
        try:
            said = link.recv(4096)
        except ConnectionResetError:
            said = b"HTTP/1.1 413"
    assert said.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("body", "kind", "wanted"),
    [
        (b"query=1&time=4", f"{FORM}; charset=utf-16", {(200, "success")}),
        (b"query=1&time=4", f"{FORM}; charset=\xc3\xa4".encode().decode("latin1"), {(200, "success")}),
        (b'{"query": NaN}', "application/json", {(400, "bad_data")}),
        (b"query=NaN&time=NaN", FORM, {(400, "bad_data")}),
        (b"query=%ff%fe&time=4", FORM, {(400, "bad_data")}),
        (b"\xff\xfe\x00" * 1000, FORM, {(400, "bad_data")}),
        (b"query=1&" * 20_000, FORM, {(200, "success"), (413, "bad_data")}),
        (b"--x\r\n" * 1000, "multipart/form-data; boundary=x", {(400, "bad_data")}),
        (b"", "multipart/form-data", {(400, "bad_data")}),
        (b"query=" + b"1%2B" * 400_000, FORM, {(400, "bad_data")}),
    ],
)
def test_f65_a_strange_body_is_a_request_like_any_other(
    place: str, body: bytes, kind: str, wanted: set[tuple[int, str]]
) -> None:
    assert posted(place, body, kind) in wanted


def test_f65_who_sends_slowly_holds_no_worker_and_is_told_so(place: str) -> None:
    slow = [trickle(place) for _ in range(3 * WORKERS)]
    try:
        assert posted(place, b"query=1&time=4") == (200, "success")
        assert slow[0].recv(4096).startswith(b"HTTP/1.1 408")
    finally:
        for link in slow:
            link.close()
