"""The pages of "why not" over a whole Showcall: what they say is what it does."""

import html
from collections.abc import Callable

from tests.assembly.assembly_rig import InProcess, Visitor, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack


def page(visitor: Visitor, path: str) -> str:
    answer, text = visitor.get(path)
    assert answer.status == 200, text
    return html.unescape(text)


def test_while_all_is_quiet_every_rule_and_runbook_says_what_it_waits_for(
    run_here: Callable[[], InProcess],
) -> None:
    running = run_here()
    visitor = running.signed_in()
    eventually(lambda: "of 2 conditions hold: " in page(visitor, "/alerts"), "a rule's line")
    eventually(lambda: "Cap on active users: 64 -> 8 users" in page(visitor, "/runbooks"), "a dry run")
    rules = page(visitor, "/alerts")
    assert "hikaricp_connections_pending is 0, wanted >= " in rules
    assert "up is 1, wanted == 0" in rules
    runbooks = page(visitor, "/runbooks")
    assert "no alert fires; it is for PoolExhausted or PoolBacklog" in runbooks
    assert running.story.runs() == []


def test_in_observe_mode_the_incident_says_why_nobody_acts_and_what_would_be_done(
    stack: FakeStack, site: Site, run_here: Callable[[], InProcess]
) -> None:
    site.config["runbooks"]["mode"] = "observe"
    stack.surge()
    running = run_here()
    visitor = running.signed_in()
    incident = eventually(running.story.incidents, "the incident")[0]

    def said() -> bool:
        return "observe mode (runbooks.mode in config.yaml)" in page(visitor, f"/incidents/{incident.id}")

    eventually(said, "why nobody acts")
    text = page(visitor, f"/incidents/{incident.id}")
    assert "it would do Throttle admission to what the database serves" in text
    assert stack.cuts == []
    assert f"/incidents/{incident.id}" in page(visitor, "/runbooks/throttle_queue")
    assert "firing" in page(visitor, "/alerts")


def test_the_living_pages_send_their_pieces_over_the_event_stream(
    run_here: Callable[[], InProcess],
) -> None:
    running = run_here()
    visitor = running.signed_in()
    eventually(lambda: "took" in page(visitor, "/alerts"), "an evaluation")
    for view, subject in (
        ("alerts", ""),
        ("rule", "pool/PoolExhausted"),
        ("runbooks", ""),
        ("runbook", "throttle_queue"),
    ):
        with visitor.stream(f"/events?view={view}&subject={subject}") as stream:
            lines = [stream.readline().decode() for _ in range(6)]
        told = "".join(lines)
        assert f"event: {view}\n" in told
        assert f'data-live=\\"{view}\\"' in told
