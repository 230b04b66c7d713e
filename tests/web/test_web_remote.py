"""What pages and the HTTP API show of a remote: its part of a range, where that ends, and how it does."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from metrics.remote.endpoint import Endpoint
from metrics.remote.http_call import Caller
from metrics.remote.long_range import LongRange
from metrics.remote.reading import RemoteReading
from metrics.remote.seam import Holdings
from metrics.store import Store
from metrics.values import Batch, labels_of
from tests.metrics.remote_servers import Fake, fake
from tests.web.desk import NOW, Desk
from web.app import create_app
from web.parts import RemoteHealth

WELL = RemoteHealth(
    host="metrics.example:9090", queue_bytes=0, queue_most_bytes=512 * 2**20, behind=0.0, sent=4711, lost={},
    since=None, trouble="", read_trouble="", late=False,
)  # fmt: skip


@pytest.fixture(name="server")
def _server() -> Iterator[Fake]:
    with fake() as recorder:
        yield recorder


def with_remote(desk: Desk, server: Fake, health: RemoteHealth = WELL) -> Desk:
    """The same desk; its store begins half a minute ago, and the server has what was before."""
    store, labels = Store(), (labels_of({"__name__": "hikaricp_connections_pending", "job": "concert"}),)
    for second in range(-29, 1):
        store.append(Batch("concert", NOW + second, labels, np.array([7.0])))
    reading = RemoteReading(Caller(Endpoint(server.url, timeout=2.0)))
    far = LongRange(store, reading, lambda: Holdings(round((NOW - 29) * 1000), None))
    changed = replace(desk.parts, asker=store, series=store, long_range=far, remote=lambda: health)
    return replace(desk, parts=changed, client=create_app(changed).test_client())


def before(value: str) -> bytes:
    """What the server answers: one value, two minutes and one minute ago."""
    row = {"metric": {"job": "concert"}, "values": [[NOW - 120, value], [NOW - 60, value]]}
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [row]}}).encode()


def test_a_range_of_the_api_is_joined_from_both(desk: Desk, server: Fake) -> None:
    desk = with_remote(desk, server)
    desk.sign_in()
    server.answers = [(200, {}, before("3"))]
    query = "sum by (job) (hikaricp_connections_pending)"
    path = f"/api/v1/query_range?query={query}&start={NOW - 120}&end={NOW}&step=60"
    document = desk.json(path)
    assert document["data"]["result"] == [
        {"metric": {"job": "concert"}, "values": [[NOW - 120, "3"], [NOW - 60, "3"], [NOW, "7"]]}
    ]
    assert server.bodies[0].endswith(f"&start={NOW - 120:.3f}&end={NOW - 60:.3f}&step=60.000".encode())


def test_without_the_remote_the_api_gives_our_part_and_a_warning(desk: Desk, server: Fake) -> None:
    desk = with_remote(desk, server)
    desk.sign_in()
    server.answers = [(502, {}, b"bad gateway")]
    path = f"/api/v1/query_range?query=hikaricp_connections_pending&start={NOW - 120}&end={NOW}&step=60"
    document = desk.json(path)
    assert [pair[1] for pair in document["data"]["result"][0]["values"]] == ["7"]
    assert document["warnings"][0].startswith(
        f"remote: 127.0.0.1:{server.port}: HTTP 502: bad gateway; before "
    )


def test_an_incidents_charts_say_where_the_remotes_part_ends(desk: Desk, server: Fake) -> None:
    desk = with_remote(desk, server)
    desk.sign_in()
    number = desk.open_incident()
    server.answers = [(500, {}, b"out of memory")] * 40
    charts = desk.json(f"/incidents/{number}/charts.json")
    assert charts["seam"] == {"at": NOW - 29, "title": f"remote 127.0.0.1:{server.port}"}
    assert len(charts["troubles"]) == 1
    assert "HTTP 500: out of memory" in charts["troubles"][0]
    waiting = next(chart for chart in charts["charts"] if chart["key"] == "pool")["lines"][0]["values"]
    assert waiting[-1] == 7.0


def test_without_a_remote_there_is_no_seam(desk: Desk) -> None:
    desk.sign_in()
    charts = desk.json(f"/incidents/{desk.open_incident()}/charts.json")
    assert (charts["seam"], charts["troubles"]) == (None, [])
    assert "<h2>Remote</h2>" not in desk.client.get("/status").text


def test_the_health_page_and_machines_hear_of_the_remote(desk: Desk, server: Fake) -> None:
    desk = with_remote(desk, server)
    desk.sign_in()
    page = desk.client.get("/status").text
    assert "metrics.example:9090" in page
    assert "4711" in page
    checks = desk.client.get("/health").get_json()["checks"]
    assert checks["remote:metrics.example:9090"] == [
        {"status": "pass", "observedValue": "takes every sample"}
    ]


def test_an_outage_of_the_remote_warns_and_fails_nothing(desk: Desk, server: Fake) -> None:
    away = replace(
        WELL, trouble="metrics.example:9090: connection refused", since=NOW - 3600, behind=3600.0, late=True,
        queue_bytes=12_000_000, lost={"refused": 3},
    )  # fmt: skip
    desk = with_remote(desk, server, away)
    desk.sign_in()
    page = desk.client.get("/status").text
    assert "connection refused" in page
    assert "Lost: refused" in page
    found = desk.client.get("/health")
    (check,) = found.get_json()["checks"]["remote:metrics.example:9090"]
    assert found.status_code == 200
    assert check["status"] == "warn"
    assert check["observedValue"] == (
        "metrics.example:9090: connection refused; 3600 s behind, 12.0 MB queued; 3 samples lost (refused)"
    )
