"""Targets that are asked at once by one thread: whoever answers oddly, late or never is read as if alone."""

import select
import socket
import time
from collections.abc import Callable

import pytest

from collector.actuator import ActuatorSource, PageSettings
from collector.resolver import Resolver
from collector.scrape_loop import MOST_TOGETHER
from collector.site import Site
from collector.source import ScrapeError
from collector.tick_grid import bundles
from collector.together import Arrival, look_together
from tests.collector.raw_server import TEXT, RawServer, Serve, answer, read_request, serving, soon
from tests.collector.test_scrape_loop import looping, target

NOW = 1_700_000_000.0
FIRST = answer(b"a 1\nb 2\n")
BODY = b"a 3\nb 4\n"
SECOND = answer(BODY)
CHUNKED = (
    f"HTTP/1.1 200 OK\r\nContent-Type: {TEXT}\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n".encode()
    + BODY
    + b"\r\n0\r\n\r\n"
)

Say = Callable[[socket.socket], None]


def in_pieces(*pieces: bytes) -> Say:
    def say(sock: socket.socket) -> None:
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(0.02)

    return say


def gone(sock: socket.socket) -> None:
    sock.close()


def cut_short(sock: socket.socket) -> None:
    sock.sendall(SECOND[:-3])
    sock.close()


def silent(sock: socket.socket) -> None:
    time.sleep(1.0)


def half(sock: socket.socket) -> None:
    sock.sendall(SECOND[:-3])
    time.sleep(1.0)


def endless(begun: bytes, more: bytes) -> Say:
    def say(sock: socket.socket) -> None:
        sock.sendall(begun)
        while True:
            sock.sendall(more * 10_000)

    return say


ENDLESS_HEAD = endless(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n")
ENDLESS_BODY = endless(answer(BODY).replace(b"Content-Length: 8", b"Content-Length: 999999999999"), b"a 1\n")

MANNERS: dict[str, Say] = {
    "whole": in_pieces(SECOND),
    "head and body": in_pieces(SECOND[: -len(BODY)], BODY),
    "drop by drop": in_pieces(*(SECOND[place : place + 9] for place in range(0, len(SECOND), 9))),
    "chunked": in_pieces(CHUNKED[:40], CHUNKED[40:]),
    "another status": in_pieces(answer(b"no", status="503 Unavailable")),
    "a page with a fault": in_pieces(answer(b"a 3\nb\n")),
    "no HTTP": in_pieces(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "stray bytes": in_pieces(SECOND + b"HTTP/1.1"),
    "a body over the limit": in_pieces(answer(b"a 1\n" * 5000)),
    "a head without end": ENDLESS_HEAD,
    "a body without end": ENDLESS_BODY,
    "a length of many digits": in_pieces(SECOND.replace(b": 8\r", b": " + b"8" * 5000 + b"\r")),
    "cut short": cut_short,
    "gone": gone,
    "silent": silent,
    "half": half,
}


def good_then(say: Say) -> Serve:
    """A good first answer on each connection, then this."""

    def serve(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(FIRST)
        if read_request(sock):
            say(sock)

    return serve


def second_look(serve: Serve, ahead: bool) -> "tuple[object, ...]":
    with serving(serve) as server:
        source = page_source(server)
        source.fetch(NOW, soon())
        if ahead:
            wait_for_answer(source)
        try:
            found = source.fetch(NOW + 1.0, soon(0.4))
        except ScrapeError as error:
            return error.kind, error.text.replace(str(server.port), "port")
        finally:
            source.close()
        return found.labels, found.values.tolist(), found.seen, server.connections


def page_source(server: RawServer) -> ActuatorSource:
    return ActuatorSource(PageSettings(Site(server.url, 10_000), 1000, None), Resolver())


def wait_for_answer(source: ActuatorSource) -> None:
    """Ask ahead and take what comes for a while, as the loop does."""
    descriptor = source.ask(soon(0.4))
    assert descriptor is not None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    end = time.monotonic() + 0.25
    while time.monotonic() < end and not (poll.poll(250) and source.arrived() is not Arrival.AWAITED):
        pass


@pytest.mark.parametrize("manner", MANNERS)
def test_an_answer_that_was_asked_for_ahead_is_read_as_any_other(manner: str) -> None:
    assert second_look(good_then(MANNERS[manner]), ahead=True) == second_look(
        good_then(MANNERS[manner]), ahead=False
    )


def test_an_answer_that_nobody_read_does_not_become_that_of_the_next_question() -> None:
    pages = iter((FIRST, answer(b"a 100\nb 100\n"), SECOND))

    def serve(sock: socket.socket) -> None:
        while read_request(sock):
            sock.sendall(next(pages))

    with serving(serve) as server:
        source = page_source(server)
        source.fetch(NOW, soon())
        wait_for_answer(source)
        assert source.ask(soon()) is None
        assert source.fetch(NOW + 1.0, soon()).values.tolist() == [3.0, 4.0]
        source.close()


def chunked_then_silent(sock: socket.socket) -> None:
    sock.sendall(CHUNKED[:-4])
    time.sleep(1.0)


@pytest.mark.parametrize("say", [silent, chunked_then_silent, ENDLESS_HEAD, ENDLESS_BODY])
def test_f01_a_page_that_hangs_among_pages_asked_at_once_moves_no_other(say: Say) -> None:
    hanging = serving(good_then(say))
    with hanging as bad, serving(good_for_ever) as well:
        targets = [target("bad", page_source(bad), interval=0.5, timeout=0.45)]
        targets += [target(f"t{n}", page_source(well), interval=0.5, timeout=0.45) for n in range(30)]
        with looping(*targets, interval=0.5) as (_, sink):
            sink.wait(5)
    assert {0.0, 1.0} == set(sink.own("bad", "up"))
    assert all(set(one.late) <= {"bad"} for one in sink.rounds)
    assert all(len(one.reports) >= 30 for one in sink.rounds)
    assert all(report.up for one in sink.rounds for report in one.reports if report.target != "bad")


def good_for_ever(sock: socket.socket) -> None:
    while read_request(sock):
        sock.sendall(FIRST)


class Waiting:
    """A look whose answer comes by a pipe, or never, or cannot be asked for ahead."""

    def __init__(self, name: str, ahead: bool = True) -> None:
        self.name, self._ahead = name, ahead
        self.ours, self.theirs = socket.socketpair()

    def ask(self) -> int | None:
        return self.ours.fileno() if self._ahead else None

    def arrived(self) -> Arrival:
        said = self.ours.recv(100)
        return Arrival(said.decode()) if said in (b"whole", b"other") else Arrival.AWAITED


def test_each_look_goes_on_when_its_answer_has_come_and_the_others_are_left() -> None:
    looks = [Waiting("never"), Waiting("now"), Waiting("alone", ahead=False), Waiting("half"), Waiting("odd")]
    looks[1].theirs.sendall(b"whole")
    looks[3].theirs.sendall(b"ha")
    looks[4].theirs.sendall(b"other")
    went_on: list[str] = []
    left: list[str] = []
    look_together(looks, lambda look: went_on.append(look.name), lambda look: left.append(look.name))
    assert went_on == ["now"]
    assert left == ["alone", "odd", "never", "half"]
    for look in looks:
        look.ours.close()
        look.theirs.close()


def test_targets_that_are_asked_at_once_share_a_phase_up_to_a_number() -> None:
    names = [f"t{number}" for number in range(2 * MOST_TOGETHER + 1)]
    sharing = bundles([*names, "host"], set(names), MOST_TOGETHER)
    assert [len(some) for some in sharing] == [MOST_TOGETHER, MOST_TOGETHER, 1, 1]
    assert [name for some in sharing for name in some] == [*names, "host"]
    assert bundles([], set(), MOST_TOGETHER) == ()
