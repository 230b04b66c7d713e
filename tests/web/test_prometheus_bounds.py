"""Questions that cost too much: answered in bounded time, in Prometheus' words, while others go on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from alerts.rule_outcome import RuleHealth
from metrics.disk.shelf import Shelf
from metrics.errors import ErrorKind, QueryError
from metrics.precedence import Precedence
from metrics.promql import pieces
from metrics.store import Store
from metrics.values import Batch, Terms, labels_of
from tests.web.desk import NOW, Desk
from web.app import create_app
from web.prometheus_api.gate import QueryGate

PATIENCE = 20.0
"""Seconds: far more than any of these may take, on a machine that has much else to do."""


@pytest.fixture(scope="module")
def store() -> Store:
    """2,000 series of two minutes, each with a value of its own."""
    made = Store(keep=1e9)
    sets = tuple(
        labels_of({"__name__": f"many_{number % 5}", "number": str(number), "job": f"job-{number % 7}"})
        for number in range(2000)
    )
    for second in range(121):
        made.append(Batch("many", NOW - 120 + second, sets, np.arange(2000.0) + second / 1000))
    return made


@pytest.fixture
def client(desk: Desk, store: Store) -> FlaskClient:
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True})
    settings = desk.parts.settings.model_copy(update={"web": web})
    return create_app(replace(desk.parts, settings=settings, asker=store, series=store)).test_client()


def over_range(client: FlaskClient, query: str, **more: object) -> Any:
    form = {"query": query, "start": NOW - 100, "end": NOW, "step": 1, **more}
    return client.post("/api/v1/query_range", data=form)


def outcome(answer: Any) -> tuple[int, str]:
    body = answer.get_json()
    return answer.status_code, str(body.get("errorType", body["status"]))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize(
    ("query", "more", "wanted"),
    [
        ('{__name__=~".+"}', {}, {(200, "success")}),
        ("1", {"step": "0.001"}, {(400, "bad_data")}),
        ("max_over_time(rate(many_1[1m:1ms])[1h:1ms])", {}, {(422, "execution")}),
        ("sum_over_time(vector(1)[1h:1ms])", {}, {(200, "success"), (422, "execution"), (503, "timeout")}),
        ('quantile by (number) (0.9, {__name__=~".+"})', {}, {(200, "success"), (503, "timeout")}),
        ('count_values("value", {__name__=~".+"})', {"timeout": "2"}, {(422, "execution"), (503, "timeout")}),
        ('{__name__=~".+"} * on () group_left {__name__=~".+"}', {}, {(422, "execution")}),
        ('label_replace({__name__=~".+"}, "x", "$1", "number", "(.*)*")', {}, {(200, "success")}),
        ('{number=~"((1+)+)+x"}', {}, {(200, "success")}),
        ("(" * 10_000 + "1" + ")" * 10_000, {}, {(400, "bad_data")}),
        ("1 + " * 250_000 + "1", {}, {(400, "bad_data")}),
        ("-" * 100_000 + "1", {}, {(400, "bad_data")}),
        ("many_1[" * 5_000, {}, {(400, "bad_data")}),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_f29_a_query_of_death_is_answered_in_bounded_time(
    client: FlaskClient, query: str, more: dict[str, object], wanted: set[tuple[int, str]]
) -> None:
    with within(PATIENCE):
        assert outcome(over_range(client, query, **more)) in wanted
    assert client.get("/api/v1/query?query=1").status_code == 200


def test_f29_a_query_ends_at_its_timeout_in_the_words_of_prometheus(client: FlaskClient) -> None:
    with within(PATIENCE):
        answer = over_range(client, 'count_values("value", {__name__=~".+"})', timeout="100ms")
    assert outcome(answer) == (503, "timeout")
    assert answer.get_json()["error"] == "query timed out in expression evaluation"


def test_f29_too_many_samples_are_refused_in_the_words_of_prometheus(client: FlaskClient) -> None:
    answer = over_range(client, 'rate({__name__=~".+"}[1h:1s])', step="0.1")
    text = "query processing would load too many samples into memory in query execution"
    assert (outcome(answer), answer.get_json()["error"]) == ((422, "execution"), text)


def test_f29_other_callers_are_answered_while_one_asks_too_much(desk: Desk, store: Store) -> None:
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True})
    settings = desk.parts.settings.model_copy(update={"web": web})
    app = create_app(replace(desk.parts, settings=settings, asker=store, series=store))
    heavy = threading.Thread(
        target=lambda: over_range(app.test_client(), 'count_values("v", {__name__=~".+"})', timeout="5s")
    )
    heavy.start()
    try:
        desk.sign_in()
        other = app.test_client()
        for _ in range(3):
            found = other.get("/api/v1/query?query=1", environ_base={"REMOTE_ADDR": "127.0.0.2"})
            assert found.status_code == 200
        assert heavy.is_alive()
    finally:
        heavy.join()


LISTINGS = (
    "/series?match[]=m", "/labels", "/label/n/values", "/labels?match[]=m", "/label/n/values?match[]=m",
)  # fmt: skip


@pytest.fixture
def long_lived(desk: Desk, tmp_path: Path) -> Flask:
    """An application over a store with 300 series, most of them in blocks alone; no token is asked for."""
    store, begin = Store(keep=60.0, shelf=Shelf(tmp_path / "store")), NOW // 900 * 900
    sets = tuple(labels_of({"__name__": "m", "n": str(number)}) for number in range(300))
    for second in range(0, 3600, 100):
        fresh = sets[second // 100 * 7 :]
        store.append(Batch("many", begin + second, fresh, np.ones(len(fresh))))
        store.keep()
    store = Store(keep=60.0, shelf=Shelf(tmp_path / "store"))
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True})
    settings = desk.parts.settings.model_copy(update={"web": web})
    return create_app(replace(desk.parts, settings=settings, asker=store, series=store))


@pytest.mark.parametrize("path", LISTINGS)
def test_f29_a_listing_gives_way_to_rules_at_every_step_and_ends_at_its_timeout(
    long_lived: Flask, path: str
) -> None:
    steps: list[None] = []
    client, blocks = long_lived.test_client(), 3
    long_lived.extensions["query_gate"] = QueryGate(give_way=lambda: steps.append(None))
    whole = client.get(f"/api/v1{path}")
    assert whole.status_code == 200
    assert len(whole.get_json()["data"]) in (2, 300)
    assert len(steps) >= blocks
    steps.clear()
    late = QueryGate(give_way=lambda: steps.append(None), clock=lambda: len(steps) * 1e6)
    long_lived.extensions["query_gate"] = late
    answer = client.get(f"/api/v1{path}")
    assert outcome(answer) == (503, "timeout")
    assert answer.get_json()["error"] == "query timed out in expression evaluation"
    assert len(steps) == 1


@pytest.mark.parametrize("path", LISTINGS)
def test_f29_a_caller_lists_in_turn_with_what_else_it_asks(long_lived: Flask, path: str) -> None:
    gate = long_lived.extensions["query_gate"] = QueryGate(patience=0.0)
    client = long_lived.test_client()
    with gate.turn("machine:127.0.0.1", 60.0):
        answer = client.get(f"/api/v1{path}")
        assert outcome(answer) == (503, "timeout")
        assert answer.get_json()["error"] == "query timed out in query queue"
    assert client.get(f"/api/v1{path}").status_code == 200


def test_a_question_stops_where_it_is_when_its_time_is_up(store: Store) -> None:
    asked = 0

    def goes_on() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    with pytest.raises(QueryError) as raised:
        store.ask_range('rate({__name__=~".+"}[30s])', NOW - 60, NOW, 1.0, Terms(None, goes_on))
    assert (raised.value.kind, asked) == (ErrorKind.TIMEOUT, 3)


@pytest.mark.parametrize(
    "query",
    [
        "sum by (job) (rate(many_1[30s]))",
        'topk(3, {__name__=~".+"})',
        "many_1 @ end() - many_1 @ start()",
        "max_over_time(sum(many_2)[20s:3s])",
        "many_1 offset 10s > 1000",
        "count_values('v', many_3 % 5)",
        "time() - timestamp(many_4)",
        "absent(many_1 offset 90s)",
    ],
)
def test_a_range_worked_out_in_pieces_is_the_same_as_in_one(
    store: Store, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> object:
        found = store.query_range(query, NOW - 110, NOW, 1.0)
        return [(each.labels, each.at.tolist(), each.values.tolist()) for each in found.series]

    whole = asked()
    monkeypatch.setattr(pieces, "CELLS", 3000)
    assert asked() == whole


def test_questions_wait_while_rules_are_evaluated_but_not_for_ever() -> None:
    precedence = Precedence()
    order: list[str] = []

    def question(name: str, after: Callable[[], None]) -> threading.Thread:
        def ask() -> None:
            after()
            precedence.give_way()
            order.append(name)

        thread = threading.Thread(target=ask)
        thread.start()
        return thread

    with precedence.taken():
        waiting = question("question", lambda: None)
        time.sleep(0.05)
        order.append("rules")
    waiting.join()
    with precedence.taken():
        question("another", lambda: None).join(PATIENCE)
    assert order == ["rules", "question", "another"]


def test_f31_a_rule_that_fails_is_told_and_the_others_go_on(desk: Desk) -> None:
    first, *others = desk.statuses
    desk.statuses[:] = [replace(first, health=RuleHealth.ERR, error="many-to-many"), *others]
    desk.sign_in()
    groups = desk.json("/api/v1/rules")["data"]["groups"]
    told = [(rule["health"], rule.get("lastError")) for group in groups for rule in group["rules"]]
    assert told.count(("err", "many-to-many")) == 1
    assert told.count(("ok", None)) == len(others)


@pytest.mark.parametrize("value", ["x" * 1_000_000, "\x01\x1f", "\u202eabc", "\U0001f600", "__proto__"])
def test_f34_strange_label_values_come_back_as_they_are(desk: Desk, value: str) -> None:
    store = Store()
    sets = (labels_of({"__name__": "strange", "text": value, "__proto__": "a"}),)
    store.append(Batch("strange", NOW, sets, np.array([1.0])))
    app = create_app(replace(desk.parts, asker=store, series=store))
    desk.client = app.test_client()
    desk.sign_in()
    wanted = {"__name__": "strange", "text": value, "__proto__": "a"}
    assert desk.json(f"/api/v1/query?query=strange&time={NOW}")["data"]["result"][0]["metric"] == wanted
    assert desk.json("/api/v1/label/text/values")["data"] == [value]
    assert desk.json("/api/v1/series?match[]=strange")["data"] == [wanted]
