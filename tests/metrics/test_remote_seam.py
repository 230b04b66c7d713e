"""Where the remote's part ends and the store's begins, and the two joined without a double or a gap."""

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from metrics.errors import ErrorKind, QueryError
from metrics.promql.parser import parse
from metrics.remote.endpoint import Endpoint
from metrics.remote.http_call import Caller
from metrics.remote.long_range import LongRange, Spans
from metrics.remote.reach import Reach, reach
from metrics.remote.reading import RemoteReading
from metrics.remote.seam import ALWAYS, NEVER, Holdings, seam
from metrics.store import Store
from metrics.values import Batch, Scalar, String, Terms, Vector, labels_of
from tests.metrics.remote_rows import Origin, written
from tests.metrics.remote_servers import PROMETHEUS, Fake, eventually, fake, real_server
from tests.metrics.test_remote_real_servers import beginning

FIVE_MINUTES = 300_000


@pytest.mark.parametrize(
    ("expr", "back", "fixed", "whole"),
    [("1 + time()", None, None, False),
     ("up", 300_000, None, False),
     ("up offset 1h", 3_900_000, None, False),
     ("up offset -1m", 240_000, None, False),
     ("rate(x[10m])", 600_000, None, False),
     ("sum(rate(x[1m])) / on() up", 300_000, None, False),
     ("max_over_time(rate(x[1m])[1h:5m] offset 1m)", 60_000 + 3_600_000 + 300_000 + 60_000, None, False),
     ("avg_over_time(x[1h:])", 300_000 + 3_600_000 + 60_000, None, False),
     ("x @ 1000", None, 700_000, False),
     ("x @ 1000 + rate(x[1m])", 60_000, 700_000, False),
     ("x @ start()", 300_000, None, True),
     ("max_over_time(x[1m:5s] @ end())", 300_000 + 60_000 + 5_000, None, True)],
)  # fmt: skip
def test_how_far_an_expression_looks_back(
    expr: str, back: int | None, fixed: int | None, whole: bool
) -> None:
    assert reach(parse(expr), FIVE_MINUTES, 60_000) == Reach(back, fixed, whole)


@pytest.mark.parametrize(
    ("expr", "start", "holdings", "wanted"),
    [("up", 0, Holdings(1_000_000, 9_000_000), 1_300_000),
     ("1", 0, Holdings(1_000_000, 9_000_000), ALWAYS),
     ("up", 0, Holdings(None, 9_000_000), NEVER),
     ("1", 0, Holdings(None, None), ALWAYS),
     # The store is young and its window not full: what the remote has not got yet is shown all the same.
     ("up", 0, Holdings(1_000_000, 1_100_000), 1_090_000),
     ("up", 0, Holdings(1_000_000, None), 1_000_000),
     ("up", 0, Holdings(1_000_000, 500_000), 1_000_000),
     ("up @ 100", 5_000_000, Holdings(1_000_000, 9_000_000), NEVER),
     ("up @ 4000", 0, Holdings(1_000_000, 9_000_000), ALWAYS),
     ("up @ start()", 0, Holdings(1_000_000, 9_000_000), NEVER),
     ("up @ start()", 2_000_000, Holdings(1_000_000, 9_000_000), 1_300_000)],
)  # fmt: skip
def test_where_the_seam_is(expr: str, start: int, holdings: Holdings, wanted: int) -> None:
    assert seam([reach(parse(expr), FIVE_MINUTES, 60_000)], start, holdings) == wanted


def test_a_page_has_one_seam_for_all_that_it_asks() -> None:
    reaches = [reach(parse(expr), FIVE_MINUTES, 60_000) for expr in ("up", "rate(x[10m])", "1")]
    assert seam(reaches, 0, Holdings(1_000_000, 9_000_000)) == 1_600_000


@pytest.fixture(name="server")
def _server() -> Iterator[Fake]:
    with fake() as recorder:
        yield recorder


def reading(url: str, timeout: float = 5.0) -> RemoteReading:
    return RemoteReading(Caller(Endpoint(url, timeout=timeout)))


def answer(data: object, status: int = 200, **more: object) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.dumps({"status": "success", "data": data, **more}).encode()


def matrix(*rows: tuple[dict[str, str], list[tuple[float, str]]]) -> dict[str, object]:
    return {"resultType": "matrix", "result": [{"metric": m, "values": values} for m, values in rows]}


def store_of(seconds: range, name: str = "x") -> Store:
    """A store with one series whose value is its time."""
    store, labels = Store(keep=10_000.0), (labels_of({"__name__": name, "job": "app"}),)
    for second in seconds:
        store.append(Batch("app", float(second), labels, np.array([float(second)])))
    return store


def test_a_range_over_the_seam_is_asked_on_both_sides_without_double_or_gap(server: Fake) -> None:
    store = store_of(range(1000, 2000))
    metric = {"__name__": "x", "job": "app"}
    gone = {"__name__": "x", "job": "gone"}
    server.answers = [
        answer(matrix((gone, [(700, "NaN")]), (metric, [(at, f"{at}") for at in range(600, 1300, 100)])))
    ]
    asker = LongRange(store, reading(server.url), lambda: Holdings(1_000_000, 9_000_000))
    found = asker.query_range("x", 600, 1900, 100)
    assert server.paths == ["/api/v1/query_range"]
    assert server.bodies == [b"query=x&start=600.000&end=1200.000&step=100.000"]
    ours = found.series[0]
    assert ours.labels == labels_of(metric)
    assert ours.at.tolist() == ours.values.tolist() == list(range(600, 2000, 100))
    assert found.series[1].labels == labels_of(gone)
    assert math.isnan(found.series[1].values[0])


def test_what_the_store_holds_is_never_asked_elsewhere(server: Fake) -> None:
    store = store_of(range(1000, 2000))
    asker = LongRange(store, reading(server.url), lambda: Holdings(1_000_000, None))
    asker.query("x", 1999)
    asker.query_range("x", 1500, 1900, 100)
    asker.query("1 + 1", 5)
    assert asker.freshness("x", 1999.5) == 0.5
    assert asker.origins("x", 1999) == {"app"}
    assert asker.page(["x"], 1500, 1900).seam is None
    assert server.bodies == []


def test_an_instant_before_the_store_is_the_remotes(server: Fake) -> None:
    asker = LongRange(store_of(range(1000, 1100)), reading(server.url), lambda: Holdings(1_000_000, None))
    row = {"metric": {"__name__": "x"}, "value": [500.5, "+Inf"]}
    server.answers = [
        answer({"resultType": "vector", "result": [row]}, warnings=["w"], infos=["i"]),
        answer({"resultType": "scalar", "result": [500.5, "3"]}),
        answer({"resultType": "string", "result": [500.5, "text"]}),
    ]
    found = asker.ask("x", 500.5)
    assert isinstance(found.result, Vector)
    assert (found.result.samples[0].value, found.warnings, found.infos) == (math.inf, ("w",), ("i",))
    assert server.bodies[0] == b"query=x&time=500.500"
    assert asker.query("x", 500.5) == Scalar(3.0, 500.5)
    assert asker.query("x", 500.5) == String("text", 500.5)


def test_the_remote_looks_back_as_far_as_the_store(server: Fake) -> None:
    store = store_of(range(1000, 2000))
    asker = LongRange(store, reading(server.url), lambda: Holdings(1_000_000, None), Spans(lookback=60.0))
    server.answers = [
        answer(matrix()),
        answer(matrix()),
        answer({"resultType": "vector", "result": []}),
        answer(matrix()),
    ]
    asker.query_range("x", 600, 1900, 100)
    asker.ask_range("x", 600, 1900, 100, Terms(lookback=30.5))
    asker.query("x", 500)
    asker.ask_range("x", 600, 1900, 100, Terms(lookback=300.0))
    told = [body.rpartition(b"lookback_delta=")[2] for body in server.bodies]
    assert told[:3] == [b"60.000", b"30.500", b"60.000"]
    assert b"lookback_delta" not in server.bodies[3]


def test_without_the_remote_our_part_is_shown_and_the_error_beside_it(server: Fake) -> None:
    server.answers = [(503, {}, b"<html>down</html>")]
    asker = LongRange(store_of(range(1000, 2000)), reading(server.url), lambda: Holdings(1_000_000, None))
    found = asker.ask_range("x", 600, 1900, 100)
    (series,) = found.result.series
    assert series.at.tolist() == list(range(1000, 2000, 100))
    assert found.warnings == (
        f"remote: 127.0.0.1:{server.port}: HTTP 503: <html>down</html>; "
        "before 1970-01-01 00:16:40Z only what the store holds is shown",
    )
    server.answers = [(400, {}, b'{"status":"error","errorType":"bad_data","error":"no such function"}')]
    with pytest.raises(QueryError, match="no such function"):
        asker.query_range("x", 100, 200, 100)


def test_a_page_tells_once_what_the_remote_could_not_answer_and_where_its_part_ends(server: Fake) -> None:
    server.answers = [(500, {}, b"broken")] * 2
    asker = LongRange(store_of(range(1000, 2000)), reading(server.url), lambda: Holdings(1_000_000, None))
    page = asker.page(["x", "rate(x[1m])"], 600, 1900)
    page.query_range("x", 600, 1900, 100)
    page.query_range("rate(x[1m])", 600, 1900, 100)
    assert page.seam is not None
    assert (page.seam.at, page.seam.host) == (1000.0, f"127.0.0.1:{server.port}")
    assert len(page.troubles) == 1


def test_a_remote_that_hangs_costs_a_page_one_deadline(server: Fake) -> None:
    server.hang = threading.Event()
    asker = LongRange(
        store_of(range(1000, 2000)), reading(server.url, timeout=0.3), lambda: Holdings(1_000_000, None)
    )
    for _ in range(5):
        found = asker.ask_range("x", 600, 1900, 100)
        assert "did not answer within 0.3 s" in found.warnings[0]
        assert len(found.result.series) == 1
    assert len(server.bodies) == 1
    with pytest.raises(QueryError) as caught:
        asker.query("x", 5)
    assert caught.value.kind is ErrorKind.TIMEOUT


def test_the_same_range_is_not_asked_again_at_once(server: Fake) -> None:
    server.answers = [answer(matrix())]
    remote = reading(server.url)
    assert remote.over("x", 0, 1000, 1000) == remote.over("x", 0, 1000, 1000)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"nonsense", b'{"status":"success"}',
     b'{"status":"success","data":{"resultType":"x"}}',
     b'{"status":"success","data":{"resultType":"matrix","result":[{}]}}',
     b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}',
     b'{"status":"success","data":{"resultType":"vector","result":[]}}'],
)  # fmt: skip
def test_an_answer_without_form_is_an_error_that_names_the_host(server: Fake, body: bytes) -> None:
    server.answers = [(200, {}, body)]
    with pytest.raises(QueryError, match=rf"remote: 127.0.0.1:{server.port}: "):
        reading(server.url).over("x", 0, 1000, 1000)


@pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here (make test-deps)")
def test_what_a_real_prometheus_and_the_store_say_together_is_what_one_store_says(tmp_path: Path) -> None:
    """The same rows in one store that has everything, and divided between a server and a young store."""
    start, origin = beginning(), Origin("joined")
    with real_server(tmp_path / "server", "prometheus") as server:
        whole, remote = Store(), written(server.url, tmp_path / "queue")
        young = Store()
        remote.start()
        for second in range(55):
            row, ids = origin.row(start + second * 1000, {"a": float(second**2), "b": math.sin(second)})
            remote.write(row, ids)
            batch = Batch("joined", row.at / 1000, tuple(row.labels), row.values)
            whole.append(batch)
            if second >= 20:
                young.append(batch)
        eventually(lambda: remote.status().sent == 110)
        remote.stop(5)
        held = young.holds_from
        assert held == (start + 20_000) / 1000
        asker = LongRange(young, reading(server.url), lambda: Holdings(start + 20_000, start + 54_000))
        for expr in ("a", "rate(a[7s])", "sum by (job) (b)", "max_over_time(b[5s])"):
            # Half a second beside the samples: closed and left-open windows hold the same.
            times = (start / 1000 + 10.5, start / 1000 + 50.5, 2.0)
            wanted, found = whole.query_range(expr, *times), asker.query_range(expr, *times)
            assert [points.labels for points in found.series] == [points.labels for points in wanted.series]
            for left, right in zip(found.series, wanted.series, strict=True):
                assert left.at.tolist() == pytest.approx(right.at.tolist())
                assert left.values.tolist() == pytest.approx(right.values.tolist(), rel=1e-9)
