"""The public API and the management port of a running service, one journey or lever at a time."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.stack.service_rig import SEATS_PER_SCHEDULE, Answer, Postgres, Service, Valkey, eventually

TRY_AGAIN = "잠시 후 다시 시도해 주세요."
DATE = "/api/v1/concert/451/date"
HIKARI = 'hikaricp_connections{}{{pool="HikariPool-1"}}'


def reserve(service: Service, token: str, seat_id: int) -> Answer:
    return service.ask("POST", "/api/v1/concert/901/reserve", body={"seatId": seat_id}, token=token)


def refused_for_now(answer: Answer) -> bool:
    return (answer.status, answer.json, answer.headers["retry-after"]) == (503, {"message": TRY_AGAIN}, "1")


def test_a_whole_journey_from_token_to_payment(service: Service, postgres: Postgres) -> None:
    token = service.inside()
    dates = service.ask("GET", DATE, token=token)
    assert [date["scheduleId"] for date in dates.json["dates"]] == [901, 902]
    assert dates.json["dates"][0]["freeSeats"] == SEATS_PER_SCHEDULE
    seats = service.ask("GET", "/api/v1/concert/901/seat", token=token).json["seats"]
    assert len(seats) == SEATS_PER_SCHEDULE
    assert reserve(service, token, seats[0]["seatId"]).json["reserved"] is True
    rival = service.inside(2)
    assert reserve(service, rival, seats[0]["seatId"]).status == 409
    assert service.ask("GET", DATE, token=rival).json["dates"][0]["freeSeats"] == SEATS_PER_SCHEDULE - 1
    paid = service.ask("POST", "/api/v1/pay", body={"seatId": seats[0]["seatId"]}, token=token)
    assert paid.json == {"seatId": seats[0]["seatId"], "paid": 50000}
    assert service.ask("GET", DATE, token=token).status == 404
    with postgres.connect() as connection:
        connection.execute("UPDATE seats SET reserved_by = NULL")


def test_a_raised_cap_lets_the_line_in_within_seconds(service: Service) -> None:
    service.set_lever("active-users", 0)
    token = service.token()
    assert service.number(token) == 1
    time.sleep(0.5)
    service.set_lever("active-users", 5)
    eventually(lambda: service.number(token) == 0, seconds=5)
    eventually(lambda: service.metrics()["queue_active"] == 1)


def test_seats_that_are_not_there_or_not_reserved_are_refused(service: Service) -> None:
    token = service.inside()
    assert reserve(service, token, 45101).status == 404
    assert service.ask("POST", "/api/v1/pay", body={"seatId": 90102}, token=token).status == 409
    assert service.ask("POST", "/api/v1/concert/901/reserve", body=b"[1]", token=token).status == 400
    assert service.ask("POST", "/api/v1/concert/901/reserve", body=b"[" * 9000, token=token).status == 400
    assert service.ask("POST", "/api/v1/concert/901/reserve", body=b" " * 99_999, token=token).status == 413
    assert service.ask("POST", "/api/v1/pay", token=token).json == {"seatId": None, "paid": 0}


def test_only_an_active_token_may_ask_for_dates(service: Service) -> None:
    service.set_lever("active-users", 0)
    first, second = service.token(), service.token()
    waiting = service.ask("GET", DATE, token=second)
    assert (waiting.status, waiting.json["waitingNumber"]) == (403, 2)
    assert service.ask("DELETE", "/api/v1/user/queue/token", token=first).status == 200
    assert service.number(second) == 1
    for missing in (service.ask("GET", DATE, token="nobody"), service.ask("GET", DATE, token=first)):
        assert missing.status == 404
        assert "message" in missing.json
    assert service.ask("GET", DATE).status == 401
    assert service.ask("DELETE", "/api/v1/user/queue/token", token=first).status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/user/zero/queue/token/issue", 400),
        ("POST", "/api/v1/user/0/queue/token/issue", 400),
        ("POST", "/api/v1/user/99999999999999999999/queue/token/issue", 400),
        ("GET", "/api/v1/concerts/query?page=-1", 400),
        ("GET", "/api/v1/concert/many/date", 400),
        ("GET", "/api/v2/anything", 404),
        ("DELETE", "/api/v1/pay", 405),
    ],
)
def test_requests_that_make_no_sense_get_a_4xx(service: Service, method: str, path: str, status: int) -> None:
    assert service.ask(method, path, token="x").status == status


def test_a_full_waiting_line_answers_429_and_counts_it(make_service: Callable[..., Service]) -> None:
    service = make_service(waitingLimit=1, activeUsersCap=0)
    service.token()
    full = service.ask("POST", "/api/v1/user/2/queue/token/issue")
    assert (full.status, full.json, full.headers["retry-after"]) == (429, {"message": TRY_AGAIN}, "1")
    assert service.metrics()["queue_rejected_total"] == 1


def test_the_metrics_page_is_valid_and_begins_with_zeros(make_service: Callable[..., Service]) -> None:
    service = make_service()
    page = service.manage("GET", "/actuator/prometheus")
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(page.text)}
    dates = [
        sample
        for sample in families["http_server_requests_seconds"].samples
        if sample.labels["uri"] == "/api/v1/concert/{concertId}/date"
    ]
    assert {sample.value for sample in dates} == {0.0}
    assert {sample.labels["status"] for sample in dates} == {"200", "403", "503"}
    edges = [float(sample.labels["le"]) for sample in dates if "le" in sample.labels]
    assert set(edges) >= {1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 30.0, 35.0, 60.0, float("inf")}
    assert {"error", "exception", "method", "outcome", "status", "uri"} <= set(dates[0].labels)
    assert families["hikaricp_connections_max"].samples[0].value == 10
    assert families["tomcat_threads_config_max_threads"].samples[0].value == 200
    assert families["queue_active_cap"].samples[0].value == 1000
    assert "process_cpu_usage" in families
    assert page.text.count("# TYPE") == len(re.findall(r"# TYPE (\S+)", page.text)) == len(families)


def test_requests_are_counted_by_pattern_never_by_path(service: Service) -> None:
    for number in range(1, 30):
        service.ask("GET", f"/api/v1/concert/{number}/date", token="x")
        service.ask("GET", f"/nothing/{number}")
        service.ask("BREW", f"/api/v1/{number}")
    uris = {
        re.search(r'uri="([^"]*)"', name) for name in service.metrics() if "requests_seconds_count" in name
    }
    shown = {found.group(1) for found in uris if found}
    assert {"/api/v1/concert/{concertId}/date", "NOT_FOUND"} <= shown
    assert not [uri for uri in shown if re.search(r"\d/date", uri) or "nothing" in uri]


def test_health_shows_its_components(service: Service) -> None:
    health = service.manage("GET", "/actuator/health").json
    assert health["status"] == "UP"
    assert {name: part["status"] for name, part in health["components"].items()} == {
        "db": "UP",
        "redis": "UP",
        "queue": "UP",
    }


def test_a_lever_is_set_renewed_refused_and_released_over_http(service: Service) -> None:
    before = service.manage("GET", "/actuator/active-users").json
    assert {**before, "version": 0} == {
        "value": 1000,
        "baseline": 1000,
        "version": 0,
        "lease": None,
        "ramping": False,
    }
    body = {
        "value": 8,
        "ifVersion": before["version"],
        "requestId": "one",
        "leaseSeconds": 60,
        "owner": "showcall",
    }
    first = service.manage("POST", "/actuator/active-users", body)
    assert first.status == 200
    assert (first.json["value"], first.json["lease"]["owner"]) == (8, "showcall")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.json["lease"]["until"])
    assert service.manage("POST", "/actuator/active-users", body).json == first.json
    late = service.manage("POST", "/actuator/active-users", {**body, "value": 500, "requestId": "late"})
    assert (late.status, late.json["value"], late.json["version"]) == (409, 8, first.json["version"])
    assert "ifVersion" in late.json["message"]
    assert service.metrics()["queue_active_cap"] == 8
    wanted = {"requestId": "two", "ifVersion": first.json["version"], "owner": "showcall"}
    released = service.manage("POST", "/actuator/active-users/release", wanted).json
    assert (released["ramping"], released["lease"]) == (True, None)
    eventually(lambda: service.manage("GET", "/actuator/active-users").json["value"] == 16)


def test_a_lever_says_what_is_wrong_with_a_request(service: Service) -> None:
    bad = service.manage("POST", "/actuator/admission", {"value": "many"})
    assert bad.status == 400
    assert "value: " in bad.json["message"]
    assert "ifVersion: Field required" in bad.json["message"]
    assert service.manage("POST", "/actuator/admission", b"x" * 100_000).status == 413
    assert service.manage("GET", "/actuator/admission").json["value"] == 100


def test_users_above_a_lowered_cap_are_put_back_over_http(service: Service) -> None:
    tokens = [service.inside() for _ in range(5)]
    service.set_lever("active-users", 2, putBackExcess=True)
    eventually(lambda: [service.number(token) for token in tokens] == [0, 0, 1, 2, 3])
    assert service.ask("GET", DATE, token=tokens[4]).status == 403
    assert "Put 3 active users back at the head of the queue (cap 2)" in service.log()


def test_the_pool_can_be_resized_by_its_lever(service: Service) -> None:
    answer = service.set_lever("hikaricp", 12)
    assert answer.json["value"] == 12
    assert service.manage("GET", "/actuator/hikaricp").json["maximumPoolSize"] == 12
    assert service.metrics()[HIKARI.format("_max")] == 12
    assert service.set_lever("hikaricp", 0).status == 400


def breaker(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.manage("GET", "/actuator/circuitbreakers").json["circuitBreakers"][
        "database"
    ]
    return found


def test_published_records_and_improved_protects(make_service: Callable[..., Service]) -> None:
    published, improved = make_service(profile="published"), make_service(profile="improved")
    assert breaker(published)["state"] == "METRICS_ONLY"
    assert breaker(improved)["state"] == "CLOSED"
    assert published.manage("GET", "/actuator/cache").json["layout"] == "whole-list"
    assert improved.manage("GET", "/actuator/cache").json["layout"] == "page"


def test_published_caches_the_whole_list_for_ever_and_improved_page_by_page(
    make_service: Callable[..., Service], valkey: Valkey
) -> None:
    published, improved = make_service(profile="published"), make_service(profile="improved")
    path = "/api/v1/concerts/query?page=3"
    pages = [service.ask("GET", path).json for service in (published, improved) for _ in range(2)]
    assert all(page == pages[0] for page in pages)
    assert [concert["concertId"] for concert in pages[0]["concerts"]] == list(range(41, 61))
    with valkey.client() as client:
        assert client.ttl("cache:concerts") == -1
        assert 0 < client.ttl("cache:concerts:page:3") <= 600
    cache = published.manage("GET", "/actuator/cache").json
    assert (cache["hits"], cache["misses"]) == (1, 1)


def test_a_breaker_forced_open_refuses_at_once_and_its_counter_stands_still(service: Service) -> None:
    token = service.inside()
    forced = service.manage("POST", "/actuator/circuitbreakers/database", {"updateState": "FORCE_OPEN"}).json
    assert forced["circuitBreakerName"] == "database"
    assert forced["currentState"] == "FORCED_OPEN"
    assert forced["message"] == "database state has been changed successfully"
    assert refused_for_now(service.ask("GET", DATE, token=token))
    assert breaker(service)["notPermittedCalls"] == 1
    metrics = service.metrics()
    assert metrics['resilience4j_circuitbreaker_state{name="database",state="forced_open"}'] == 1
    assert metrics['resilience4j_circuitbreaker_state{name="database",state="metrics_only"}'] == 0
    counter = 'resilience4j_circuitbreaker_not_permitted_calls_total{kind="not_permitted",name="database"}'
    assert metrics[counter] == 0
    service.manage("POST", "/actuator/circuitbreakers/database", {"updateState": "CLOSE"})
    assert service.ask("GET", DATE, token=token).status == 200


def test_a_breakers_lease_ends_by_itself(service: Service) -> None:
    path = "/actuator/circuitbreakers/database"
    version = service.manage("GET", path).json["version"]
    body = {
        "updateState": "FORCE_OPEN",
        "ifVersion": version,
        "requestId": "x",
        "leaseSeconds": 0.5,
        "owner": "showcall",
    }
    held = service.manage("POST", path, body).json
    assert held["lease"]["owner"] == "showcall"
    assert service.manage("POST", path, {**body, "requestId": "y"}).status == 409
    assert service.manage("POST", path, body).json == held
    eventually(lambda: service.manage("GET", path).json["state"] == "METRICS_ONLY")
    assert service.manage("GET", path).json["lease"] is None


def test_an_unknown_breaker_is_not_created(service: Service) -> None:
    for method, body in (("GET", None), ("POST", {"updateState": "FORCE_OPEN"})):
        answer = service.manage(method, "/actuator/circuitbreakers/databse", body)
        assert answer.status == 404
        assert "'databse'" in answer.json["message"]
    assert list(service.manage("GET", "/actuator/circuitbreakers").json["circuitBreakers"]) == ["database"]
    assert breaker(service)["state"] == "METRICS_ONLY"


def test_an_unknown_breaker_state_is_a_bad_request(service: Service) -> None:
    answer = service.manage("POST", "/actuator/circuitbreakers/database", {"updateState": "AJAR"})
    assert answer.status == 400
    assert "'AJAR'" in answer.json["message"]
