"""The same requests to a real Prometheus and to ours: status, error type, error text, form and numbers."""

import http.client
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.metrics import real_prometheus
from tests.web import prometheus_samples
from tests.web.desk import Desk
from tests.web.prometheus_requests import Pairs, Request, requests
from web.server import WebServer

ODD_TIMES = frozenset(
    {
        "NaN", "Inf", "-Inf", "1e300", "9223372036854775", "9223372036854776", "9223372036854775807",
        "9223372036854775808", "1e18", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z",
    }
)  # fmt: skip
"""Beyond what Prometheus' nanoseconds hold: it answers for some other time, ours does not."""

OTHER_WORDS = frozenset(
    {
        "1e400", "sum)", '{a=~"["}', "up[]", "up[5x]", "foo(1)", "up == on(a) group_left bool up",
        "up{a='\\q'}", "!up", "up =~ 1", "sum(up) by (a) by (b)", "requests_total @ 5",
        'sort_by_label(requests_total, "code")', "double_exponential_smoothing(temperature[5m], 0.5, 0.5)",
        "mad_over_time(temperature[5m])", "limitk(1, up)", "info(up)",
    }
)  # fmt: skip
"""Refused by both, in other words: RE2's own reason, a hint at the right name, what is experimental."""

OTHER_FORM = frozenset(
    {
        "and", "by", f"temperature @ {prometheus_samples.AT}", "topk(1e300, temperature)", '{"a.b"}',
        '{"a.b","c"="d"}', '{__name__="a",__name__="b"}',
    }
)  # fmt: skip
"""Our canonical form is one line that can be read back; names in braces stay quoted."""

COUNTED = frozenset({'count_values("v", temperature)'})
NO_TIME = frozenset({"-1", "0s", "NaN", "-5s"})
OWN_STATE = ("/targets", "/status/buildinfo")
OWN_WAY = frozenset({"/query/", "/label//values", "/label/%FF/values"})
"""Prometheus redirects the first two; a byte that is no UTF-8 never reaches our routes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``text`` without Go's escapes for HTML."""

    status: int
    kind: str
    text: str


def sent(connection: http.client.HTTPConnection, request: Request) -> Answer:
    path = f"/api/v1{request.path}" + (f"?{urlencode(request.query)}" if request.query else "")
    form = None if request.form is None else urlencode(request.form)
    headers = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request(request.method, path, form, {**headers, **dict(request.headers)})
    found = connection.getresponse()
    text = found.read().decode("utf-8", "replace").rstrip("\n")
    for escaped, plain in (("003c", "<"), ("003e", ">"), ("0026", "&"), ("2028", "\u2028")):
        text = text.replace(f"\\u{escaped}", plain)
    return Answer(found.status, found.headers.get("Content-Type", ""), text)


@pytest.fixture
def ours(desk: Desk) -> Iterator[http.client.HTTPConnection]:
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True, "port": 0})
    settings = desk.parts.settings.model_copy(update={"web": web})
    store = prometheus_samples.store()
    server = WebServer(
        replace(desk.parts, settings=settings, asker=store, series=store, rules=tuple, targets=tuple)
    )
    server.start()
    yield http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=60)
    server.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_prometheus.blocks(tmp_path_factory.mktemp("blocks"), prometheus_samples.page())


@pytest.mark.skipif(real_prometheus.missing("3.5") is not None, reason=str(real_prometheus.missing("3.5")))
def test_prometheus_3_5_answers_the_same(
    ours: http.client.HTTPConnection, data: Path, tmp_path: Path
) -> None:
    asked = requests()
    with real_prometheus.running("3.5", tmp_path / "prometheus", data) as prometheus:
        theirs = http.client.HTTPConnection("127.0.0.1", prometheus.port, timeout=60)
        pairs = [(each, sent(theirs, each), sent(ours, each)) for each in asked]
    assert [shown(*pair) for pair in pairs if not same(*pair)] == []
    assert len(pairs) > 1500


@pytest.mark.skipif(
    real_prometheus.missing("stable") is not None, reason=str(real_prometheus.missing("stable"))
)
def test_prometheus_2_answers_with_the_same_results(
    ours: http.client.HTTPConnection, data: Path, tmp_path: Path
) -> None:
    asked = [each for each in requests() if each.path in {"/query", "/query_range", "/series"}]
    with real_prometheus.running("stable", tmp_path / "prometheus", data) as prometheus:
        theirs = http.client.HTTPConnection("127.0.0.1", prometheus.port, timeout=60)
        pairs = [(each, sent(theirs, each), sent(ours, each)) for each in asked if not newer(each)]
    good = [pair for pair in pairs if pair[1].status == pair[2].status == 200]
    assert [shown(*pair) for pair in good if not close(result(pair[1]), result(pair[2]))] == []
    assert len(good) > 200


def shown(request: Request, theirs: Answer, ours: Answer) -> str:
    texts = [f"{answer.status} {answer.kind} {answer.text[:400]}" for answer in (theirs, ours)]
    return "\n  ".join((f"{request.method} {request.path} {request.query} {request.form}", *texts))


def same(request: Request, theirs: Answer, ours: Answer) -> bool:
    if theirs == ours:
        return True
    if is_ours_alone(request, ours):
        return ours.status < 500
    if theirs.kind != "application/json":
        return ours.status == theirs.status and theirs.text in error_of(ours)
    if asks_for(request, OTHER_WORDS) and theirs.status == 400:
        return ours.status == 400 and json.loads(ours.text)["errorType"] == "bad_data"
    alike = (theirs.status, theirs.kind) == (ours.status, ours.kind)
    if not alike:
        return False
    first, second = json.loads(theirs.text), json.loads(ours.text)
    counted = request.path == "/query" and asks_for(request, COUNTED)
    if counted:
        # Prometheus gives these in another order each time.
        first, second = by_labels(first["data"]), by_labels(second["data"])
    return close(first, second)


def is_ours_alone(request: Request, ours: Answer) -> bool:
    """Where ours is another on purpose."""
    return (
        request.path in OWN_WAY
        or request.method in {"HEAD", "OPTIONS"}
        or asks_for(request, ODD_TIMES)
        # A step or a timeout of nothing: there a crash, or one of two answers by chance; here a 400.
        or (ours.status == 400 and (asks_for(request, {"0.0001"}) or asks_for(request, NO_TIME, "timeout")))
        or (request.path in OWN_STATE and ours.status == 200)
        or (request.path == "/format_query" and asks_for(request, OTHER_FORM))
    )


def newer(request: Request) -> bool:
    """What Prometheus 2.42 does not know yet, or reads otherwise."""
    text = dict(request.query).get("query", "")
    return (
        asks_for(request, ODD_TIMES)
        or any(name in {"lookback_delta", "limit"} for name, _ in request.query)
        or any(each in text for each in ("odd_", "5m:", "atan2"))
    )


def asks_for(request: Request, values: frozenset[str] | set[str], name: str = "") -> bool:
    given: Pairs = (*request.query, *(request.form or ()))
    return any(value in values for key, value in given if not name or key == name)


def data_of(answer: Answer) -> Any:
    return json.loads(answer.text)["data"]


def result(answer: Answer) -> Any:
    found = data_of(answer)
    return sorted(map(json.dumps, found)) if isinstance(found, list) else by_labels(found)


def by_labels(found: Any) -> Any:
    rows = found["result"]
    labelled = rows and isinstance(rows[0], dict)
    return sorted(rows, key=lambda row: json.dumps(row["metric"])) if labelled else rows


def error_of(answer: Answer) -> str:
    return str(json.loads(answer.text)["error"]) if answer.text else ""


def close(theirs: Any, ours: Any) -> bool:
    """The same but for the last digits of numbers, which hang on the order of additions."""
    match theirs, ours:
        case dict(), dict():
            return theirs.keys() == ours.keys() and all(close(theirs[key], ours[key]) for key in theirs)
        case list(), list():
            return len(theirs) == len(ours) and all(map(close, theirs, ours))
        case str(), str() if theirs != ours:
            return near(theirs, ours)
    return bool(theirs == ours)


def near(theirs: str, ours: str) -> bool:
    try:
        return math.isclose(float(theirs), float(ours), rel_tol=1e-9)
    except ValueError:
        return False
