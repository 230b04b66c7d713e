"""A whole Showcall tells Slack what happens, through kill and a broken token, and never says its secrets."""

from collections.abc import Callable, Iterator

import pytest

from alerts.timeline import TimelineKind
from tests.assembly.assembly_rig import InProcess, Process, eventually
from tests.assembly.assembly_site import Site
from tests.assembly.fake_stack import FakeStack
from tests.outbox.fake_slack import CHANNEL, TOKEN, FakeSlack, fake_slack

SIGNING = "canary-signing-secret-1f9c"


@pytest.fixture
def slack(site: Site) -> Iterator[FakeSlack]:
    """A Slack that the site's configuration speaks to."""
    with fake_slack() as running:
        for name, secret in (("slack.token", TOKEN), ("slack.signing", SIGNING)):
            (site.folder / name).write_text(secret, encoding="utf-8")
        site.config["slack"] = {
            "channel": CHANNEL,
            "token_file": str(site.folder / "slack.token"),
            "signing_secret_file": str(site.folder / "slack.signing"),
            "api_url": running.address,
            "users": {"U0KIM": "kim"},
        }
        site.config["web"]["public_url"] = "https://console.test"
        yield running


def test_an_incident_is_told_from_its_opening_to_what_fixed_it(
    stack: FakeStack, slack: FakeSlack, run_here: Callable[[], InProcess]
) -> None:
    stack.surge()
    running = run_here()
    [root] = eventually(slack.roots, "told")
    eventually(lambda: "Cap on active users at 8 users" in root.shown, "what is being done")
    assert "https://console.test/incidents/1" in root.shown
    stack.calm()
    eventually(lambda: "resolved" in root.shown, "the end", within=60)
    assert "Fixed by" in root.shown
    thread = "".join(reply.shown for reply in slack.thread(root))
    assert "Incident opened" in thread
    assert len(slack.roots()) == 1
    metrics = running.console.get("/metrics")[1]
    assert 'showcall_outbox_pending{channel="slack"}' in metrics
    assert 'showcall_notifications_total{channel="slack",outcome="delivered"}' in metrics


def test_f58_s17_a_revoked_token_is_red_everywhere_and_stands_nowhere(
    stack: FakeStack, site: Site, slack: FakeSlack, run_apart: Callable[..., Process]
) -> None:
    slack.token = "xoxb-another"
    stack.surge()
    process = run_apart()
    visitor = process.console
    visitor.sign_in(process.code)
    eventually(lambda: "Slack refuses: invalid_auth" in visitor.get("/")[1], "the banner")
    said = [visitor.get(path)[1] for path in ("/", "/messages", "/health", "/metrics", "/incidents/1")]
    assert "channel:slack" in said[2]
    (site.folder / "slack.token").write_text("xoxb-another", encoding="utf-8")
    eventually(slack.roots, "repaired")
    process.kill()
    again = run_apart()
    eventually(lambda: again.story.rows(TimelineKind.LEVER_SET), "it goes on")
    assert again.console.status("/-/healthy") == 200
    assert len(slack.roots()) == 1
    everything = "\n".join([*said, process.said, again.said])
    for secret in (TOKEN, "xoxb-another", SIGNING):
        assert secret not in everything


def test_without_a_token_nothing_is_sent_and_the_console_says_what_to_set(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.surge()
    running = run_here()
    eventually(running.story.incidents, "an incident")
    page = running.signed_in().get("/messages")[1]
    assert "Nothing is sent." in page
    assert "slack.channel" in page
    assert "Incident 1" in page
