"""The durable queue of remote write, and what becomes of each answer, against a server that records."""

import base64
import math
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from metrics.disk.pushes import Push
from metrics.remote.answer import Verdict, judged, pause, retry_after
from metrics.remote.endpoint import Endpoint, read_url, write_url
from metrics.remote.folder import Folder
from metrics.remote.http_call import Caller, Reply
from metrics.remote.intake import Bounds, Intake
from metrics.remote.outflow import Outflow, request
from metrics.remote.sender import Pace, Sender
from metrics.remote.writing import RemoteWrite
from metrics.track import STALE_BITS
from metrics.values import Labels
from tests.metrics.remote_rows import START, Origin, series, written
from tests.metrics.remote_servers import Fake, eventually, fake


@pytest.fixture(name="server")
def _server() -> Iterator[Fake]:
    with fake() as recorder:
        yield recorder


def feed(remote: RemoteWrite | Intake, origin: Origin, seconds: range, **values: float) -> None:
    for second in seconds:
        found = {name: value + second for name, value in (values or {"up": 0.0}).items()}
        remote.write(*origin.row(START + second * 1000, found))


def expected(seconds: range) -> list[tuple[int, float]]:
    return [(START + second * 1000, float(second)) for second in seconds]


def bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def started(remote: RemoteWrite) -> RemoteWrite:
    remote.start()
    return remote


def test_pushed_samples_arrive_at_their_own_times_and_end_nothing(server: Fake, tmp_path: Path) -> None:
    remote = started(written(server.url, tmp_path))
    origin, a, b = Origin(), series("a"), series("b")
    for second in range(6):
        remote.write(*origin.row(START + second * 1000, {"up": float(second)}))
        labels = (a, a, b) if second % 2 else (a,)
        times = START + second * 1000 - np.array([100, 400, 250][: len(labels)])
        remote.push(Push("app", START + second * 1000, labels, times, np.full(len(labels), float(second))))
    eventually(lambda: remote.status().sent == 18)
    remote.stop(5)
    found = {name: sorted(points) for name, points in server.samples().items()}
    assert found[series("up")] == expected(range(6))
    late = [(START + second * 1000 - 400, float(second)) for second in (1, 3, 5)]
    assert found[a] == sorted([*late, *((START + second * 1000 - 100, float(second)) for second in range(6))])
    assert found[b] == [(START + second * 1000 - 250, float(second)) for second in (1, 3, 5)]


def test_what_is_appended_arrives_in_order_and_the_queue_is_empty_then(server: Fake, tmp_path: Path) -> None:
    remote = started(written(server.url, tmp_path))
    feed(remote, Origin(), range(20))
    eventually(lambda: remote.status().sent == 20)
    eventually(lambda: remote.status().queue_bytes == 0)
    remote.stop(5)
    assert server.samples() == {series("up"): expected(range(20))}
    assert server.paths[0] == "/api/v1/write"
    assert server.headers[0]["Content-Encoding"] == "snappy"
    assert server.headers[0]["Content-Type"] == "application/x-protobuf"
    assert server.headers[0]["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert remote.acknowledged_until() == (START + 19_000) / 1000


def test_a_series_that_ends_gets_prometheus_marker_and_begins_again_later(
    server: Fake, tmp_path: Path
) -> None:
    remote, origin = started(written(server.url, tmp_path)), Origin()
    for second, values in enumerate([{"a": 1.0, "b": 2.0}, {"a": 3.0}, {"a": 4.0, "b": 5.0}, {}]):
        remote.write(*origin.row(START + second * 1000, values))
    eventually(lambda: remote.status().sent == 8)
    remote.stop(5)
    found = server.samples()
    assert [bits(value) for _, value in found[series("a")]] == [bits(1), bits(3), bits(4), STALE_BITS]
    assert [bits(value) for _, value in found[series("b")]] == [bits(2), STALE_BITS, bits(5), STALE_BITS]
    for samples in found.values():
        assert [at for at, _ in samples] == [START + second * 1000 for second in range(4)]


@pytest.mark.parametrize("status", [500, 503, 429, 401, 404, 302])
def test_an_answer_that_is_not_about_the_samples_is_waited_out(
    server: Fake, tmp_path: Path, status: int
) -> None:
    server.answers = [(status, {}, b"not now")] * 2
    remote = started(written(server.url, tmp_path))
    feed(remote, Origin(), range(3))
    eventually(lambda: remote.status().trouble != "")
    assert remote.status().trouble == f"HTTP {status}: not now"
    eventually(lambda: remote.status().sent == 3)
    remote.stop(5)
    assert remote.status().trouble == ""
    assert remote.status().requests == {"wait": 2, "acknowledged": 1}
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]


def test_a_refused_request_is_dropped_and_counted_and_the_next_one_goes_out(
    server: Fake, tmp_path: Path
) -> None:
    server.answers = [(400, {}, b"no such tenant limit")]
    remote, origin = started(written(server.url, tmp_path, pace=Pace(2, 60.0))), Origin()
    feed(remote, origin, range(2))
    eventually(lambda: remote.status().lost["refused"] == 2)
    feed(remote, origin, range(2, 4))
    eventually(lambda: remote.status().sent == 2)
    remote.stop(5)
    assert len(server.bodies) == 2
    assert server.samples() == {series("up"): expected(range(2, 4))}


def test_of_a_request_that_is_refused_for_its_order_what_is_new_arrives(server: Fake, tmp_path: Path) -> None:
    """As Prometheus does it: one sample that it has already refuses everything beside it."""
    already = START + 2 * 1000

    def judge() -> None:
        old = any(at <= already for _, samples in _newest(server) for at, _ in samples)
        server.answers = [(400, {}, b"out of order sample\n")] if old else []

    server.on_request = judge
    remote = started(written(server.url, tmp_path, pace=Pace(8, 60.0)))
    feed(remote, Origin(), range(8))
    eventually(lambda: remote.status().queue_bytes == 0 and remote.status().sent > 0)
    remote.stop(5)
    assert server.samples() == {series("up"): expected(range(3, 8))}
    assert remote.status().lost["out_of_order"] == 3


def _newest(server: Fake) -> list[tuple[Labels, list[tuple[int, float]]]]:
    from tests.metrics.remote_servers import decoded

    return decoded(server.bodies[-1])


def test_a_server_that_hangs_is_left_at_the_deadline_and_disturbs_no_append(
    server: Fake, tmp_path: Path
) -> None:
    server.hang = threading.Event()
    remote, origin = started(written(server.url, tmp_path, timeout=0.3)), Origin()
    feed(remote, origin, range(5))
    eventually(lambda: "did not answer within 0.3 s" in remote.status().trouble)
    feed(remote, origin, range(5, 10))
    server.hang.set()
    server.hang = None
    eventually(lambda: remote.status().queue_bytes == 0, 15)
    remote.stop(5)
    found = server.samples()[series("up")]
    assert sorted(set(found)) == expected(range(10))


def test_nobody_there_is_said_with_the_host_and_the_queue_is_kept(tmp_path: Path) -> None:
    with fake() as gone:
        url = gone.url
    remote = started(written(url, tmp_path))
    feed(remote, Origin(), range(3))
    eventually(lambda: remote.status().trouble != "")
    remote.stop(5)
    assert remote.status().trouble == f"{url.removeprefix('http://')}: connection refused"
    assert remote.status().queue_bytes > 0


def test_what_was_queued_is_sent_by_the_next_process_once(server: Fake, tmp_path: Path) -> None:
    first = written("http://127.0.0.1:1", tmp_path)
    first.start()
    feed(first, Origin(), range(10))
    first.stop(5)
    second = started(written(server.url, tmp_path))
    feed(second, Origin(), range(10, 12))
    eventually(lambda: second.status().sent == 12)
    eventually(lambda: second.status().queue_bytes == 0)
    second.stop(5)
    third = started(written(server.url, tmp_path))
    feed(third, Origin(), range(12, 13))
    eventually(lambda: third.status().sent == 1)
    third.stop(5)
    assert server.samples() == {series("up"): expected(range(13))}


def test_sending_goes_on_in_the_middle_of_a_segment(tmp_path: Path) -> None:
    intake_then_stop(tmp_path, range(10))
    outflow = Outflow(Folder(tmp_path))
    half = outflow.take(5)
    Folder(tmp_path).settle(half[-1].after)
    rest = Outflow(Folder(tmp_path)).take(100)
    assert [taken.row.at for taken in rest] == [START + second * 1000 for second in range(5, 10)]


def intake_then_stop(path: Path, seconds: range) -> None:
    intake = Intake(Folder(path), Bounds(2**26, 3600.0), lambda: START / 1000)
    intake.start()
    feed(intake, Origin(), seconds)
    intake.stop(5)


def test_f24_a_torn_tail_and_a_flipped_bit_cost_only_what_they_hit(tmp_path: Path) -> None:
    intake_then_stop(tmp_path, range(10))
    file = next(tmp_path.glob("*.segment"))
    data = bytearray(file.read_bytes())
    data[-3 * 33 + 20] ^= 1
    file.write_bytes(bytes(data[:-7]))
    outflow = Outflow(Folder(tmp_path))
    found = [taken.row.at for taken in outflow.take(100)]
    assert found == [START + second * 1000 for second in range(10) if second not in (7, 9)]
    assert outflow.damaged == 2


def test_a_lost_definition_costs_its_rows_and_nothing_of_the_next_segment(tmp_path: Path) -> None:
    intake_then_stop(tmp_path, range(3))
    intake_then_stop(tmp_path, range(3, 6))
    file = min(tmp_path.glob("*.segment"))
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(bytes(data))
    found = Outflow(Folder(tmp_path)).take(100)
    assert [taken.row.at for taken in found] == [START + second * 1000 for second in range(3, 6)]


def test_a_long_outage_keeps_the_newest_within_the_bound_and_counts_what_is_given_up(
    server: Fake, tmp_path: Path
) -> None:
    bound = 400_000
    remote, origin = started(written("http://127.0.0.1:1", tmp_path, size=bound)), Origin()
    values = {f"m{number}": float(number) for number in range(100)}
    for second in range(1500):
        remote.write(*origin.row(START + second * 1000, values))
    eventually(lambda: remote.status().lost["size"] > 0 and _written(remote))
    remote.stop(5)
    kept = sum(file.stat().st_size for file in tmp_path.glob("*.segment"))
    assert kept <= bound
    again = started(written(server.url, tmp_path))
    eventually(lambda: again.status().queue_bytes == 0)
    again.stop(5)
    assert again.status().sent + remote.status().lost["size"] == 150_000
    assert server.samples()[series("m7")][-1] == (START + 1_499_000, 7.0)


def _written(remote: RemoteWrite) -> bool:
    return remote._intake.newest_at == (START + 1_499_000) / 1000


def test_segments_that_are_too_old_are_given_up(tmp_path: Path) -> None:
    intake_then_stop(tmp_path, range(3))
    old = START / 1000 - 7200
    os.utime(next(tmp_path.glob("*.segment")), (old, old))
    intake = Intake(Folder(tmp_path), Bounds(2**26, 3600.0), lambda: START / 1000)
    intake.start()
    feed(intake, Origin(), range(3, 4))
    intake.stop(5)
    assert intake.lost.age == 3
    assert len(list(tmp_path.glob("*.segment"))) == 1


def test_a_folder_that_cannot_be_written_to_is_said_and_nothing_is_lost_when_it_can_be_again(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path / "queue")
    intake = Intake(folder, Bounds(2**26, 3600.0), lambda: START / 1000)
    (tmp_path / "queue").rename(tmp_path / "away")
    intake.start()
    feed(intake, Origin(), range(3))
    eventually(lambda: "cannot be queued (No such file or directory)" in intake.trouble)
    (tmp_path / "away").rename(tmp_path / "queue")
    eventually(lambda: intake.trouble == "")
    intake.stop(5)
    assert [taken.row.at for taken in Outflow(folder).take(9)] == [START, START + 1000, START + 2000]


def test_more_than_memory_may_hold_is_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics.remote.intake._MOST_IN_MEMORY", 5)
    intake = Intake(Folder(tmp_path), Bounds(2**26, 3600.0), lambda: START / 1000)
    feed(intake, Origin(), range(8))
    assert intake.lost.memory == 3
    intake.start()
    intake.stop(5)
    assert len(Outflow(Folder(tmp_path)).take(100)) == 5


def test_pauses_double_with_jitter_and_a_wait_that_was_asked_for_is_kept(
    server: Fake, tmp_path: Path
) -> None:
    now = [100.0]
    server.answers = [(500, {}, b""), (500, {}, b""), (429, {"Retry-After": "7"}, b"")]
    intake_then_stop(tmp_path, range(3))
    caller = Caller(Endpoint(f"{server.url}/api/v1/write"))
    sender = Sender(
        Folder(tmp_path), caller, Pace(3, 60.0), lambda: 0.0, monotonic=lambda: now[0], jitter=lambda: 0.5
    )
    waits = []
    for _ in range(3):
        waits.append(sender.turn())
        now[0] += waits[-1]
    assert waits == [0.375, 0.75, 7.0]
    sender.turn()
    assert sender.numbers.sent == 3
    assert pause(50, 0.999) <= 30.0


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [(200, b"", Verdict.ACKNOWLEDGED), (204, b"", Verdict.ACKNOWLEDGED), (500, b"", Verdict.WAIT),
     (307, b"", Verdict.WAIT), (403, b"", Verdict.WAIT), (400, b"bad label", Verdict.REFUSED),
     (413, b"too big", Verdict.REFUSED), (400, b"out of order sample", Verdict.REFUSED_FOR_ORDER),
     (400, b"err-mimir-sample-out-of-order", Verdict.REFUSED_FOR_ORDER),
     (400, b"duplicate sample for timestamp", Verdict.REFUSED_FOR_ORDER),
     (400, b"out of bounds", Verdict.REFUSED_FOR_ORDER)],
)  # fmt: skip
def test_an_answer_is_judged_by_what_it_says_of_the_samples(
    status: int, body: bytes, verdict: Verdict
) -> None:
    assert judged(Reply(status, {}, body), 0.0).verdict is verdict


@pytest.mark.parametrize(
    ("text", "wait"),
    [("12", 12.0), ("99999999", 300.0), ("-3", None), ("soon", None), ("", None),
     ("Thu, 01 Jan 1970 00:01:00 GMT", 20.0), ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text: str, wait: float | None) -> None:
    assert retry_after(text, 40.0) == wait


def test_who_we_are_is_read_from_files_at_every_call_and_never_shown(server: Fake, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    caller = Caller(Endpoint(server.url + "/w", token_file=token, headers={"X-Scope-OrgID": "concerts"}))
    caller.post("", b"", {})
    token.write_text("other\n")
    caller.post("", b"", {})
    assert [found["Authorization"] for found in server.headers] == ["Bearer s3cret", "Bearer other"]
    assert server.headers[0]["X-Scope-OrgID"] == "concerts"
    password = tmp_path / "password"
    password.write_text("pa:ss")
    Caller(Endpoint(server.url, user="me", password_file=password)).post("/x", b"", {})
    wanted = base64.b64encode(b"me:pa:ss").decode()
    assert server.headers[-1]["Authorization"] == f"Basic {wanted}"
    remote = started(
        written("", tmp_path / "q", endpoint=Endpoint(server.url, token_file=tmp_path / "missing"))
    )
    feed(remote, Origin(), range(1))
    eventually(lambda: remote.status().trouble != "")
    remote.stop(5)
    assert "metrics.remote_token_file" in remote.status().trouble
    assert "No such file" in remote.status().trouble


@pytest.mark.parametrize(
    ("url", "write", "read"),
    [("http://h:9090", "http://h:9090/api/v1/write", "http://h:9090"),
     ("http://h:9090/", "http://h:9090/api/v1/write", "http://h:9090"),
     ("https://m/api/v1/push", "https://m/api/v1/push", "https://m"),
     ("https://t/api/v1/receive", "https://t/api/v1/receive", "https://t"),
     ("http://v/insert/0/prometheus/api/v1/write", "http://v/insert/0/prometheus/api/v1/write",
      "http://v/insert/0/prometheus")],
)  # fmt: skip
def test_one_address_gives_both_sides(url: str, write: str, read: str) -> None:
    assert (write_url(url), read_url(url, None)) == (write, read)
    assert read_url(url, "http://q/prometheus/") == "http://q/prometheus"


def test_an_answer_is_shown_on_one_line_without_what_is_not_printable() -> None:
    assert Reply(400, {}, b"a\x1b[31mb\r\nsecond").text == "a[31mb"


def test_labels_that_are_written_once_serve_every_row_of_a_request(tmp_path: Path) -> None:
    intake_then_stop(tmp_path, range(50))
    rows = Outflow(Folder(tmp_path)).take(1000)
    assert request(rows).count(b"instance") == 1
    assert math.isclose(len(request(rows)) / 50, 19.0, rel_tol=0.1)
