"""Evidence of a whole Showcall: before the first action, beside it, and when something is down or hangs."""

import threading
import time
from collections.abc import Callable, Sequence

from alerts import evidence_store
from alerts.evidence import Evidence, EvidenceState, Form, Lines, Pace, Table, Words
from alerts.timeline import TimelineKind
from tests.assembly.assembly_rig import InProcess, Process, Story, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack
from tests.collector.raw_server import serving


def evidence(story: Story) -> Sequence[Evidence]:
    with story.database.reading() as connection:
        return evidence_store.for_incident(connection, 1)


def settled(story: Story) -> Sequence[Evidence]:
    """The evidence once all of it has ended."""

    def ended() -> Sequence[Evidence]:
        found = evidence(story)
        return found if all(each.state is not EvidenceState.TAKING for each in found) else ()

    return eventually(ended, "all evidence has ended")


def by_key(found: Sequence[Evidence]) -> dict[str, Evidence]:
    return {each.traits.key: each for each in reversed(found)}


def upright(found: Evidence) -> dict[str, object]:
    """The first upright table's numbers by their titles."""
    table = next(piece for piece in found.captured.pieces if isinstance(piece, Table) and piece.upright)
    return dict(zip((column.title for column in table.columns), table.rows[0], strict=True))


def test_quick_evidence_is_on_the_timeline_before_the_first_write_to_a_lever(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.surge()
    story = run_here().story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut")
    rows = story.rows(TimelineKind.EVIDENCE, TimelineKind.RUN_STARTED, TimelineKind.LEVER_SET)
    assert rows[0].kind is TimelineKind.EVIDENCE, story.told()
    assert rows[0].details["pace"] == "quick"
    found = by_key(evidence(story))
    quick = [each for each in found.values() if each.traits.pace is Pace.QUICK]
    assert {each.traits.key for each in quick} == {"pool", "threads", "levers", "alerts"}
    assert {each.state for each in quick} == {EvidenceState.TAKEN}
    pool = upright(found["pool"])
    assert (pool["Total"], pool["Active"], pool["Idle"], pool["Max"]) == (10, 10, 0, 10)
    assert isinstance(pool["Waiting"], float)
    assert pool["Waiting"] >= 10
    (words,) = [piece for piece in found["pool"].captured.pieces if isinstance(piece, Words)]
    assert words.text == (
        f"HikariPool-1 - Pool stats (total=10, active=10, idle=0, waiting={pool['Waiting']:.0f})"
    )
    assert words.note == "Computed from the metrics above, not read from a log."
    levers = found["levers"].captured.pieces[0]
    assert isinstance(levers, Table)
    assert ("Cap on active users", "64 users", "64 users", "", None) in {row[:5] for row in levers.rows}


def test_every_number_of_an_upright_table_says_what_it_means(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.surge()
    story = run_here().story
    eventually(lambda: evidence(story), "evidence")
    for each in settled(story):
        for piece in each.captured.pieces:
            if isinstance(piece, Table) and piece.upright:
                assert all(column.meaning for column in piece.columns), piece.title


def test_the_lines_of_the_log_are_kept_in_groups_and_the_redis_in_extract(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    log = site.folder / "concert.log"
    log.write_text("", encoding="utf-8")
    site.target("concert_log", "log", component="service", file=str(log))
    stack.surge()
    stop = threading.Event()

    def write() -> None:
        with log.open("a", encoding="utf-8") as lines:
            while not stop.wait(0.1):
                at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
                waiting = time.monotonic_ns() % 90
                lines.write(
                    f"{at} ERROR HikariPool-1 - Connection is not available, request timed out after 30000ms "
                    f"(total=10, active=10, idle=0, waiting={waiting})\n"
                )
                lines.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        story = run_here().story
        eventually(story.incidents, "the incident")
        found = by_key(settled(story))
    finally:
        stop.set()
        writer.join()
    (lines,) = found["log:concert_log"].captured.pieces
    assert isinstance(lines, Lines)
    assert lines.groups[0].count >= 1
    assert "Connection is not available" in lines.groups[0].template
    assert lines.groups[0].pattern is not None
    redis = upright(found["redis:redis"])
    assert redis["Memory"] == 1_000_000
    slow = [row for row in story.rows(TimelineKind.EVIDENCE) if row.details["pace"] == "slow"]
    assert "last lines of concert_log" in slow[0].text


def test_f16_a_database_that_hangs_loses_no_other_evidence_and_stops_no_action(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    opened: list[float] = []

    def say_nothing(sock: object) -> None:
        opened.append(time.monotonic())
        time.sleep(12)

    with serving(say_nothing) as server:
        site.target("database", "postgresql", component="database", port=server.port, user="showcall")
        stack.surge()
        story = run_here().story
        eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut")
        first = by_key(evidence(story))
        assert first["statements:database"].state is EvidenceState.TAKING, "the action did not wait for it"
        found = by_key(settled(story))
        assert found["statements:database"].state is EvidenceState.FAILED
        assert "gave no whole answer within" in (found["statements:database"].error or "")
        assert found["locks:database"].state is EvidenceState.FAILED
        assert found["redis:redis"].state is EvidenceState.TAKEN
        assert upright(found["redis:redis"])["Memory"] == 1_000_000
        assert found["pool"].state is EvidenceState.TAKEN


def test_killed_while_it_takes_evidence_the_next_one_takes_it_again(
    stack: FakeStack, site: Site, run_apart: Callable[[], Process]
) -> None:
    with serving(lambda sock: time.sleep(4)) as server:
        site.target("database", "postgresql", component="database", port=server.port, user="showcall")
        stack.surge()
        first = run_apart()
        assert first.console.address
        story = first.story
        eventually(lambda: EvidenceState.TAKING in {each.state for each in evidence(story)}, "it is taking")
        first.kill()
        second = run_apart()
        assert second.console.address
        eventually(lambda: {each.taking for each in evidence(story)} >= {1, 2}, "it takes it again")
    states = [(each.taking, each.traits.key, each.state) for each in settled(story)]
    assert (1, "statements:database", EvidenceState.INTERRUPTED) in states
    assert (2, "statements:database", EvidenceState.FAILED) in states
    assert [key for taking, key, _ in states if taking == 2 and key == "pool"] == []


def test_what_a_rule_asks_for_by_promql_is_kept_as_a_table(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    rule = {
        "alert": "Crowd",
        "expr": "hikaricp_connections_pending > 5",
        "labels": {"severity": "critical"},
        "annotations": {"component": "pool", "evidence": "pool\nsum by (pool) (hikaricp_connections)"},
    }
    site.config["alerts"] |= {"rules": [rule], "rule_files": []}
    stack.surge()
    story = run_here().story
    eventually(lambda: evidence(story), "evidence")
    found = by_key(settled(story))
    assert set(found) == {"pool", "queries"}
    (table,) = found["queries"].captured.pieces
    assert isinstance(table, Table)
    assert table.title == "sum by (pool) (hikaricp_connections)"
    assert table.rows == (("pool=HikariPool-1", 10.0),)
    assert table.columns[1].form is Form.NUMBER
