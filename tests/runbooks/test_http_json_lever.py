"""The wire contract against a real HTTP server."""

import resource
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runbooks.lever import Applied, Change, Conflict, LeverReading, RampBack, Refused, Unknown, UnknownKind
from runbooks.levers.http_json import HttpJsonLever
from tests.runbooks.fake_lever import FakeLever, Mode, serving
from tests.runbooks.scene import START, lever_settings


@pytest.fixture
def fake() -> FakeLever:
    return FakeLever(now=START)


@pytest.fixture
def lever(fake: FakeLever) -> Iterator[HttpJsonLever]:
    with serving(fake) as url:
        yield HttpJsonLever(lever_settings(url))


def change(value: float = 8, version: int | None = 7, request: str = "r1", lease: float = 60) -> Change:
    return Change(value, version, request, lease, "throttle_queue-1-1", put_back_excess=True)


def test_a_reading_has_value_baseline_version_and_lease(fake: FakeLever, lever: HttpJsonLever) -> None:
    fake.lease = {"owner": "showcall", "runId": "throttle_queue-1-1", "until": START + 60}
    reading = lever.read(START)
    assert isinstance(reading, LeverReading)
    assert (reading.value, reading.baseline, reading.version, reading.at) == (1000, 1000, 7, START)
    assert reading.lease is not None
    assert (reading.lease.owner, reading.lease.run_id, reading.lease.until) == (
        "showcall",
        "throttle_queue-1-1",
        START + 60,
    )


def test_a_lever_is_read_in_a_process_with_more_than_a_thousand_files(lever: HttpJsonLever) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with ExitStack() as held:
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while held.enter_context(Path("/dev/null").open("rb")).fileno() < 1100:
            pass
        readings = [lever.read(START) for _ in range(3)]
    assert all(isinstance(reading, LeverReading) for reading in readings), readings


def test_a_write_is_applied_and_answers_with_the_new_reading(fake: FakeLever, lever: HttpJsonLever) -> None:
    result = lever.set(change(), START)
    assert isinstance(result, Applied)
    assert (result.reading.value, result.reading.version) == (8, 8)
    assert fake.posts[0] == {
        "value": 8,
        "ifVersion": 7,
        "requestId": "r1",
        "leaseSeconds": 60,
        "owner": "showcall",
        "runId": "throttle_queue-1-1",
        "putBackExcess": True,
    }


def test_the_same_request_id_has_one_effect(fake: FakeLever, lever: HttpJsonLever) -> None:
    assert lever.set(change(), START) == lever.set(change(), START)
    assert len(fake.ledger) == 1


def test_f44_a_late_old_write_is_a_conflict_and_nothing_is_applied(
    fake: FakeLever, lever: HttpJsonLever
) -> None:
    fake.turn_by_hand(500)
    result = lever.set(change(version=7), START)
    assert isinstance(result, Conflict)
    assert result.reading.value == 500
    assert fake.value == 500


def test_f41_a_hanging_endpoint_is_unknown_within_the_timeout(fake: FakeLever, lever: HttpJsonLever) -> None:
    fake.mode = Mode.HANG
    began = time.monotonic()
    result = lever.set(change(), START)
    assert isinstance(result, Unknown)
    assert result.kind is UnknownKind.TIMEOUT
    assert time.monotonic() - began < 2.0


def test_f43_an_answer_lost_after_the_effect_is_unknown(fake: FakeLever, lever: HttpJsonLever) -> None:
    fake.mode = Mode.APPLY_THEN_RESET
    result = lever.set(change(), START)
    assert isinstance(result, Unknown)
    assert result.kind is UnknownKind.RESET
    assert fake.value == 8


def test_f42_a_server_error_is_unknown_with_its_text(fake: FakeLever, lever: HttpJsonLever) -> None:
    fake.mode = Mode.FAIL
    result = lever.set(change(), START)
    assert isinstance(result, Unknown)
    assert result.kind is UnknownKind.SERVER_ERROR
    assert "out of order (HTTP 500)" in result.text


def test_a_bad_request_is_refused_with_the_targets_words(fake: FakeLever, lever: HttpJsonLever) -> None:
    fake.mode = Mode.REFUSE
    result = lever.set(change(), START)
    assert isinstance(result, Refused)
    assert "value: out of bounds (HTTP 400)" in result.text


def test_f53_a_redirect_is_not_followed(fake: FakeLever, lever: HttpJsonLever) -> None:
    fake.mode = Mode.REDIRECT
    result = lever.set(change(), START)
    assert isinstance(result, Refused)
    assert "redirects are not followed" in result.text
    assert len(fake.posts) == 1


def test_letting_go_starts_the_targets_own_ramp(fake: FakeLever, lever: HttpJsonLever) -> None:
    lever.set(change(), START)
    result = lever.let_go(RampBack(8, "r2", "throttle_queue-1-1"), START)
    assert isinstance(result, Applied)
    assert result.reading.ramping
    assert result.reading.lease is None


def test_nobody_listening_is_connection_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = HttpJsonLever(lever_settings(f"http://127.0.0.1:{port}/x")).read(START)
    assert isinstance(result, Unknown)
    assert result.kind is UnknownKind.CONNECTION_REFUSED


GOOD = b'{"value": 1000, "baseline": 1000, "version": 7, "lease": null, "ramping": false}'


def _answering(raw: list[bytes], pauses: float = 0.0) -> tuple[str, list[int]]:
    """A server that answers each connection once with these bytes and then closes it; counts connections."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[int] = []

    def serve() -> None:
        for answer in raw:
            peer, _ = listener.accept()
            connections.append(1)
            peer.recv(65536)
            for piece in (answer[i : i + 8] for i in range(0, len(answer), 8)) if pauses else (answer,):
                try:
                    peer.sendall(piece)
                except OSError:
                    break
                time.sleep(pauses)
            peer.close()
        listener.close()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/x", connections


def _http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_an_idle_connection_that_the_server_closed_is_replaced_before_sending() -> None:
    url, connections = _answering([_http(GOOD), _http(GOOD)])
    lever = HttpJsonLever(lever_settings(url))
    assert isinstance(lever.read(START), LeverReading)
    time.sleep(0.1)
    assert isinstance(lever.set(change(), START), Applied)
    assert len(connections) == 2


def test_an_answer_dripping_in_is_cut_at_the_one_deadline() -> None:
    url, _ = _answering([_http(GOOD)], pauses=0.1)
    began = time.monotonic()
    result = HttpJsonLever(lever_settings(url)).read(START)
    assert isinstance(result, Unknown)
    assert result.kind is UnknownKind.TIMEOUT
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>sign in</html>", "not an answer we understand"),
        (b'{"value": "many", "baseline": 1000, "version": 7}', "value: 'many' is not a number"),
        (b'{"value": 8, "baseline": 1000, "version": "x"}', "version: 'x' is not a whole number"),
        (b'{"value": 8, "baseline": 1000, "version": 7, "lease": {"until": "soon"}}', "lease.until: 'soon'"),
        (b"x" * 70_000, "the answer is over 65536 bytes"),
    ],
)
def test_an_answer_that_breaks_the_contract_is_unknown_and_says_how(body: bytes, says: str) -> None:
    url, _ = _answering([_http(body)])
    result = HttpJsonLever(lever_settings(url)).read(START)
    assert isinstance(result, Unknown)
    assert result.kind is UnknownKind.BAD_ANSWER
    assert says in result.text


def test_f53_a_tls_error_is_refused_and_nothing_was_sent(fake: FakeLever) -> None:
    with serving(fake) as url:
        lever = HttpJsonLever(lever_settings(url.replace("http://", "https://")))
        result = lever.set(change(), START)
    assert isinstance(result, Refused)
    assert "TLS" in result.text
    assert fake.posts == []


def test_a_handshake_that_fails_is_refused_because_nothing_was_sent(fake: FakeLever) -> None:
    with serving(fake) as url:
        lever = HttpJsonLever(lever_settings(url.replace("http://", "https://")))
        result = lever.set(change(), START)
    assert isinstance(result, Refused)
    assert "TLS: " in result.text
    assert fake.posts == []


def test_a_tls_error_after_sending_leaves_the_outcome_unknown(
    lever: HttpJsonLever, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> int:
        raise ssl.SSLError(1, "bad record mac")

    monkeypatch.setattr("runbooks.levers.wire._DeadlineSocket.receive_into", broken)
    result = lever.set(change(), START)
    assert isinstance(result, Unknown)
    assert result.kind is UnknownKind.RESET
