"""The pages that say why a rule does not fire and why a runbook does not act."""

import html
from collections.abc import Callable
from dataclasses import replace

import pytest

from alerts import alert_store
from alerts.alert_state import Alert, AlertState
from alerts.incident import IncidentState
from alerts.rule import AlertingRule
from alerts.rule_outcome import RuleHealth, RuleStatus
from alerts.why_not_facts import gather
from collector.round import TargetReport
from metrics.values import QueryResult, labels_of
from runbooks import decision_store, kill_switch_store, lever_store
from runbooks.decision import Decision, DecisionReason, DecisionVerdict
from runbooks.decision_store import KnownDecision
from runbooks.kill_switch import KillSwitch
from runbooks.lever import LeverReading
from runbooks.lever_store import KnownLever
from tests.web.desk import NOW, Desk, Numbers
from web.lately import BUDGET_SECONDS, FIRST_BUDGET_SECONDS, Lately
from web.mirror import Mirror, lag

ATTACK = "<img src=x onerror=alert(1)>"


def text(desk: Desk, path: str) -> str:
    """A page as it reads, entities resolved."""
    answer = desk.client.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def change(desk: Desk, name: str, /, **changes: object) -> RuleStatus:
    """The rule's status with something changed, in the place of what it was."""
    index = next(index for index, status in enumerate(desk.statuses) if status.rule.name == name)
    desk.statuses[index] = replace(desk.statuses[index], **changes)  # type: ignore[arg-type]  # test values
    return desk.statuses[index]


def an_alert(status: RuleStatus, **changes: object) -> Alert:
    made = Alert(
        rule=status.rule.name, labels=labels_of({"alertname": status.rule.name, "pool": "HikariPool-1"}),
        annotations={"summary": "Pool exhausted"}, state=AlertState.FIRING, held=AlertState.FIRING,
        active_at=NOW - 30, fired_at=NOW - 29, resolved_at=None, value=27.0, component="pool",
        severity="critical", incident_id=1, rule_key=status.rule.key,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # test values


def read_lever(desk: Desk, name: str, value: float | str, baseline: float | str) -> None:
    reading = LeverReading(value, baseline, 7, None, NOW)
    known = KnownLever(name, "Cap on active users", "queue", "users", baseline, reading, NOW, None)
    with desk.database.transaction() as tx:
        lever_store.save(tx, known)


def test_every_rule_is_listed_by_group_with_its_health_age_and_line(desk: Desk) -> None:
    desk.sign_in()
    page = text(desk, "/alerts")
    for status in desk.statuses:
        assert status.rule.name in page
    assert "No alert is firing, pending or unknown" in page
    assert "evaluated 0 s ago, took 1.0 ms" in page
    assert "nothing to compare: " in page


def test_an_active_alert_stands_on_top_with_value_since_and_incident(desk: Desk) -> None:
    desk.sign_in()
    status = change(desk, "PoolExhausted")
    change(desk, "PoolExhausted", alerts=(an_alert(status),))
    page = text(desk, "/alerts")
    assert "27" in page
    assert '/incidents/1"' in page
    assert 'pool="HikariPool-1"' in page
    assert "clears when avg_over_time(hikaricp_connections_pending[5s]) < 1" in page


def test_a_rule_that_failed_says_so_and_shows_the_place_with_a_caret(desk: Desk) -> None:
    desk.sign_in()
    error = "1:5: many-to-many matching\n    a + b\n      ^"
    change(desk, "PoolBacklog", health=RuleHealth.ERR, error=error)
    assert "its last evaluation failed, so nothing is known: 1:5: many-to-many matching" in text(
        desk, "/alerts"
    )
    assert f"<pre>{error}</pre>" in text(desk, "/alerts/rule?key=pool/PoolBacklog")


def test_f17_a_rule_without_series_is_shown_as_no_data_and_never_as_ok(desk: Desk) -> None:
    desk.sign_in()
    desk.numbers.values, desk.numbers.age = {}, None
    change(desk, "RedisDown", health=RuleHealth.NO_DATA)
    page = text(desk, "/alerts/rule?key=availability/RedisDown")
    assert "shows no data, not OK: no series for redis_up" in page
    assert "badge no_data" in page


def test_a_rules_page_has_its_conditions_expression_timing_and_shipped_page(desk: Desk) -> None:
    desk.sign_in()
    page = text(desk, "/alerts/rule?key=pool/PoolExhausted")
    assert "hikaricp_connections_pending >= hikaricp_connections_max" in page
    assert "avg_over_time(hikaricp_connections_pending[5s]) < 1" in page
    assert "What Showcall does" in page
    assert "pool.yaml:" in page


def test_an_unknown_rule_or_runbook_is_404_and_says_so(desk: Desk) -> None:
    desk.sign_in()
    for path, said in (
        ("/alerts/rule?key=nothing", "There is no such rule"),
        ("/alerts/rule/chart.json?key=nothing", "There is no such rule"),
        ("/runbooks/nothing", "There is no runbook nothing"),
    ):
        answer = desk.client.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, said in answer.text) == (404, True)


def test_a_rules_chart_has_each_comparison_with_its_dashed_threshold(desk: Desk) -> None:
    desk.sign_in()
    document = desk.json("/alerts/rule/chart.json?key=pool/PoolBacklog")
    assert [chart["title"] for chart in document["charts"]][1] == "hikaricp_connections_pending > 2"
    value, threshold = document["charts"][1]["lines"]
    assert (value["dashed"], threshold["dashed"]) == (False, True)
    assert set(threshold["values"]) == {2.0}
    assert document["charts"][0]["unit"] == "s"
    assert document["end"] - document["start"] == 900


def test_a_target_that_is_down_is_named_in_the_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sign_in()
    monkeypatch.setattr(Numbers, "origins", lambda *_: frozenset({"redis", "concert"}))
    page = text(desk, "/alerts/rule?key=pool/PoolExhausted")
    assert "target redis is down (nothing listens); until it reports again" in page


def test_a_target_that_has_not_reported_for_long_counts_as_late(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sign_in()
    desk.reports[:] = [TargetReport("concert", "actuator", NOW - 9, 0.1, True, 9, None, None, NOW - 9)]
    monkeypatch.setattr(Numbers, "origins", lambda *_: frozenset({"concert"}))
    assert "target concert has not reported for 9 s" in text(desk, "/alerts/rule?key=pool/PoolExhausted")


@pytest.mark.parametrize("path", ["/alerts", "/alerts/rule?key=pool/PoolExhausted"])
def test_markup_in_labels_annotations_and_errors_stays_text(desk: Desk, path: str) -> None:
    desk.sign_in()
    status = change(desk, "PoolExhausted", error=ATTACK)
    labels = labels_of({"alertname": ATTACK, "pool": ATTACK})
    hostile = an_alert(status, labels=labels, annotations={"summary": ATTACK, "description": ATTACK})
    change(desk, "PoolExhausted", alerts=(hostile,))
    page = desk.client.get(path).text
    assert ATTACK not in page
    assert "&lt;img src=x" in page


def test_only_web_addresses_among_the_annotations_become_links(desk: Desk) -> None:
    desk.sign_in()
    status = change(desk, "PoolExhausted")
    assert isinstance(status.rule, AlertingRule)
    written = dict(status.rule.annotations)
    fixed = written["summary"]
    written["runbook_url"] = replace(fixed, text="javascript:alert(1)")
    written["dashboard_url"] = replace(fixed, text="https://example.org/board")
    change(desk, "PoolExhausted", rule=replace(status.rule, annotations=written))
    page = desk.client.get("/alerts/rule?key=pool/PoolExhausted").text
    assert 'href="https://example.org/board"' in page
    assert 'href="javascript' not in page


def test_a_runbook_shows_guards_limits_levers_matchers_and_what_it_would_do(desk: Desk) -> None:
    desk.sign_in()
    read_lever(desk, "active_users_cap", 1000.0, 1000.0)
    page = text(desk, "/runbooks")
    assert "throttle_queue" in page
    assert "trip_breaker" in page
    assert "PoolExhausted" in page
    assert "Cap on active users: 1000 -> 8 users" in page
    assert "0 of at most 12" in page
    assert "no alert fires; it is for PoolExhausted or PoolBacklog" in page
    assert "which lives in Redis" in page


def test_a_runbook_whose_lever_was_never_read_says_that_it_does_not_know(desk: Desk) -> None:
    desk.sign_in()
    page = text(desk, "/runbooks/throttle_queue")
    assert "Not known: its lever cannot be read" in page
    assert "If it matched now" in page
    assert "the lever was not read yet" in page
    assert "# throttle_queue" in page


def test_the_kill_switch_is_told_where_it_stops_something(desk: Desk) -> None:
    desk.sign_in()
    with desk.database.transaction() as tx:
        kill_switch_store.turn(tx, KillSwitch(engaged=True, at=NOW - 60, who="user:mina", why="deploying"))
    assert "the kill switch is on (user:mina: deploying), for 60.0 s" in text(desk, "/runbooks")


def test_the_incident_says_why_nobody_acts_and_which_decisions_there_were(desk: Desk) -> None:
    desk.sign_in()
    number = desk.open_incident()
    status = change(desk, "RedisDown")
    said = f"observe mode: nothing is sent {ATTACK}"
    stays = Decision(DecisionVerdict.REFUSE, DecisionReason.OBSERVE_MODE, said)
    with desk.database.transaction() as tx:
        alert_store.add_all(tx, [an_alert(status, incident_id=number)])
        decision_store.changed(tx, KnownDecision("throttle_queue", number, stays, NOW - 5))
    page = text(desk, f"/incidents/{number}")
    assert "Why nobody acts now" in page
    assert "no runbook is for RedisDown: throttle_queue is for PoolExhausted or PoolBacklog" in page
    assert "observe mode: nothing is sent" in page
    assert ATTACK not in desk.client.get(f"/incidents/{number}").text


def test_a_resolved_incident_asks_for_no_line(desk: Desk) -> None:
    desk.sign_in()
    number = desk.open_incident(resolved_at=NOW, state=IncidentState.RESOLVED)
    assert "Why nobody acts now" not in text(desk, f"/incidents/{number}")


def test_the_pages_stand_even_when_no_query_can_be_answered(desk: Desk) -> None:
    desk.sign_in()
    desk.numbers.broken = True
    assert "cannot be asked now: the engine is down" in text(desk, "/alerts")
    assert "cannot be asked: the engine is down" in text(desk, "/runbooks")
    assert "the engine is down" in text(desk, "/alerts/rule?key=pool/PoolExhausted")
    assert desk.json("/alerts/rule/chart.json?key=pool/PoolExhausted")["charts"][0]["lines"]


class Counting(Numbers):
    """Numbers that count how often they are asked."""

    asked: int = 0

    def query(self, expr: str, at: float) -> QueryResult:
        self.asked += 1
        return super().query(expr, at)


def test_many_looks_in_one_second_ask_each_question_once(desk: Desk) -> None:
    numbers = Counting({"hikaricp_connections_pending": 1.0})
    status = desk.statuses[0]
    lately = Lately(lambda _, now: gather(status, numbers, {}, now), desk.parts.clock)
    for _ in range(3):
        lately.all(["pool/PoolExhausted"])
    once = numbers.asked
    assert once > 0
    desk.clock[0] += 1.0
    lately.one("pool/PoolExhausted")
    assert numbers.asked == 2 * once


def ticking(step: float) -> Callable[[], float]:
    """A clock that a question takes ``step`` seconds of."""
    now = [0.0]

    def read() -> float:
        now[0] += step
        return now[0]

    return read


def test_a_look_stops_asking_when_its_budget_is_spent_and_goes_on_with_the_oldest(desk: Desk) -> None:
    asked: list[str] = []

    def ask(key: str, _: float) -> str:
        asked.append(key)
        return key

    kept = Lately(ask, desk.parts.clock, ticking(BUDGET_SECONDS * 0.7))
    keys = [f"rule-{index}" for index in range(5)]
    assert len(kept.all(keys)) == 5
    desk.clock[0] += 5
    kept.all(keys)
    kept.all(keys)
    assert asked[5:] == ["rule-0", "rule-1"]


def test_even_the_first_look_has_an_end_and_says_what_was_not_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Lately(lambda key, _: key, desk.parts.clock, ticking(FIRST_BUDGET_SECONDS * 0.7))
    assert kept.all(["a", "b"]) == {"a": "a"}
    desk.sign_in()
    monkeypatch.setattr(Mirror, "looks", lambda _: {})
    page = text(desk, "/runbooks")
    assert "Not looked at yet, their turn comes within seconds" in page
    assert '/runbooks/trip_breaker"' in page
    number = desk.open_incident()
    assert "Why nobody acts now" not in text(desk, f"/incidents/{number}")


def test_what_left_the_configuration_is_forgotten(desk: Desk) -> None:
    kept: Lately[str] = Lately(lambda key, _: key, desk.parts.clock)
    kept.all(["a", "b"])
    assert kept.all(["b"]) == {"b": "b"}


def test_evaluation_counts_as_late_only_when_a_round_is_missing(desk: Desk) -> None:
    assert lag(desk.statuses, NOW + 1.5) == 0.0
    assert lag(desk.statuses, NOW + 8.6) == pytest.approx(8.0)
    assert lag([], NOW) == 0.0
