"""A daemon that is missing, hangs, breaks off or lies: down with its reason, or one container less."""

import ctypes
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from collector import docker_client, docker_link, docker_readings, docker_streams, docker_watch
from collector.round import ErrorKind, Round
from collector.scrape_loop import ScrapeLoop
from collector.source import Scraped, ScrapeError, measured, scraped
from collector.target import Target
from collector.target_labels import LabelLimits
from metrics.store import Store
from metrics.values import Vector, labels_of
from tests.collector.docker_documents import IDENTITY, line, v2_message
from tests.collector.docker_rig import NOW, Rig, socket_path, source_at, state, values, watched, with_stats
from tests.collector.raw_server import soon
from tests.collector.threads_begun import ThreadsBegun
from tests.stack.service_rig import eventually

OTHER = "d" * 64
NOBODY = 65534
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def failure_at(path: Path) -> ScrapeError:
    source = source_at(path)
    try:
        with pytest.raises(ScrapeError) as caught:
            source.fetch(NOW, soon())
    finally:
        source.close()
    return caught.value


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become tenths of them."""
    monkeypatch.setattr(docker_readings, "STALE_SECONDS", 0.4)
    monkeypatch.setattr(docker_streams, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(docker_streams, "TURN_SECONDS", 0.1)
    monkeypatch.setattr(docker_watch, "BETWEEN_LISTS_SECONDS", 0.05)
    monkeypatch.setattr(docker_link, "LIVELY_SECONDS", 0.1)


def test_f15_a_missing_socket_is_gone_and_says_where_it_should_be() -> None:
    with socket_path() as path:
        error = failure_at(path)
    assert error.kind is ErrorKind.GONE
    assert error.text == f"there is no socket {path} (does Docker run? is `socket` right?)"
    assert error.verdict == (measured("docker_up", 0.0),)


def test_f15_a_socket_that_may_not_be_opened_is_a_matter_of_rights() -> None:
    with socket_path() as path, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        error = as_nobody(lambda: failure_at(path))
    assert error.kind is ErrorKind.AUTH
    assert error.text.startswith(f"not allowed to open {path} (put Showcall's user into the group")


def as_nobody(work: Callable[[], ScrapeError]) -> ScrapeError:
    """On a thread that has lost root's rights to files, if this is root; other threads keep theirs."""
    found: list[ScrapeError] = []

    def run() -> None:
        if os.geteuid() == 0:
            ctypes.CDLL(None).setfsuid(NOBODY)
        found.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_f15_a_socket_that_nobody_listens_on_is_refused() -> None:
    with socket_path() as path, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        error = failure_at(path)
    assert (error.kind, error.text) == (ErrorKind.REFUSED, f"nothing listens on {path}")


def test_f15_a_file_in_the_place_of_the_socket_is_refused() -> None:
    with socket_path() as path:
        path.write_text("not a socket", encoding="utf-8")
        assert failure_at(path).kind is ErrorKind.REFUSED


def test_f15_a_daemon_that_hangs_is_down_at_the_deadline() -> None:
    with watched() as rig:
        rig.daemon.silent.add("/_ping")
        began = time.monotonic()
        error = rig.failure(0.3)
        assert time.monotonic() - began < 2.0
    assert error.kind is ErrorKind.TIMEOUT
    assert "gave no whole answer within 0.3 s" in error.text


def test_f15_a_daemon_that_answers_but_never_lists_is_down() -> None:
    with watched() as rig:
        rig.daemon.silent.add("/containers/json")
        error = rig.failure(0.3)
    assert error.kind is ErrorKind.TIMEOUT
    assert "the list of its containers has not come for" in error.text


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (500, b'{"message":"disk full"}', ErrorKind.HTTP_STATUS, "/json was answered with 500: disk full"),
        (403, b"<html>no</html>", ErrorKind.AUTH, "/json was answered with 403"),
        (200, b'[{"Id": "1', ErrorKind.BAD_FORMAT, "/containers/json: "),
        (200, b'{"message": "what?"}', ErrorKind.BAD_FORMAT, "not a list of containers"),
    ],
)  # fmt: skip
def test_f15_a_list_that_is_none_is_the_reason_for_down(
    status: int, body: bytes, kind: ErrorKind, said: str
) -> None:
    with watched() as rig:
        rig.daemon.refused["/containers/json"] = (status, body)
        error = rig.failure()
        assert (error.kind, said in error.text) == (kind, True), error.text
        del rig.daemon.refused["/containers/json"]
        rig.daemon.add(IDENTITY, "concert")
        eventually(lambda: rig.failed() is None)
        rig.sees_stats("concert")


def test_f03_an_endless_list_is_cut_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_client, "BODY_LIMIT", 1 << 20)
    with watched() as rig:
        rig.daemon.refused["/containers/json"] = (200, b"[" + b" " * (1 << 20))
        error = rig.failure()
    assert (error.kind, error.text) == (ErrorKind.TOO_LARGE, "/v1.47/containers/json: body over 1 MiB")


def test_f02_a_list_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_client, "TIMEOUT_SECONDS", 0.3)
    with watched() as rig:
        rig.daemon.raw["/containers/json"] = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n["
        assert rig.failure().kind is ErrorKind.TIMEOUT


def test_f15_what_does_not_speak_http_is_said_to_be_bad_format() -> None:
    with watched() as rig:
        rig.daemon.raw["/_ping"] = b"+PONG\r\n"
        error = rig.failure()
    assert error.kind is ErrorKind.BAD_FORMAT


def test_f15_a_proxy_that_forbids_pings_is_a_matter_of_rights() -> None:
    with watched() as rig:
        rig.daemon.refused["/_ping"] = (403, b"")
        error = rig.failure()
    assert error.kind is ErrorKind.AUTH
    assert error.text == "/_ping was answered with 403 Forbidden (a socket proxy must allow it)"


def test_f15_stats_that_stop_in_the_middle_of_a_message_grow_stale_and_the_others_go_on(hasty: None) -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "half")
        rig.sees_stats("concert", "half")
        whole = line(v2_message())
        rig.daemon.say(OTHER, whole[: len(whole) // 2])

        def only_one() -> Scraped | None:
            rig.daemon.say(IDENTITY, whole)
            found = rig.look()
            return found if with_stats(found) == {"concert"} else None

        found = eventually(only_one)
        assert found.finding.kind is ErrorKind.TIMEOUT
        assert found.finding.text.startswith("1 of 2 containers give no stats: half: no stats for ")
        assert state(found, "half") == "running"
        rig.daemon.say(OTHER, whole[len(whole) // 2 :])
        rig.sees_stats("half")


def test_f15_when_no_container_gives_stats_the_target_is_down(hasty: None) -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        error = rig.fails()
    assert error.kind is ErrorKind.TIMEOUT
    assert error.text.startswith("no container gives stats; concert: no stats for ")


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (CHUNKED + b"5\r\n}{ xx\r\n", ErrorKind.TIMEOUT, "no stats for"),
        (b"hello\r\n\r\n", ErrorKind.BAD_FORMAT, "was not answered in HTTP/1"),
        (CHUNKED + b"zz\r\n", ErrorKind.BAD_FORMAT, "was not answered in HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, ErrorKind.TOO_LARGE, "headers over 64 KiB"),
        (CHUNKED + b"ffffff\r\n" + b" " * 0x120000, ErrorKind.TOO_LARGE, "a line of more than 1024 KiB"),
    ],
)
def test_f15_one_containers_broken_stats_are_named_and_the_others_go_on(
    hasty: None, monkeypatch: pytest.MonkeyPatch, answer: bytes, kind: ErrorKind, said: str
) -> None:
    monkeypatch.setattr(docker_readings, "STALE_SECONDS", 1.0)
    monkeypatch.setattr(docker_streams, "RETRY_SECONDS", 5.0)
    with watched() as rig:
        rig.daemon.raw[f"/{OTHER}/stats"] = answer
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "broken")

        def named() -> Scraped | None:
            rig.daemon.say(IDENTITY, line(v2_message()))
            found = rig.look()
            return found if found.finding else None

        rig.sees_stats("concert")
        found = eventually(named)
        assert found.finding.kind is kind
        assert said in found.finding.text
        assert with_stats(found) == {"concert"}


def test_f15_a_garbage_line_costs_one_look_of_that_container_and_nothing_else() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "babbler")
        rig.sees_stats("concert", "babbler")
        rig.daemon.say(OTHER, b"\x00garbage\n")
        found = rig.sees(lambda scraped: scraped.finding)
        assert found.finding is not None
        assert found.finding.kind is ErrorKind.BAD_FORMAT
        assert found.finding.text.startswith(
            "1 of 2 containers give no stats: babbler: not a stats message (JSON"
        )
        assert with_stats(found) == {"concert"}
        rig.daemon.say(OTHER, line(v2_message()))
        rig.sees_stats("babbler")


def test_f15_an_enormous_line_is_dropped_and_the_stream_opened_again(hasty: None) -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "flood")
        rig.sees_stats("concert", "flood")
        asked = rig.daemon.asked(f"{OTHER}/stats")
        rig.daemon.say(OTHER, b"x" * 2_000_000)
        eventually(lambda: rig.daemon.asked(f"{OTHER}/stats") > asked)


@pytest.mark.parametrize(("status", "kind"), [(500, ErrorKind.HTTP_STATUS), (403, ErrorKind.AUTH)])
def test_f15_stats_that_are_refused_are_named_with_the_daemons_own_words(
    status: int, kind: ErrorKind
) -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "other")
        rig.daemon.refused[f"/{OTHER}/stats"] = (status, b'{"message":"cgroup is deleted"}')
        rig.sees_stats("concert")
        found = rig.sees(lambda scraped: scraped.finding)
        assert found.finding is not None
        assert found.finding.kind is kind
        assert "cgroup is deleted" in found.finding.text


def test_f15_stats_of_a_container_that_has_just_gone_are_no_fault() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.add(OTHER, "ghost")
        rig.daemon.refused[f"/{OTHER}/stats"] = (404, b'{"message":"No such container"}')
        rig.daemon.refused[f"/{OTHER}/json"] = (404, b'{"message":"No such container"}')
        found = rig.sees_stats("concert")
        assert found.finding is None


def test_f15_an_inspection_that_fails_leaves_the_stats_and_is_named() -> None:
    with watched() as rig:
        rig.daemon.refused["/json"] = (500, b'{"message":"no"}')
        rig.daemon.refused["/containers/json"] = (200, b"[]")
        rig.daemon.refused.clear()
        rig.daemon.add(IDENTITY, "concert")
        rig.daemon.refused[f"/{IDENTITY}/json"] = (500, b'{"message":"no"}')
        rig.sees_stats("concert")
        found = rig.sees(lambda scraped: scraped.finding)
        assert found.finding is not None
        assert found.finding.text == f"/containers/{IDENTITY[:12]}/json was answered with 500: no"
        assert "container_spec_memory_limit_bytes" not in values(found, "concert")


def test_f15_a_proxy_that_forbids_events_is_named_and_oom_kills_are_not_claimed_to_be_none() -> None:
    with watched() as rig:
        rig.daemon.refused["/events"] = (403, b"")
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        found = rig.sees(lambda scraped: scraped.finding)
        assert found.finding is not None
        assert found.finding.kind is ErrorKind.AUTH
        assert found.finding.text.startswith("no events, so changes are seen late and OOM kills not at all")
        assert "container_oom_events_total" not in values(found, "concert")


def test_f15_events_that_come_back_are_no_longer_missed(hasty: None) -> None:
    with watched() as rig:
        rig.daemon.refused["/events"] = (500, b"")
        rig.daemon.add(IDENTITY, "concert")
        rig.sees(lambda scraped: scraped.finding)
        rig.daemon.refused.clear()

        def restored() -> bool:
            rig.daemon.say(IDENTITY, line(v2_message()))
            return rig.look().finding is None

        eventually(restored)


def test_f15_garbage_among_the_events_is_passed_over() -> None:
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        rig.daemon._do(lambda: [rig.daemon._chunk(writer, b"}{\n[]\n") for writer in rig.daemon._events])
        rig.daemon.event("oom", IDENTITY)
        rig.sees(lambda found: values(found, "concert")["container_oom_events_total"] == 1)


def test_f15_a_hanging_source_leaves_no_thread_behind_once_its_question_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(docker_client, "TIMEOUT_SECONDS", 0.5)
    with watched() as rig:
        rig.daemon.silent.add("/containers/json")
        threads = ThreadsBegun()
        rig.failure(0.2)
        rig.source.close()
        eventually(lambda: not threads.alive("docker-"))
        eventually(lambda: rig.daemon.open == 0)


def test_f15_a_configuration_that_the_sdk_cannot_read_is_named_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"registry.example": 5}}', encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        error = rig.failure()
        assert error.kind is ErrorKind.INTERNAL
        assert error.text.startswith("the Docker SDK refuses to start: ")
        (tmp_path / "config.json").write_text("{}", encoding="utf-8")
        eventually(lambda: rig.failed() is None)
        rig.sees_stats("concert")


def test_f15_a_thread_that_ended_by_a_fault_of_ours_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with watched() as rig, capture_logs() as logs:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        with monkeypatch.context() as broken:
            broken.setattr(docker_link, "parse_event", lambda _: 1 / 0)
            rig.daemon.event("oom", IDENTITY)
            eventually(lambda: logs)
        rig.sees_stats("concert")
        assert [entry["event"] for entry in logs] == ["docker.streams.fault"]


class Steady:
    """A target beside the daemon."""

    def fetch(self, at: float, deadline: object) -> Scraped:
        return scraped([measured("tickets", 1.0)], {})

    def close(self) -> None:
        """Nothing to close."""


def test_f15_a_daemon_that_hangs_takes_no_other_target_along_and_its_series_go_stale(hasty: None) -> None:
    rounds: list[Round] = []
    store = Store()
    with watched() as rig:
        rig.daemon.add(IDENTITY, "concert")
        rig.sees_stats("concert")
        loop = ScrapeLoop(
            [target("containers", rig), target("beside", Steady())],
            interval=0.2,
            append=store.append,
            push=store.push,
            on_round=rounds.append,
            clock=wall_clock,
        )
        loop.start()
        try:
            eventually(lambda: named(store, 'container_state{job="containers"}'))
            rig.daemon.silent.update({"/_ping", "/stats", "/containers/json"})
            eventually(lambda: [one for one in rounds if kinds(one).get("containers") is ErrorKind.TIMEOUT])
            last = eventually(lambda: [one for one in rounds if kinds(one)])[-1]
            assert kinds(last) == {"containers": ErrorKind.TIMEOUT}
            eventually(lambda: not named(store, 'container_state{job="containers"}'))
            assert named(store, 'tickets{job="beside"}')
            assert named(store, 'docker_up{job="containers"} == 0')
        finally:
            loop.stop()


def target(name: str, part: Rig | Steady) -> Target:
    return Target(
        name=name,
        kind="docker",
        source=part.source if isinstance(part, Rig) else part,
        labels=labels_of({"job": name, "instance": "localhost"}),
        interval=0.2,
        timeout=0.08,
        limits=LabelLimits(64, 4096),
    )


def kinds(one: Round) -> dict[str, ErrorKind]:
    return {report.target: report.error_kind for report in one.reports if report.error_kind is not None}


def wall_clock() -> float:
    """Any clock that runs will do."""
    return NOW + time.monotonic()


def named(store: Store, query: str) -> bool:
    answer = store.query(query, wall_clock())
    assert isinstance(answer, Vector)
    return bool(answer.samples)
