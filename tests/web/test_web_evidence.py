"""Evidence on the incident's page."""

from dataclasses import replace

from alerts import evidence_store, timeline_store
from alerts.evidence import EvidenceState
from alerts.timeline import NewTimelineRow, TimelineKind
from tests.web import frozen_evidence
from tests.web.desk import Desk
from tests.web.frozen_evidence import OPENED, store

ATTACK = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"


def section(desk: Desk, number: int) -> str:
    """The page's part between its heading and the timeline's."""
    page = desk.client.get(f"/incidents/{number}").text
    return page.split("<h2>Evidence</h2>")[1].split("<h2>Timeline</h2>")[0]


def act(desk: Desk, number: int, at: float) -> None:
    with desk.database.transaction() as tx:
        row = NewTimelineRow(at, TimelineKind.LEVER_SET, "first_cut", "cut", number)
        timeline_store.append(tx, row)


def test_an_incident_without_evidence_says_so(desk: Desk) -> None:
    desk.sign_in()
    assert "No evidence has been taken" in section(desk, desk.open_incident())


def test_the_pool_table_has_every_number_with_its_meaning_and_the_line_is_marked_as_computed(
    desk: Desk,
) -> None:
    desk.sign_in()
    number = desk.open_incident()
    store(desk, number, frozen_evidence.pool())
    shown = section(desk, number)
    assert "5.4 s" in shown
    assert "Requests that stand in line for a connection" in shown
    assert "HikariPool-1 - Pool stats (total=10, active=10, idle=0, waiting=27)" in shown
    assert "Computed from the metrics above, not read from a log." in shown
    assert "from Showcall&#39;s own store of metrics" in shown


def test_each_piece_says_when_it_was_taken_seen_from_the_opening_and_from_the_first_action(
    desk: Desk,
) -> None:
    desk.sign_in()
    number = desk.open_incident()
    store(desk, number, frozen_evidence.pool(), frozen_evidence.statements())
    assert "50 ms after the opening · before any action · took 4 ms" in section(desk, number)
    act(desk, number, OPENED + 0.5)
    shown = section(desk, number)
    assert "50 ms after the opening · 450 ms before the first action · took 4 ms" in shown
    assert "900 ms after the opening · 400 ms after the first action · took 120 ms" in shown


def test_what_failed_is_shown_as_failed_with_its_reason(desk: Desk) -> None:
    desk.sign_in()
    number = desk.open_incident()
    store(desk, number, frozen_evidence.pool(), frozen_evidence.redis())
    shown = section(desk, number)
    assert "1 taken, 1 failed" in shown
    assert "badge failed" in shown
    assert "nothing listens on 127.0.0.1:18379" in shown


def test_what_is_being_taken_is_shown_and_replaced_by_what_came_of_it(desk: Desk) -> None:
    desk.sign_in()
    number = desk.open_incident()
    done = frozen_evidence.statements()
    (row,) = store(desk, number, replace(done, state=EvidenceState.TAKING, began_at=None, seconds=None))
    assert "1 still being taken" in section(desk, number)
    with desk.database.transaction() as tx:
        assert evidence_store.finish(tx, replace(done, id=row))
        assert not evidence_store.finish(tx, replace(done, id=row)), "only once"
    assert "being taken" not in section(desk, number)


def test_a_later_taking_says_who_joined_and_those_between_are_folded(desk: Desk) -> None:
    desk.sign_in()
    number = desk.open_incident()
    third = replace(frozen_evidence.log(), taking=3)
    store(desk, number, frozen_evidence.pool(), frozen_evidence.log(), third)
    shown = section(desk, number)
    assert shown.count("When PoolTimeouts joined") == 2
    assert 'data-key="taking-2"' in shown
    assert 'data-key="taking-3"' not in shown
    assert "12×" in shown
    assert "pool_timeout" in shown


def test_s06_markup_in_log_lines_statements_and_reasons_stays_text(desk: Desk) -> None:
    desk.sign_in()
    number = desk.open_incident()
    failed = replace(frozen_evidence.redis(), error=ATTACK, because=ATTACK)
    store(desk, number, frozen_evidence.log(ATTACK), frozen_evidence.statements(ATTACK), failed)
    shown = section(desk, number)
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "<img" not in shown


def test_evidence_of_another_incident_is_not_shown(desk: Desk) -> None:
    desk.sign_in()
    number, other = desk.open_incident(), desk.open_incident()
    store(desk, number, frozen_evidence.pool())
    assert "No evidence has been taken" in section(desk, other)
