"""Who gets in, with what, and what every answer carries."""

import pytest
from sqlalchemy import text

from tests.web.desk import NOW, Desk
from web.security import same_site_path
from web.session_store import Role
from web.sign_in import new_code

OPEN = {
    "/sign-in", "/-/healthy", "/-/ready", "/health", "/metrics", "/slack/interactions",
}  # fmt: skip
READING = "/api/v1/"
"""Questions that may be asked by POST too, because they are long."""


def routes(desk: Desk) -> list[tuple[str, str]]:
    return [
        (method, rule.rule.replace("<int:incident_id>", "1").replace("<name>", "slack"))
        for rule in desk.client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    ]


def test_s14_every_route_that_is_not_on_the_list_of_open_ones_asks_for_a_session(desk: Desk) -> None:
    found = {
        path: desk.client.open(path, method=method, headers={"Accept": "application/json"}).status_code
        for method, path in routes(desk)
        if path not in OPEN
    }
    assert set(found.values()) == {401}


def test_s14_a_viewer_is_refused_by_every_route_that_acts(desk: Desk) -> None:
    token = desk.sign_in("vera", Role.VIEWER)
    own = {"/sign-out", "/password", "/sign-in"}
    found = {
        path: desk.client.post(path, data={"csrf_token": token}).status_code
        for method, path in routes(desk)
        if method == "POST" and path not in own | OPEN and not path.startswith(READING)
    }
    assert found
    assert set(found.values()) == {403}


def test_s07_a_form_without_the_sessions_token_is_refused(desk: Desk) -> None:
    desk.sign_in()
    assert desk.client.post("/kill-switch/on", data={"csrf_token": "guess"}).status_code == 403
    assert desk.client.post("/kill-switch/on").status_code == 403


def test_s07_a_form_from_another_site_is_refused_even_with_the_token(desk: Desk) -> None:
    token = desk.sign_in()
    sent = {"csrf_token": token}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert desk.client.post("/kill-switch/on", data=sent, headers=headers).status_code == 403


def test_a_one_time_code_works_once(desk: Desk) -> None:
    code = new_code(desk.database, "mina", NOW)
    assert desk.client.post("/sign-in", data={"code": code}).status_code == 303
    assert desk.client.post("/sign-in", data={"code": code}).status_code == 401


def test_a_one_time_code_expires_after_15_minutes(desk: Desk) -> None:
    code = new_code(desk.database, "mina", NOW)
    desk.clock[0] = NOW + 901
    assert desk.client.post("/sign-in", data={"code": code}).status_code == 401


def test_s10_an_address_that_failed_ten_times_waits_five_minutes(desk: Desk) -> None:
    tries = [
        desk.client.post(
            "/sign-in", data={"code": "wrong"}, environ_base={"REMOTE_ADDR": "192.0.2.7"}
        ).status_code
        for _ in range(11)
    ]
    assert tries == [401] * 10 + [429]
    code = new_code(desk.database, "mina", NOW)
    assert desk.client.post("/sign-in", data={"code": code}).status_code == 303
    desk.clock[0] = NOW + 301
    later = desk.client.post("/sign-in", data={"code": "wrong"}, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert later.status_code == 401


def test_s09_a_session_is_dead_once_it_is_signed_out(desk: Desk) -> None:
    token = desk.sign_in()
    cookie = desk.client.get_cookie("showcall_session")
    assert cookie is not None
    desk.client.post("/sign-out", data={"csrf_token": token})
    desk.client.set_cookie("showcall_session", cookie.value)
    assert desk.client.get("/", headers={"Accept": "application/json"}).status_code == 401


@pytest.mark.parametrize(("step", "turns"), [(1801.0, 1), (1700.0, 26)])
def test_a_session_ends_after_half_an_hour_idle_or_twelve_hours_in_all(
    desk: Desk, step: float, turns: int
) -> None:
    desk.sign_in()
    for _ in range(turns):
        desk.clock[0] += step
        answer = desk.client.get("/", headers={"Accept": "application/json"}).status_code
    assert answer == 401


def test_s09_setting_a_password_ends_every_session_and_the_password_then_signs_in(desk: Desk) -> None:
    token = desk.sign_in("mina")
    desk.client.post("/password", data={"csrf_token": token, "password": "correct horse battery"})
    assert desk.client.get("/", headers={"Accept": "application/json"}).status_code == 401
    wrong = desk.client.post("/sign-in", data={"name": "mina", "password": "not this one at all"})
    right = desk.client.post("/sign-in", data={"name": "mina", "password": "correct horse battery"})
    assert (wrong.status_code, right.status_code) == (401, 303)


def test_s13_the_database_holds_neither_codes_nor_session_ids_nor_passwords(desk: Desk) -> None:
    token = desk.sign_in("mina")
    desk.client.post("/password", data={"csrf_token": token, "password": "correct horse battery"})
    waiting = new_code(desk.database, "mina", NOW)
    code = new_code(desk.database, "mina", NOW)
    desk.client.post("/sign-in", data={"code": code})
    cookie = desk.client.get_cookie("showcall_session")
    assert cookie is not None
    with desk.database.reading() as connection:
        stored = str(
            [
                list(connection.execute(text(f"select * from {name}")))
                for name in ("users", "sessions", "sign_in_codes")
            ]
        )
    for secret in (waiting, code, cookie.value, "correct horse battery"):
        assert secret not in stored


def test_s19_every_answer_carries_the_headers(desk: Desk) -> None:
    for path in ("/sign-in", "/-/healthy", "/nowhere", "/static/showcall.css"):
        headers = desk.client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(desk: Desk) -> None:
    code = new_code(desk.database, "mina", NOW)
    plain = desk.client.post("/sign-in", data={"code": code}).headers["Set-Cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    code = new_code(desk.database, "mina", NOW)
    secure = desk.client.post("/sign-in", data={"code": code}, base_url="https://console.example")
    assert secure.headers["Set-Cookie"].startswith("__Host-showcall_session=")
    assert "Secure" in secure.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("/incidents/3?x=1", "/incidents/3?x=1"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_s20_the_way_on_after_signing_in_stays_on_this_site(wanted: str, kept: str) -> None:
    assert same_site_path(wanted) == kept


def test_s23_a_page_that_breaks_shows_an_id_and_no_trace(desk: Desk) -> None:
    desk.sign_in()
    desk.reports.append(None)  # type: ignore[arg-type]
    answer = desk.client.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert "The log has the reason under" in answer.text
    assert "Traceback" not in answer.text
    assert "NoneType" not in answer.text


def test_a_new_code_leaves_the_role_of_a_user_as_it_is(desk: Desk) -> None:
    desk.sign_in("vera", Role.VIEWER)
    desk.client.post("/sign-in", data={"code": new_code(desk.database, "vera", NOW)})
    assert "Role: viewer" in desk.client.get("/account").text


def test_expired_sessions_are_forgotten_when_somebody_signs_in(desk: Desk) -> None:
    desk.sign_in("mina")
    desk.clock[0] = NOW + 5000
    desk.sign_in("juno")
    with desk.database.reading() as connection:
        assert connection.execute(text("select user from sessions")).scalars().all() == ["juno"]
