"""Pages over HTTP from servers that misbehave: the table of bad endpoints."""

import gzip
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from collector.actuator import ActuatorSource, PageSettings
from collector.deadline import Deadline
from collector.exposition_grammar import PageFormat
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.site import Site
from collector.source import Scraped, ScrapeError
from metrics.values import label
from tests.collector.raw_server import (
    OPENMETRICS,
    TEXT,
    RawServer,
    Serve,
    always,
    answer,
    once,
    read_request,
    serving,
    soon,
)

NOW = 1_700_000_000.0
LIMIT = 10 * 1024 * 1024


def settings(url: str) -> PageSettings:
    return PageSettings(Site(url, LIMIT), 50_000, None)


@contextmanager
def source_of(server: RawServer) -> Iterator[ActuatorSource]:
    source = ActuatorSource(settings(server.url), Resolver())
    yield source
    source.close()


def scrape(serve: Serve, seconds: float = 2.0) -> Scraped:
    with serving(serve) as server, source_of(server) as source:
        return source.fetch(NOW, Deadline.within(seconds))


def failure(serve: Serve, seconds: float = 2.0) -> ScrapeError:
    with pytest.raises(ScrapeError) as caught:
        scrape(serve, seconds)
    return caught.value


def page(body: bytes, content_type: str | None = TEXT) -> bytes:
    return answer(body, content_type)


GOOD: dict[str, tuple[bytes, int, int]] = {
    "good": (page(b"a 1\n"), 1, 1),
    "no final newline": (page(b"a 1"), 1, 1),
    "empty": (page(b""), 0, 0),
    "duplicate, same value": (page(b"a 1\na 1\n"), 1, 2),
    "duplicate, other value": (page(b"a 1\na 2\n"), 1, 2),
    "special values": (page(b"a NaN\nb +Inf\nc -Inf\n"), 3, 3),
    "negative counter": (page(b"# TYPE a counter\na -1\n"), 1, 1),
    "two hours ahead": (page(f"a 1 {int(NOW + 7200)}000\n".encode()), 0, 1),
    "a day old": (page(f"a 1 {int(NOW - 86400)}000\n".encode()), 0, 1),
    "openmetrics": (page(b"a 1\n# EOF\n", OPENMETRICS), 1, 1),
    "openmetrics without final newline": (page(b"a 1\n# EOF", OPENMETRICS), 1, 1),
    "no version": (page(b"a 1\n", "text/plain"), 1, 1),
    "gzip": (answer(gzip.compress(b"a 1\n"), TEXT, Content_Encoding="gzip"), 1, 1),
    "gzip in two members": (
        answer(gzip.compress(b"a 1\n") + gzip.compress(b"b 1\n"), TEXT, Content_Encoding="gzip"),
        2,
        2,
    ),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\na \r\n2\r\n1\n\r\n0\r\n\r\n",
        1,
        1,
    ),
    "http 1.0": (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\na 1\n", 1, 1),
}


@pytest.mark.parametrize(("reply", "count", "seen"), GOOD.values(), ids=GOOD.keys())
def test_f05_what_is_good_enough_is_up(reply: bytes, count: int, seen: int) -> None:
    scraped = scrape(once(reply))
    assert (len(scraped.values), scraped.seen) == (count, seen)


def test_oddities_of_a_good_page_are_told() -> None:
    assert scrape(once(page(b""))).notes == ("the page has no samples",)
    assert "1 samples of a series that the page already had" in scrape(once(page(b"a 1\na 2\n"))).notes[0]
    assert "too far ahead" in scrape(once(page(f"a 1 {int(NOW + 7200)}000\n".encode()))).notes[0]


BAD: dict[str, tuple[bytes, ErrorKind, str]] = {
    "bad value in the middle": (
        page(b"a 1\nb oops\nc 1\n"),
        ErrorKind.BAD_FORMAT,
        "line 2: value 'oops' is not a number",
    ),
    "duplicate label name": (
        page(b'a{x="1",x="2"} 1\n'),
        ErrorKind.BAD_FORMAT,
        'label name "x" is not unique',
    ),
    "1e400": (page(b"a 1e400\n"), ErrorKind.BAD_FORMAT, "out of range"),
    "1_0": (page(b"a 1_0\n"), ErrorKind.BAD_FORMAT, "line 1"),
    "CRLF": (page(b"a 1\r\nb 2\r\n"), ErrorKind.BAD_FORMAT, "carriage return"),
    "invalid UTF-8": (page(b'a{x="\xff"} 1\n'), ErrorKind.BAD_FORMAT, "invalid UTF-8"),
    "no Content-Type": (
        page(b"a 1\n", None),
        ErrorKind.BAD_CONTENT_TYPE,
        "no Content-Type (set collector.fallback_scrape_protocol",
    ),
    "html": (
        page(b"<html>", "text/html; charset=utf-8"),
        ErrorKind.BAD_CONTENT_TYPE,
        "text/html (a login page?)",
    ),
    "json": (
        page(b"{}", "application/json"),
        ErrorKind.BAD_CONTENT_TYPE,
        "application/json (want text/plain",
    ),
    "no EOF": (page(b"a 1\n", OPENMETRICS), ErrorKind.BAD_FORMAT, "does not end with # EOF"),
    "text after EOF": (
        page(b"a 1\n# EOF\nb 1\n", OPENMETRICS),
        ErrorKind.BAD_FORMAT,
        "line 3: text after # EOF",
    ),
    "empty openmetrics": (page(b"", OPENMETRICS), ErrorKind.BAD_FORMAT, "# EOF"),
    "500": (
        answer(b"", TEXT, "500 Internal Server Error"),
        ErrorKind.HTTP_STATUS,
        "answered 500 Internal Server Error",
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", ErrorKind.HTTP_STATUS, "answered 204 No Content (want 200)"),
    "401": (answer(b"", TEXT, "401 Unauthorized"), ErrorKind.AUTH, "answered 401 Unauthorized"),
    "403": (answer(b"", TEXT, "403 Forbidden"), ErrorKind.AUTH, "check user and password_file"),
    "truncated gzip": (
        answer(gzip.compress(b"a 1\n" * 99)[:-12], TEXT, Content_Encoding="gzip"),
        ErrorKind.BAD_FORMAT,
        "unexpected EOF",
    ),
    "identity labelled gzip": (
        answer(b"a 1\n", TEXT, Content_Encoding="gzip"),
        ErrorKind.BAD_FORMAT,
        "labelled gzip but is not gzip",
    ),
    "unknown encoding": (
        answer(b"a 1\n", TEXT, Content_Encoding="br"),
        ErrorKind.BAD_FORMAT,
        "Content-Encoding 'br'",
    ),
    "short body": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\na 1\n",
        ErrorKind.BAD_FORMAT,
        "the body ended early, after 4 of 100 bytes",
    ),
    "short chunk": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n50\r\na 1\n",
        ErrorKind.BAD_FORMAT,
        "the body ended early",
    ),
    "not http": (
        b"SSH-2.0-OpenSSH_9.6\r\n",
        ErrorKind.BAD_FORMAT,
        "does not speak HTTP/1: it answered 'SSH-2.0",
    ),
    "closed at once": (b"", ErrorKind.RESET, "closed the connection before it had answered"),
    "too many samples": (
        page(b"a 1\n" * 50_001),
        ErrorKind.LIMIT,
        "50,001 samples, over collector.sample_limit (50,000)",
    ),
}


@pytest.mark.parametrize(("reply", "kind", "words"), BAD.values(), ids=BAD.keys())
def test_f05_what_is_bad_is_down_with_its_kind(reply: bytes, kind: ErrorKind, words: str) -> None:
    error = failure(once(reply))
    assert error.kind is kind
    assert words in error.text


def test_a_page_without_a_type_is_taken_for_what_the_settings_say() -> None:
    with serving(once(page(b"a 1\n", None))) as server:
        chosen = replace(settings(server.url), fallback=PageFormat.TEXT)
        assert len(ActuatorSource(chosen, Resolver()).fetch(NOW, soon()).values) == 1


def test_f05_a_redirect_loop_stops_after_three() -> None:
    error = failure(always(answer(b"", TEXT, "302 Found", Location="/again")))
    assert error.kind is ErrorKind.HTTP_STATUS
    assert error.text == "stopped after 3 redirects, the last to /again"


def test_a_page_that_moved_is_followed() -> None:
    def serve(sock: socket.socket) -> None:
        while head := read_request(sock):
            moved = answer(b"", TEXT, "301 Moved Permanently", Location="/new?x=1")
            sock.sendall(page(b"a 1\n") if head.startswith(b"GET /new?x=1 ") else moved)

    assert len(scrape(serve).values) == 1


def test_f01_headers_that_never_come_end_at_the_deadline() -> None:
    begun = time.monotonic()
    error = failure(lambda sock: time.sleep(5), seconds=0.3)
    assert error.kind is ErrorKind.TIMEOUT
    assert "gave no whole answer within 0.3 s" in error.text
    assert time.monotonic() - begun < 1.0


@pytest.mark.parametrize("start", ["headers", "body"])
def test_f02_one_byte_each_200_ms_ends_at_the_deadline(start: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n"

    def drip(sock: socket.socket) -> None:
        read_request(sock)
        if start == "body":
            sock.sendall(head)
        for byte in head + b"a 1\n" * 200:
            sock.sendall(bytes([byte]))
            time.sleep(0.2)

    begun = time.monotonic()
    assert failure(drip, seconds=0.7).kind is ErrorKind.TIMEOUT
    assert 0.6 < time.monotonic() - begun < 1.5


def test_f03_a_body_without_end_is_cut_at_the_limit_and_the_connection_closed() -> None:
    closed = threading.Event()

    def flood(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                sock.sendall(b"a 1\n" * 20_000)
        finally:
            closed.set()

    error = failure(flood, seconds=10.0)
    assert error.kind is ErrorKind.TOO_LARGE
    assert error.text == "body over 10 MiB"
    assert closed.wait(2.0)


def bomb() -> bytes:
    """Half a megabyte that inflates to 512 MiB, in members of 16 MiB."""
    return gzip.compress(bytes(16 << 20)) * 32


def test_f04_a_gzip_bomb_is_cut_at_the_limit_and_costs_little_memory() -> None:
    reply = answer(bomb(), TEXT, Content_Encoding="gzip")
    failure(once(page(b"a")))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = failure(once(reply), seconds=10.0)
    assert error.kind is ErrorKind.TOO_LARGE
    assert error.text == "body over 10 MiB"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * 1024


def test_a_bomb_in_a_bomb_is_refused() -> None:
    error = failure(once(answer(gzip.compress(gzip.compress(b"a 1\n")), TEXT, Content_Encoding="gzip, gzip")))
    assert error.kind is ErrorKind.BAD_FORMAT


def test_nothing_listening_is_refused_and_named() -> None:
    with serving(once(b"")) as server:
        port = server.port
    source = ActuatorSource(settings(f"http://127.0.0.1:{port}/metrics"), Resolver())
    with pytest.raises(ScrapeError) as caught:
        source.fetch(NOW, soon())
    assert caught.value.kind is ErrorKind.REFUSED
    assert caught.value.text == f"nothing listens on 127.0.0.1:{port}"


def test_a_reset_is_a_reset() -> None:
    def reset(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        read_request(sock)

    assert failure(reset).kind is ErrorKind.RESET


def test_f20_an_unknown_name_is_a_dns_error() -> None:
    def unknown(host: str, port: int) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    source = ActuatorSource(settings("http://nowhere.invalid/metrics"), Resolver(unknown))  # type: ignore[arg-type] # it never returns
    with pytest.raises(ScrapeError) as caught:
        source.fetch(NOW, soon())
    assert caught.value.kind is ErrorKind.DNS
    assert "name nowhere.invalid is not known" in caught.value.text


def test_f20_a_slow_name_server_is_bounded_and_holds_one_thread() -> None:
    gate = threading.Event()
    asked: list[str] = []

    def slow(host: str, port: int) -> list[object]:
        asked.append(host)
        gate.wait(10)
        return []

    source = ActuatorSource(settings("http://slow.invalid/metrics"), Resolver(slow))  # type: ignore[arg-type] # no address comes back
    for _ in range(3):
        with pytest.raises(ScrapeError) as caught:
            source.fetch(NOW, soon(0.1))
        assert caught.value.kind is ErrorKind.TIMEOUT
    assert asked == ["slow.invalid"]
    gate.set()


def test_f21_too_many_open_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector import http_fetch

    def exhausted(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(http_fetch, "connect", exhausted)
    error = failure(once(b""))
    assert error.kind is ErrorKind.INTERNAL
    assert "raise ulimit -n" in error.text


def test_the_connection_is_kept_and_opened_again_when_the_server_closed_it() -> None:
    with serving(always(page(b"a 1\n"))) as server, source_of(server) as source:
        for _ in range(3):
            assert len(source.fetch(NOW, soon()).values) == 1
        assert server.connections == 1
    with serving(once(page(b"a 1\n"))) as server, source_of(server) as source:
        for _ in range(3):
            assert len(source.fetch(NOW, soon()).values) == 1
        assert server.connections == 3


def test_a_server_that_closes_just_as_we_ask_is_asked_again() -> None:
    def serve_once_then_hang_up_on_the_second(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(page(b"a 1\n"))
        read_request(sock)

    with serving(serve_once_then_hang_up_on_the_second) as server, source_of(server) as source:
        assert [len(source.fetch(NOW, soon()).values) for _ in range(3)] == [1, 1, 1]
        assert server.connections == 3


def test_a_user_and_password_are_sent_and_never_to_another_site(tmp_path: Path) -> None:
    heads: list[bytes] = []

    def record(sock: socket.socket) -> None:
        heads.append(read_request(sock))
        sock.sendall(page(b"a 1\n"))

    password = tmp_path / "password"
    password.write_text("open sesame\n", encoding="utf-8")
    with serving(record) as other:
        moved = answer(b"", TEXT, "302 Found", Location=other.url)

        def move(sock: socket.socket) -> None:
            heads.append(read_request(sock))
            sock.sendall(moved)

        with serving(move) as first:
            chosen = PageSettings(Site(first.url, LIMIT, "ali", password), 50_000, None)
            ActuatorSource(chosen, Resolver()).fetch(NOW, soon())
    assert b"Authorization: Basic YWxpOm9wZW4gc2VzYW1l" in heads[0]
    assert b"Authorization" not in heads[1]


def test_a_missing_password_file_is_named_and_its_absence_is_no_fault_of_the_target(tmp_path: Path) -> None:
    chosen = PageSettings(Site("http://127.0.0.1:1/", LIMIT, "ali", tmp_path / "nothing"), 50_000, None)
    with pytest.raises(ScrapeError, match="nothing cannot be read: No such file") as caught:
        ActuatorSource(chosen, Resolver()).fetch(NOW, soon())
    assert caught.value.kind is ErrorKind.AUTH


def test_the_formats_that_prometheus_3_asks_for_are_asked_for_with_names_as_they_are() -> None:
    heads: list[bytes] = []

    def record(sock: socket.socket) -> None:
        heads.append(read_request(sock))
        sock.sendall(page(b'a{x="1"} 1\n'))

    scraped = scrape(record)
    assert (
        b"Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        b"application/openmetrics-text;version=0.0.1;q=0.5,"
        b"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n"
    ) in heads[0]
    assert label(scraped.labels[0], "x") == "1"
