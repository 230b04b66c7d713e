"""The whole way of an incident, from the first scrape to the resolved incident, through kills and stops."""

from collections import Counter
from collections.abc import Callable

from alerts.incident import Incident, IncidentState
from alerts.timeline import TimelineKind
from runbooks.run import RunState
from tests.assembly.assembly_rig import InProcess, Process, Story, Visitor, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack


def resolved(story: Story) -> Incident | None:
    return next((found for found in story.incidents() if found.state is IncidentState.RESOLVED), None)


def until_cut(stack: FakeStack, story: Story) -> None:
    """The lever was cut, and the row that says so is written."""
    eventually(lambda: stack.cuts, "the cut")
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the row of the cut")


def renewals(stack: FakeStack) -> int:
    """Writes that only made the lease longer."""
    return sum(write.applied and write.after == write.before for write in list(stack.ledger))


def test_started_in_the_middle_of_an_incident_it_acts_once_and_lets_go_when_demand_is_gone(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.with_shipped_rules()
    stack.surge()
    story = run_here().story
    until_cut(stack, story)
    stack.calm()
    eventually(lambda: resolved(story), "the incident resolved")
    assert len(story.incidents()) == 1, story.told()
    assert [run.state for run in story.runs()] == [RunState.SUCCEEDED]
    assert [(write.before, write.after) for write in stack.cuts] == [(64, 8)]
    assert stack.cap.reading()["value"] == 64
    assert stack.cap.reading()["lease"] is None


def test_f52_killed_in_the_middle_of_an_incident_it_goes_on_with_the_same_run_and_cuts_no_second_time(
    stack: FakeStack, run_apart: Callable[[], Process]
) -> None:
    stack.surge()
    first = run_apart()
    assert first.console.address
    story = first.story
    until_cut(stack, story)
    first.kill()
    before = renewals(stack)
    assert run_apart().console.address
    eventually(lambda: renewals(stack) > before + 1, "the lease renewed by the second Showcall")
    stack.calm()
    eventually(lambda: resolved(story), "the incident resolved")
    assert len(story.incidents()) == 1, story.told()
    assert [run.state for run in story.runs()] == [RunState.SUCCEEDED]
    assert [(write.before, write.after) for write in stack.cuts] == [(64, 8)]
    assert stack.cap.reading()["value"] == 64
    tells_everything_once(story)


def tells_everything_once(story: Story) -> None:
    """Each step of the incident has one row; no row is there twice."""
    kinds = Counter(story.rows_of_kind())
    once = (
        TimelineKind.INCIDENT_OPENED,
        TimelineKind.RUN_PLANNED,
        TimelineKind.RUN_STARTED,
        TimelineKind.LEVER_SET,
        TimelineKind.LEASE_ENDED,
        TimelineKind.RUN_ENDED,
        TimelineKind.INCIDENT_RESOLVED,
    )
    assert {kind: kinds[kind] for kind in once} == dict.fromkeys(once, 1), story.told()
    assert "taken_over" in story.reasons(TimelineKind.SHOWCALL), story.told()
    rows = Counter((row.at, row.kind, row.text) for row in story.rows())
    assert [row for row, count in rows.items() if count > 1] == []


def test_f66_its_console_shows_the_incident_and_sigterm_leaves_the_held_lever_to_its_lease(
    stack: FakeStack, run_apart: Callable[[], Process]
) -> None:
    stack.surge()
    process = run_apart()
    console = process.console
    until_cut(stack, process.story)
    assert console.get("/incidents/1")[0].status == 302, "to the sign-in page"
    assert console.sign_in(process.code) == 303
    answer, page = console.get("/incidents/1")
    assert answer.status == 200
    assert "Connection pool exhausted" in page
    assert "Cap on active users: 64 -&gt; 8 users" in page
    assert "Connection pool exhausted" in console.get("/incidents")[1]
    assert "Cap on active users" in console.get("/")[1]
    assert Visitor(console.address).sign_in(process.code) == 401, "the code works once"
    with console.stream("/events?view=now") as events:
        assert events.readline() == b"event: beat\n"
        assert process.terminate(within=10) == 0, process.said
    assert "Traceback" not in process.said
    assert stack.cap.reading()["value"] == 8
    assert stack.cap.reading()["lease"] is not None
    assert [write.kind for write in stack.ledger if write.kind == "release"] == []


def test_the_target_ramps_back_by_itself_when_showcall_is_dead_and_one_started_later_says_so(
    stack: FakeStack, site: Site, run_apart: Callable[[], Process]
) -> None:
    site.lever("active_users_cap")["lease"] = "3s"
    stack.surge()
    process = run_apart()
    assert process.console.address
    until_cut(stack, process.story)
    process.kill()
    stack.calm()
    written = len(stack.ledger)
    eventually(lambda: stack.cap.reading()["value"] == 64, "back at the baseline")
    assert stack.cap.reading()["lease"] is None
    assert len(stack.ledger) == written
    story = run_apart().story
    eventually(lambda: story.runs()[0].state is RunState.LET_GO, "the run is over")
    assert "the target put it back" in story.texts(TimelineKind.LEASE_ENDED)[0]
    assert len(stack.ledger) == written
