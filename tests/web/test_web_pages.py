"""What the pages show."""

from alerts.incident import IncidentState
from collector.round import TargetReport
from runbooks import lease_store, lever_store, request_store
from runbooks.lease import Lease, LeasePhase
from runbooks.lever import LeverLease, LeverReading
from runbooks.lever_store import KnownLever
from runbooks.request import RequestKind
from tests.web.desk import NOW, Desk


def hold_the_cap(desk: Desk, incident_id: int) -> None:
    with desk.database.transaction() as tx:
        lease_store.save(
            tx,
            Lease(
                lever="active_users_cap", run_key="throttle_queue-1-1", runbook="throttle_queue",
                component="queue", incident_id=incident_id, value=8.0, baseline=1000.0, unit="users",
                since=NOW - 30, until=NOW + 50, phase=LeasePhase.HELD,
                doing="Holding at 8 until the backlog is gone", next_at=NOW + 7,
            ),
        )  # fmt: skip


def test_now_says_that_all_is_quiet_when_it_is(desk: Desk) -> None:
    desk.sign_in()
    desk.reports[1:] = []
    desk.numbers.values = {}
    page = desk.client.get("/").text
    assert "All quiet" in page
    assert "every lever is where it belongs" in page


def test_now_names_the_target_whose_data_is_missing(desk: Desk) -> None:
    desk.sign_in()
    page = desk.client.get("/").text
    assert "No current data from redis" in page
    assert "nothing listens" in page
    assert "1 min 15 s" in page


def test_now_shows_the_incident_what_is_saturated_and_the_held_lever_with_its_countdown(desk: Desk) -> None:
    desk.sign_in()
    hold_the_cap(desk, desk.open_incident())
    page = desk.client.get("/").text
    assert "Connection pool exhausted" in page
    assert "badge saturated" in page
    assert "Holding at 8 until the backlog is gone" in page
    assert "of 1000 users" in page
    assert "in 7 s" in page


def test_a_component_is_unknown_while_its_facts_are_old(desk: Desk) -> None:
    desk.sign_in()
    desk.numbers.age = 42.0
    page = desk.client.get("/").text
    assert "badge unknown" in page
    assert "badge saturated" not in page


def test_the_page_stands_even_when_no_query_can_be_answered(desk: Desk) -> None:
    desk.sign_in()
    desk.numbers.broken = True
    page = desk.client.get("/")
    assert page.status_code == 200
    assert "no data" in page.text


def test_what_stands_in_for_containers_is_called_simulated(desk: Desk) -> None:
    desk.sign_in()
    desk.reports.append(TargetReport("containers", "local_processes", NOW, 0.0, True, 9, None, None, NOW))
    assert "badge simulated" in desk.client.get("/").text


def test_the_incident_page_has_why_timeline_levers_and_charts(desk: Desk) -> None:
    desk.sign_in()
    number = desk.open_incident()
    page = desk.client.get(f"/incidents/{number}").text
    assert "database serves 4.9/s" in page
    assert "27 requests" in page
    assert "sum(hikaricp_connections_pending)" in page
    charts = desk.json(f"/incidents/{number}/charts.json")
    assert [chart["key"] for chart in charts["charts"]][:3] == ["latency", "pool", "queue"]


def test_an_unknown_incident_is_404_and_says_so(desk: Desk) -> None:
    desk.sign_in()
    answer = desk.client.get("/incidents/4711", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no incident 4711" in answer.text


def test_acknowledging_marks_the_incident_once_and_appears_on_its_timeline(desk: Desk) -> None:
    token = desk.sign_in("mina")
    number = desk.open_incident()
    for _ in range(2):
        desk.client.post(f"/incidents/{number}/acknowledge", data={"csrf_token": token})
    page = desk.client.get(f"/incidents/{number}").text
    assert "owned by mina" in page
    assert page.count("Acknowledged by mina") == 1


def test_a_note_is_escaped_wherever_it_appears(desk: Desk) -> None:
    token = desk.sign_in()
    number = desk.open_incident()
    sent = {"csrf_token": token, "text": "<img src=x onerror=alert(1)>"}
    desk.client.post(f"/incidents/{number}/notes", data=sent)
    page = desk.client.get(f"/incidents/{number}").text
    assert "&lt;img src=x" in page
    assert "<img src=x" not in page


def test_a_note_that_is_too_long_is_refused_whole_and_says_how_long_it_may_be(desk: Desk) -> None:
    token = desk.sign_in()
    number = desk.open_incident()
    sent = {"csrf_token": token, "text": "x" * 4001}
    page = desk.client.post(f"/incidents/{number}/notes", data=sent, follow_redirects=True).text
    assert "4001 characters; at most 4000" in page


def test_the_buttons_write_requests_and_turn_nothing_themselves(desk: Desk) -> None:
    token = desk.sign_in("mina")
    for path, extra in [
        ("/kill-switch/on", {}),
        ("/kill-switch/off", {}),
        ("/leases/release", {"run_key": "throttle_queue-1-1"}),
        ("/runs/approve", {"run_key": "trip_breaker-1-1", "plan_hash": "abc"}),
        ("/runs/refuse", {"run_key": "trip_breaker-1-1", "plan_hash": "abc"}),
    ]:
        assert desk.client.post(path, data={"csrf_token": token, **extra}).status_code == 303
    with desk.database.reading() as connection:
        asked = request_store.open_requests(connection)
    assert [row.kind for row in asked] == [
        RequestKind.KILL_SWITCH_ON,
        RequestKind.KILL_SWITCH_OFF,
        RequestKind.RELEASE,
        RequestKind.APPROVE,
        RequestKind.REFUSE,
    ]
    assert {row.who for row in asked} == {"mina"}
    assert asked[3].plan_hash == "abc"


def test_the_list_has_the_newest_incident_first(desk: Desk) -> None:
    desk.sign_in()
    desk.open_incident(state=IncidentState.RESOLVED, resolved_at=NOW, title="Old one")
    desk.open_incident(title="New one")
    page = desk.client.get("/incidents").text
    assert page.index("New one") < page.index("Old one")


def see_lever(desk: Desk, value: float, error: str | None = None, lease: LeverLease | None = None) -> None:
    reading = LeverReading(value, 1000.0, 7, lease, NOW)
    known = KnownLever(
        "active_users_cap", "Cap on active users", "queue", "users", 1000.0, reading, NOW, error
    )
    with desk.database.transaction() as tx:
        lever_store.save(tx, known)


def test_a_lever_that_a_run_holds_is_told_once_with_its_lease(desk: Desk) -> None:
    desk.sign_in()
    hold_the_cap(desk, desk.open_incident())
    see_lever(desk, 8.0, lease=LeverLease("showcall", "throttle_queue-1-1", NOW + 50))
    page = desk.client.get("/").text
    assert "Holding at 8 until the backlog is gone" in page
    assert "instead of 1000 users" not in page


def test_a_lever_that_a_person_moved_is_not_called_all_quiet(desk: Desk) -> None:
    desk.sign_in()
    desk.reports[1:] = []
    see_lever(desk, 20.0)
    page = desk.client.get("/").text
    assert "All quiet" not in page
    assert "Cap on active users: 20 instead of 1000 users, nobody holds it" in page


def test_a_lever_that_cannot_be_read_is_said_to_be_unknown(desk: Desk) -> None:
    desk.sign_in()
    desk.reports[1:] = []
    see_lever(desk, 1000.0, error="timeout after 1 s")
    page = desk.client.get("/").text
    assert "All quiet" not in page
    assert "Cap on active users: cannot be read (timeout after 1 s)" in page
