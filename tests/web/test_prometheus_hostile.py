"""Whatever is asked or stored, pages and the HTTP API answer in their form: bounded and escaped."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerts.alert_state import Alert, AlertState
from metrics.promql.literals import quoted
from metrics.store import Store
from metrics.values import Batch, labels_of
from tests.web.desk import NOW, Desk
from web.app import create_app

STEPS = 11_000
VALID = (
    'sum by (job, "a.b") (rate(many_1{n=~"5.*", job!="/"}[1m:5s] offset -1m @ end()))'
    " / on (job) group_left (zone) -(many_2{job='y'} ^ 2) > bool 0.5e3"
)
SERIES = 20_000
MEGABYTE = 2**20
MOST_BYTES = 300 * MEGABYTE
"""Ten million samples of 16 bytes, and what they are worked out in."""


@pytest.fixture(scope="module")
def big() -> Store:
    """20,000 series of two minutes."""
    made = Store(keep=1e9)
    sets = tuple(
        labels_of({"__name__": f"many_{n % 5}", "n": str(n), "job": f"job-{n % 7}"}) for n in range(SERIES)
    )
    for second in range(0, 121, 5):
        made.append(Batch("many", NOW - 120 + second, sets, np.arange(float(SERIES)) + second / 1000))
    return made


def open_to_all(desk: Desk, store: Store) -> FlaskClient:
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True})
    chosen = desk.parts.settings.model_copy(update={"web": web})
    return create_app(replace(desk.parts, settings=chosen, asker=store, series=store)).test_client()


@pytest.fixture
def client(desk: Desk, big: Store) -> FlaskClient:
    return open_to_all(desk, big)


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Not many more bytes are resident at any moment of the block than at its beginning."""
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not forget.exists():
        pytest.skip("the kernel does not tell the most that a process needed")
    forget.write_text("5")
    before = _kilobytes(status, "VmRSS")
    yield
    assert (_kilobytes(status, "VmHWM") - before) * 1024 < MOST_BYTES


def _kilobytes(status: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def outcome(answer: Any) -> tuple[int, str]:
    body = answer.get_json()
    return answer.status_code, str(body.get("errorType", body["status"]))


def test_f29_eleven_thousand_steps_are_answered_and_one_more_is_refused_as_prometheus_does(
    client: FlaskClient,
) -> None:
    form = {"query": "many_1{n='1'}", "start": NOW - STEPS, "step": 1}
    assert outcome(client.post("/api/v1/query_range", data={**form, "end": NOW})) == (200, "success")
    refused = client.post("/api/v1/query_range", data={**form, "end": NOW + 1})
    assert outcome(refused) == (400, "bad_data")
    assert refused.get_json()["error"] == (
        "exceeded maximum resolution of 11,000 points per timeseries. "
        "Try decreasing the query resolution (?step=XX)"
    )


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ('{__name__=~".+"}', {(422, "execution"), (503, "timeout")}),
        ('quantile by (n, job) (0.9, {__name__=~".+"})', {(422, "execution"), (503, "timeout")}),
        ('sum_over_time({__name__=~".+"}[1h:1s])', {(422, "execution"), (503, "timeout")}),
        ('count({__name__=~".*.*.*.*x"} or {n=~"(1|2|3)+(1|2|3)+$"})', {(200, "success"), (503, "timeout")}),
        ('{n=~"' + "(a|b)?" * 2000 + '"}', {(200, "success"), (400, "bad_data")}),
        ('{n=~"(((x{1000}){1000}){1000})"}', {(400, "bad_data")}),
    ],
    ids=["everything", "grouping", "subquery", "regexes", "long regex", "large regex"],
)  # fmt: skip
def test_f29_a_question_about_a_big_store_takes_bounded_memory(
    client: FlaskClient, query: str, wanted: set[tuple[int, str]]
) -> None:
    form = {"query": query, "start": NOW - 1000, "end": NOW, "step": 1, "timeout": "1s"}
    with bounded_memory():
        assert outcome(client.post("/api/v1/query_range", data=form)) in wanted


def test_f29_all_series_of_a_big_store_are_one_answer_in_bounded_memory(client: FlaskClient) -> None:
    with bounded_memory():
        answer = client.post("/api/v1/query", data={"query": '{__name__=~".+"}', "time": NOW})
        assert len(answer.get_json()["data"]["result"]) == SERIES


def test_f29_every_truncation_of_a_query_is_answered_in_the_form_of_prometheus(client: FlaskClient) -> None:
    for length in range(len(VALID) + 1):
        answer = client.post("/api/v1/query", data={"query": VALID[:length], "time": NOW})
        found = outcome(answer)
        assert found in {(200, "success"), (400, "bad_data"), (422, "execution")}, VALID[:length]
        assert set(answer.get_json()) <= {"status", "errorType", "error", "data", "warnings", "infos"}


STRANGE = st.text(min_size=1, max_size=30)
EXAMPLES = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; DROP TABLE alerts; --", "{{ 7 * 7 }}",
    "\u202eabc", "\U0001f3ab\U0001f469\u200d\U0001f4bb", "__proto__", "\x00\x01\x1b[31m", "]]>",
    "\u2028</script>", "a\r\nSet-Cookie: b=c", "%s %n ${x}", "\ufeff", "\\", '\\"', "NaN",
)  # fmt: skip


def with_examples(test: Any) -> Any:
    for text in EXAMPLES:
        test = example(text=text)(test)
    return test


QUICKLY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICKLY
@with_examples
@given(text=STRANGE)
def test_f34_any_label_value_comes_back_through_the_api_as_it_is(desk: Desk, text: str) -> None:
    store = Store()
    wanted = {"__name__": "strange", "text": text, "__proto__": text}
    store.append(Batch("strange", NOW, (labels_of(wanted),), np.array([1.0])))
    client = open_to_all(desk, store)

    def data(path: str, **form: object) -> Any:
        answer = client.get(path, query_string=form)
        assert (answer.status_code, answer.content_type) == (200, "application/json"), answer.text
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return json.loads(answer.data)["data"]

    selector = f"strange{{text={quoted(text)}}}"
    assert data("/api/v1/query", query=selector, time=NOW)["result"][0]["metric"] == wanted
    assert data("/api/v1/series", **{"match[]": selector}) == [wanted]
    assert data("/api/v1/label/text/values") == data("/api/v1/label/__proto__/values") == [text]


class Elements(HTMLParser):
    """The elements of a page, with the names of their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def strange_alert(desk: Desk, text: str) -> None:
    """The first rule fires with this text in every place that has one."""
    first, *others = desk.statuses
    alert = Alert(
        rule=first.rule.name, labels=labels_of({"alertname": first.rule.name, "text": text}),
        annotations={"summary": text, "runbook_url": text, "description": text},
        state=AlertState.FIRING, held=AlertState.FIRING, active_at=NOW - 10, fired_at=NOW - 5,
        resolved_at=None, value=1.0, component=None, severity="warning", incident_id=None,
        rule_key=first.rule.key,
    )  # fmt: skip
    desk.statuses[:] = [replace(first, alerts=(alert,), error=text), *others]


@pytest.fixture
def signed_in(desk: Desk) -> Desk:
    desk.sign_in()
    return desk


@QUICKLY
@with_examples
@given(text=STRANGE)
def test_f34_any_label_or_annotation_is_text_on_a_page_and_nothing_else(signed_in: Desk, text: str) -> None:
    for path in ("/alerts", "/status", f"/alerts/rule?key={signed_in.statuses[0].rule.key}"):
        strange_alert(signed_in, "plain")
        plain = signed_in.client.get(path)
        strange_alert(signed_in, text)
        answer = signed_in.client.get(path)
        assert (plain.status_code, answer.status_code) == (200, 200), path
        page = Elements(answer.text)
        assert page.found == Elements(plain.text).found, path
        assert all(word in page.text for word in text.split() if word.isprintable()), path
    alerts = signed_in.json("/api/v1/alerts")["data"]["alerts"]
    assert (alerts[0]["labels"]["text"], alerts[0]["annotations"]["summary"]) == (text, text)


def test_f34_a_label_value_of_a_megabyte_is_served_and_does_not_break_a_page(signed_in: Desk) -> None:
    strange_alert(signed_in, "x" * MEGABYTE)
    assert signed_in.client.get("/alerts").status_code == 200
    assert len(signed_in.json("/api/v1/alerts")["data"]["alerts"][0]["labels"]["text"]) == MEGABYTE
