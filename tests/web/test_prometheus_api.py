"""The HTTP API of Prometheus: exact forms, error types, tokens, and the calls that Grafana makes."""

import gzip
import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from metrics.store import Store
from metrics.values import Batch, Metadata, labels_of
from tests.web.desk import NOW, Desk
from web.app import create_app
from web.prometheus_api import encoding
from web.prometheus_api.failure import ApiError
from web.prometheus_api.gate import QueryGate
from web.prometheus_api.series import unescaped
from web.server import WebServer

BAD = 400, "bad_data"
FAILED = 422, "execution"
TOKEN = "a-token-that-is-long-enough"


@dataclass
class Machine:
    """A program that asks with the token."""

    client: FlaskClient

    def get(self, path: str, **query: object) -> Any:
        return self._sent("GET", path, query_string=query)

    def post(self, path: str, **form: object) -> Any:
        return self._sent("POST", path, data=form)

    def _sent(self, method: str, path: str, **parts: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **parts)

    def data(self, path: str, **query: object) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["status"] == "success"
        return answer.get_json()["data"]


@pytest.fixture
def store() -> Store:
    """A counter of two instances over a minute, and a gauge with odd values."""
    made = Store()
    sets = tuple(
        labels_of({"__name__": name, "instance": instance, "job": "concert"})
        for name in ("requests_total", "odd")
        for instance in ("a", "b")
    )
    metadata = {"requests_total": Metadata("counter", "Requests."), "odd": Metadata("gauge", "Odd.")}
    for second in range(61):
        values = np.array([second * 2.0, second * 3.0, np.inf, np.nan])
        made.append(Batch("concert", NOW - 60 + second, sets, values, metadata))
    return made


@pytest.fixture
def machine(desk: Desk, store: Store, tmp_path: Path) -> Machine:
    token = tmp_path / "api.token"
    token.write_text(f"{TOKEN}\n")
    web = desk.parts.settings.web.model_copy(update={"api_token_file": token, "port": 0})
    settings = desk.parts.settings.model_copy(update={"web": web})
    app = create_app(replace(desk.parts, settings=settings, asker=store, series=store))
    return Machine(app.test_client())


def test_an_instant_query_gives_a_vector_in_the_form_of_prometheus(machine: Machine) -> None:
    answer = machine.get("/query", query="requests_total", time=NOW)
    assert answer.get_json() == {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {
                    "metric": {"__name__": "requests_total", "instance": name, "job": "concert"},
                    "value": [NOW, value],
                }
                for name, value in (("a", "120"), ("b", "180"))
            ],
        },
    }


def test_a_scalar_a_string_and_numbers_that_json_does_not_know_are_text(machine: Machine) -> None:
    assert machine.data("/query", query="1.5", time=4.25) == {"resultType": "scalar", "result": [4.25, "1.5"]}
    assert machine.data("/query", query='"text"', time=4) == {"resultType": "string", "result": [4, "text"]}
    found = machine.data("/query", query="odd", time=NOW)["result"]
    assert [each["value"][1] for each in found] == ["+Inf", "NaN"]


def test_without_a_time_it_is_now(machine: Machine) -> None:
    assert machine.data("/query", query="time()")["result"] == [NOW, f"{NOW:.0f}"]


def test_a_range_query_by_form_gives_a_matrix(machine: Machine) -> None:
    form = {"query": 'requests_total{instance="a"}', "start": NOW - 20, "end": NOW, "step": "10s"}
    found = machine.post("/query_range", **form).get_json()["data"]
    assert found["resultType"] == "matrix"
    assert found["result"][0]["values"] == [[NOW - 20, "80"], [NOW - 10, "100"], [NOW, "120"]]


def test_times_may_be_rfc_3339(machine: Machine) -> None:
    found = machine.data("/query", query="time()", time="2026-01-02T13:37:00.500Z")
    assert found["result"] == [1767361020.5, "1767361020.5"]


@pytest.mark.parametrize(
    ("path", "query", "answered", "text"),
    [
        ("/query", {"query": "up +"}, BAD, 'invalid parameter "query": 1:5: parse error: '),
        ("/query", {}, BAD, 'invalid parameter "query": '),
        ("/query", {"query": "up", "time": "soon"}, BAD,
         """invalid parameter "time": invalid time value for 'time': cannot parse "soon" to a"""),
        ("/query", {"query": "up", "timeout": "-1s"}, BAD, 'invalid parameter "timeout": '),
        ("/query", {"query": "up", "timeout": "-1"}, BAD, "context deadline exceeded"),
        ("/query", {"query": "up", "limit": "-1"}, BAD, "limit must be non-negative"),
        ("/query_range", {"query": "up", "start": 0, "end": 10, "step": 0}, BAD,
         'invalid parameter "step": zero or negative query resolution step widths are not accepted.'),
        ("/query_range", {"query": "up", "start": 10, "end": 0, "step": 1}, BAD,
         'invalid parameter "end": end timestamp must not be before start time'),
        ("/query_range", {"query": "up", "start": 0, "end": 11001, "step": 1}, BAD,
         "exceeded maximum resolution of 11,000 points per timeseries."),
        ("/query_range", {"query": "up", "end": 10, "step": 1}, BAD,
         'invalid parameter "start": cannot parse "" to a valid timestamp'),
        ("/query_range", {"query": "up[5m]", "start": 0, "end": 10, "step": 1}, BAD,
         'invalid expression type "range vector" for range query, must be Scalar or instant Vector'),
        ("/query", {"query": "odd * on (job) requests_total", "time": NOW}, FAILED,
         "found duplicate series for the match group"),
        ("/series", {}, BAD, "no match[] parameter provided"),
        ("/series", {"match[]": "{}"}, BAD, 'invalid parameter "match[]": '),
        ("/rules", {"type": "odd"}, BAD, 'invalid parameter "type": not supported value "odd"'),
    ],
)  # fmt: skip
def test_a_bad_request_is_answered_in_the_words_of_prometheus(
    machine: Machine, path: str, query: dict[str, object], answered: tuple[int, str], text: str
) -> None:
    answer = machine.get(path, **query)
    body = answer.get_json()
    assert (answer.status_code, body["errorType"]) == answered
    assert body["status"] == "error"
    assert text in body["error"]


def test_series_labels_values_and_metadata(machine: Machine) -> None:
    wanted = [
        {"__name__": "requests_total", "instance": instance, "job": "concert"} for instance in ("a", "b")
    ]
    assert machine.data("/series", **{"match[]": "requests_total"}) == wanted
    assert machine.data("/labels") == ["__name__", "instance", "job"]
    assert machine.data("/label/__name__/values") == ["odd", "requests_total"]
    assert machine.data("/metadata", metric="odd") == {"odd": [{"type": "gauge", "help": "Odd.", "unit": ""}]}


def test_more_results_than_the_limit_are_cut_with_a_warning(machine: Machine) -> None:
    body = machine.get("/label/instance/values", limit=1).get_json()
    assert (body["data"], body["warnings"]) == (["a"], ["results truncated due to limit"])
    assert len(machine.data("/query", query="requests_total", time=NOW, limit=1)["result"]) == 1


def test_warnings_and_infos_stand_beside_the_data_with_their_position(machine: Machine) -> None:
    body = machine.get("/query", query="quantile(2, rate(odd[1m]))", time=NOW).get_json()
    gauge = 'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "odd"'
    assert body["warnings"] == ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"]
    assert body["infos"] == [f"PromQL info: {gauge} (1:18)"]
    plain = machine.get("/query", query="rate(requests_total[1m])", time=NOW).get_json()
    assert plain.keys() == {"status", "data"}


def test_of_very_many_warnings_ten_are_shown(machine: Machine) -> None:
    query = {"query": "quantile_over_time(time(), odd[1m])", "start": NOW - 20, "end": NOW, "step": 1}
    warnings = machine.get("/query_range", **query).get_json()["warnings"]
    assert (len(warnings), warnings[-1]) == (11, "11 more warning annotations omitted")


def test_rules_alerts_targets_and_buildinfo_tell_of_showcall_itself(machine: Machine) -> None:
    groups = {group["name"]: group for group in machine.data("/rules")["groups"]}
    exhausted = next(rule for rule in groups["pool"]["rules"] if rule["name"] == "PoolExhausted")
    assert (exhausted["type"], exhausted["health"], exhausted["duration"]) == ("alerting", "ok", 1.0)
    assert (exhausted["state"], exhausted["alerts"]) == ("inactive", [])
    assert machine.data("/rules", type="record")["groups"] == []
    assert machine.data("/alerts") == {"alerts": []}
    found = {each["scrapePool"]: each for each in machine.data("/targets")["activeTargets"]}
    assert (found["concert"]["health"], found["redis"]["health"]) == ("up", "down")
    assert found["redis"]["lastError"] == "nothing listens"
    assert found["concert"]["labels"] == {"instance": "127.0.0.1:18081", "job": "concert"}
    assert machine.data("/status/buildinfo")["version"].startswith("3.")


def test_what_grafana_calls_when_a_data_source_is_saved_and_explored(machine: Machine) -> None:
    assert machine.post("/query", query="1+1", time=4).get_json()["data"]["result"] == [4, "2"]
    assert "features" not in machine.data("/status/buildinfo")
    span = {"start": NOW - 3600, "end": NOW}
    assert all("type" in rule for group in machine.data("/rules")["groups"] for rule in group["rules"])
    assert machine.data("/query_exemplars", query="test", start=NOW * 1000 - 1, end=NOW * 1000) == []
    assert machine.data("/label/__name__/values", **span) == ["odd", "requests_total"]
    assert machine.data("/metadata")
    assert machine.post("/labels", **span, **{"match[]": "odd"}).status_code == 200
    assert machine.post("/series", **span, **{"match[]": "odd", "limit": 40000}).status_code == 200
    asked = {"query": "rate(requests_total[1m])", "step": 15, "timeout": "30s", **span}
    assert machine.post("/query_range", **asked).status_code == 200
    assert machine.data("/alerts") == {"alerts": []}
    assert machine.data("/label/U__job/values", **span) == ["concert"]
    probe = machine.get("/rules/test/test")
    assert (probe.status_code, probe.get_json()["errorType"]) == (404, "not_found")
    assert "page not found" in probe.get_json()["error"]


@pytest.mark.parametrize(
    "path",
    ["/status/config", "/status/flags", "/status/runtimeinfo", "/status/tsdb", "/status/walreplay",
     "/alertmanagers", "/targets/metadata", "/admin/tsdb/snapshot", "/write", "/read", "/features"],
)  # fmt: skip
def test_what_is_not_served_is_a_json_404_whatever_the_client_accepts(machine: Machine, path: str) -> None:
    for accepted in ("*/*", "text/html", "application/json"):
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": accepted}
        answer = machine.client.get(f"/api/v1{path}", headers=headers)
        assert (answer.status_code, answer.get_json()["error"]) == (404, "404 page not found")


def test_grafanas_headers_and_its_return_to_get_change_nothing(machine: Machine) -> None:
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "X-Grafana-Cache": "skip",
        "X-Dashboard-UID": "abc",
        "X-Datasource-Uid": "def",
        "Origin": "https://grafana.example",
        "Accept-Encoding": "gzip",
    }
    path = "/api/v1/label/job/values"
    refused = machine.client.post(path, headers=headers)
    assert (refused.status_code, refused.get_json()["status"]) == (405, "error")
    assert machine.client.get(path, headers=headers).get_json()["data"] == ["concert"]
    asked = machine.client.post("/api/v1/query", data={"query": "1+1", "time": 4}, headers=headers)
    assert asked.get_json()["data"]["result"] == [4, "2"]


def test_a_query_is_shown_as_a_tree_and_in_its_canonical_form(machine: Machine) -> None:
    tree = machine.data("/parse_query", query='sum by (job) (rate(up{a!="b"}[5m] offset 1m))')
    assert (tree["type"], tree["op"], tree["grouping"]) == ("aggregation", "sum", ["job"])
    inner = tree["expr"]["args"][0]
    assert (inner["type"], inner["range"], inner["offset"]) == ("matrixSelector", 300_000, 60_000)
    assert {"name": "a", "value": "b", "type": "!="} in inner["matchers"]
    assert machine.data("/format_query", query="sum(up)by(job)") == "sum by (job) (up)"


def test_a_large_answer_is_compressed_for_who_takes_it(machine: Machine) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "gzip"}
    path = f"/api/v1/query_range?query=requests_total&start={NOW - 60}&end={NOW}&step=0.1"
    answer = machine.client.get(path, headers=headers)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.data))["status"] == "success"


def test_s12_without_the_token_nothing_is_told(machine: Machine) -> None:
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Bearer "}):
        answer = machine.client.get("/api/v1/query?query=1", headers=headers)
        assert answer.status_code == 401
        assert answer.get_json()["errorType"] == "unauthorized"
    assert machine.client.get("/api/v1/query?query=1", auth=("grafana", TOKEN)).status_code == 200


def test_the_token_is_taken_anew_from_its_file(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "api.token").write_text("another")
    assert machine.get("/query", query="1").status_code == 401


def test_programs_of_this_machine_ask_without_a_token_only_where_that_is_set(desk: Desk) -> None:
    assert desk.client.get("/api/v1/query?query=1").status_code == 401
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True})
    settings = desk.parts.settings.model_copy(update={"web": web})
    client = create_app(replace(desk.parts, settings=settings)).test_client()
    assert client.get("/api/v1/query?query=1").status_code == 200
    far = {"REMOTE_ADDR": "10.1.2.3"}
    assert client.get("/api/v1/query?query=1", environ_base=far).status_code == 401
    behind = {"X-Forwarded-For": "10.1.2.3"}
    assert client.get("/api/v1/query?query=1", headers=behind).status_code == 401


def test_who_is_signed_in_may_ask(desk: Desk) -> None:
    desk.sign_in()
    assert desk.client.get("/api/v1/query?query=1").status_code == 200


def test_a_query_gives_way_to_rules_and_ends_when_its_time_is_up() -> None:
    now, waited = [0.0], list[float]()
    gate = QueryGate(give_way=lambda: waited.append(now[0]), clock=lambda: now[0])
    with gate.turn("mina", 5.0) as goes_on:
        assert goes_on()
        now[0] = 5.0
        assert not goes_on()
    assert waited == [0.0, 5.0]


def test_a_caller_has_one_query_at_a_time_and_the_next_one_waits_its_turn() -> None:
    gate = QueryGate(together=2, patience=0.05)
    with gate.turn("mina", 9.0), gate.turn("grafana", 9.0):
        with pytest.raises(ApiError, match="query timed out in query queue"), gate.turn("mina", 9.0):
            pass
        with pytest.raises(ApiError), gate.turn("third", 9.0):
            pass
    with gate.turn("third", 9.0):
        pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "-0"), (1.0, "1"), (0.1, "0.1"), (1e20, "100000000000000000000"), (1e21, "1e+21"),
        (1e-6, "0.000001"), (1e-7, "1e-07"), (1.5e-5, "0.000015"), (float("nan"), "NaN"),
        (float("inf"), "+Inf"), (float("-inf"), "-Inf"), (123456789.125, "123456789.125"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_go_writes_them(value: float, text: str) -> None:
    assert encoding.number(value) == text


def test_times_have_milliseconds_only_where_there_are_some() -> None:
    assert [encoding.seconds(at) for at in (4, 1.5, 1435781451.781, -0.25)] == [
        "4", "1.500", "1435781451.781", "-0.250",
    ]  # fmt: skip


def test_an_alerts_value_always_has_an_exponent() -> None:
    assert [encoding.exponential(value) for value in (1.0, 27.0, 0.05)] == ["1e+00", "2.7e+01", "5e-02"]


@pytest.mark.parametrize(
    ("escaped", "name"),
    [("job", "job"), ("U__http_2e_status", "http.status"), ("U__a__b", "a_b"), ("U__bad_zz_", "U__bad_zz_")],
)
def test_label_names_that_are_no_identifiers_are_escaped_in_paths(escaped: str, name: str) -> None:
    assert unescaped(escaped) == name


@pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed (make test-deps)")
def test_promtool_asks_as_it_asks_prometheus(desk: Desk, store: Store) -> None:
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True, "port": 0})
    settings = desk.parts.settings.model_copy(update={"web": web})
    server = WebServer(replace(desk.parts, settings=settings, asker=store, series=store))
    server.start()
    try:
        said = {
            kind: promtool(kind, *arguments, server.address, *rest)
            for kind, arguments, rest in (
                ("instant", (), ("requests_total", f"--time={NOW:.0f}")),
                ("range", (f"--start={NOW - 20:.0f}", f"--end={NOW:.0f}", "--step=10s"), ("requests_total",)),
                ("series", ("--match=odd",), ()),
                ("labels", (), ("instance",)),
            )
        }
    finally:
        server.stop()
    assert 'requests_total{instance="a", job="concert"} => 120 @[' in said["instant"]
    assert f"100 @[{NOW - 10:.0f}]" in said["range"]
    assert said["series"].count("odd") == 2
    assert said["labels"].split() == ["a", "b"]


def promtool(kind: str, *arguments: str) -> str:
    """What ``promtool query`` prints; its options stand before what is asked."""
    options = [each for each in arguments if each.startswith("--")]
    rest = [each for each in arguments if not each.startswith("--")]
    command = ["promtool", "query", kind, *options, *rest]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
