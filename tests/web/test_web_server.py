"""The console as it is served: real connections, the event stream beside the pages."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.web.desk import Desk

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def connect(address: str) -> HTTPConnection:
    return HTTPConnection(urlsplit(address).netloc, timeout=5.0)


def test_s10_a_forwarding_header_does_not_buy_more_tries(served: str) -> None:
    connection = connect(served)
    answers = []
    for number in range(11):
        forwarded = {"X-Forwarded-For": f"192.0.2.{number}"}
        connection.request("POST", "/sign-in", body="code=wrong", headers=FORM | forwarded)
        answer = connection.getresponse()
        answer.read()
        answers.append(answer.status)
    assert answers == [401] * 10 + [429]


def test_the_event_stream_is_closed_to_who_has_not_signed_in(served: str) -> None:
    connection = connect(served)
    connection.request("GET", "/events?view=now")
    assert connection.getresponse().status == 401


def test_the_event_stream_brings_the_living_part_of_the_page(served: str, desk: Desk) -> None:
    desk.sign_in()
    cookie = desk.client.get_cookie("showcall_session")
    assert cookie is not None
    connection = connect(served)
    connection.request("GET", "/events?view=now", headers={"Cookie": f"showcall_session={cookie.value}"})
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = [answer.readline().decode() for _ in range(5)]
    assert lines[0] == "event: beat\n"
    assert lines[3] == "event: now\n"
    assert "No current data from redis" in lines[4]
    connection.close()
