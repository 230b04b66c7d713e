import asyncio
import socket
import time

import pytest

from stack.load.http_client import Address, Exchange, HttpClient
from stack.load.outcome_kind import OutcomeKind, of_unexpected_status
from tests.stack.scripted_server import Reply, Script, ScriptedServer, Seen, serving


def send(
    script: Script, *paths: str, method: str = "GET", timeout: float = 5.0, pause: float = 0.0
) -> tuple[list[Exchange], ScriptedServer]:
    """Sends the paths one after the other from one client; returns the exchanges and the server."""

    async def run() -> tuple[list[Exchange], ScriptedServer]:
        async with serving(script) as server:
            client = HttpClient(Address("127.0.0.1", server.port), time.monotonic, timeout)
            exchanges = []
            for path in paths:
                exchanges.append(await client.send(method, path))
                await asyncio.sleep(pause)
            client.close()
            return exchanges, server

    return asyncio.run(run())


def test_requests_of_one_user_share_a_kept_alive_connection() -> None:
    exchanges, server = send(lambda seen: Reply(body=seen.path.encode()), "/a", "/b", "/c")
    assert [exchange.body for exchange in exchanges] == [b"/a", b"/b", b"/c"]
    assert server.connections == 1


def test_a_json_body_and_headers_arrive_as_sent() -> None:
    async def run() -> Seen:
        async with serving(lambda seen: Reply()) as server:
            client = HttpClient(Address("127.0.0.1", server.port), time.monotonic)
            await client.send("POST", "/reserve", {"waitingToken": "t-1"}, {"seat": 7})
            return server.seen[0]

    seen = asyncio.run(run())
    assert (seen.method, seen.path, seen.body) == ("POST", "/reserve", b'{"seat": 7}')
    assert seen.headers["waitingtoken"] == "t-1"
    assert seen.headers["content-type"] == "application/json"


def test_a_line_break_in_a_header_is_not_sent() -> None:
    async def run() -> None:
        client = HttpClient(Address("127.0.0.1", 1), time.monotonic)
        await client.send("GET", "/", {"waitingToken": "a\r\nX: y"})

    with pytest.raises(ValueError, match="line break"):
        asyncio.run(run())


def test_an_idle_connection_that_the_server_closed_is_replaced_before_sending() -> None:
    exchanges, server = send(lambda seen: Reply(then_close=True), "/a", "/b", pause=0.05, method="POST")
    assert [exchange.kind for exchange in exchanges] == [OutcomeKind.OK, OutcomeKind.OK]
    assert server.connections == 2


def test_a_connection_that_the_server_announces_to_close_is_not_used_again() -> None:
    exchanges, server = send(lambda seen: Reply(announce_close=True), "/a", "/b")
    assert [exchange.kind for exchange in exchanges] == [OutcomeKind.OK, OutcomeKind.OK]
    assert server.connections == 2


def closes_under_the_second_request(seen: Seen) -> Reply:
    return Reply(reset=seen.number == 2)


def test_a_get_that_crosses_the_closing_of_a_kept_connection_is_sent_once_more() -> None:
    exchanges, server = send(closes_under_the_second_request, "/a", "/b")
    assert [exchange.kind for exchange in exchanges] == [OutcomeKind.OK, OutcomeKind.OK]
    assert [seen.path for seen in server.seen] == ["/a", "/b", "/b"]


def test_a_post_that_crosses_the_closing_is_not_repeated_behind_the_users_back() -> None:
    exchanges, server = send(closes_under_the_second_request, "/a", "/b", method="POST")
    assert [exchange.kind for exchange in exchanges] == [OutcomeKind.OK, OutcomeKind.RESET]
    assert len(server.seen) == 2


def test_a_reset_on_a_fresh_connection_is_a_failure_at_once() -> None:
    exchanges, server = send(lambda seen: Reply(reset=True), "/a")
    assert exchanges[0].kind is OutcomeKind.RESET
    assert len(server.seen) == 1


def test_a_server_that_hangs_is_a_timeout_and_its_late_answer_is_not_taken_for_the_next() -> None:
    exchanges, _ = send(
        lambda seen: Reply(body=seen.path.encode(), delay=0.5 if seen.path == "/slow" else 0),
        "/slow",
        "/b",
        timeout=0.2,
        pause=0.5,
    )
    assert [exchange.kind for exchange in exchanges] == [OutcomeKind.TIMEOUT, OutcomeKind.OK]
    assert exchanges[1].body == b"/b"


def test_the_deadline_covers_a_body_that_drips() -> None:
    exchanges, _ = send(lambda seen: Reply(body=b"x" * 100, drip=0.02), "/a", timeout=0.2)
    assert exchanges[0].kind is OutcomeKind.TIMEOUT


def test_a_slow_body_within_the_deadline_arrives_whole() -> None:
    exchanges, _ = send(lambda seen: Reply(body=b"slowly", drip=0.01), "/a")
    assert exchanges[0].body == b"slowly"


def test_a_connection_nobody_accepts_is_a_timeout() -> None:
    async def run(port: int) -> Exchange:
        return await HttpClient(Address("127.0.0.1", port), time.monotonic, 0.2).send("GET", "/")

    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(full.getsockname())
        assert asyncio.run(run(full.getsockname()[1])).kind is OutcomeKind.TIMEOUT


def test_a_closed_port_is_refused() -> None:
    async def run() -> Exchange:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return await HttpClient(Address("127.0.0.1", port), time.monotonic).send("GET", "/")

    assert asyncio.run(run()).kind is OutcomeKind.REFUSED


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"<html>not http</html>\r\n\r\n", OutcomeKind.BAD_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut", OutcomeKind.RESET),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", OutcomeKind.RESET),
    ],
)
def test_a_malformed_or_cut_off_answer_is_a_failure(raw: bytes, kind: OutcomeKind) -> None:
    exchanges, _ = send(lambda seen: Reply(raw=raw, then_close=True), "/a")
    assert exchanges[0].kind is kind
    assert exchanges[0].detail


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
    ],
)
def test_every_way_of_ending_a_body_is_understood(raw: bytes, body: bytes) -> None:
    exchanges, _ = send(lambda seen: Reply(raw=raw, then_close=True), "/a")
    assert (exchanges[0].status, exchanges[0].body) == (200, body)


def test_an_unexpected_status_has_its_own_kind() -> None:
    kinds = [of_unexpected_status(status) for status in (302, 400, 403, 404, 429, 500, 503, 700)]
    assert kinds == [
        OutcomeKind.HTTP_3XX,
        OutcomeKind.HTTP_4XX,
        OutcomeKind.HTTP_403,
        OutcomeKind.HTTP_404,
        OutcomeKind.HTTP_429,
        OutcomeKind.HTTP_5XX,
        OutcomeKind.HTTP_503,
        OutcomeKind.BAD_RESPONSE,
    ]
