"""The console in a real browser: signing in, living pages, nothing wider than a phone."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright import sync_api as playwright

import comparison
from alerts import timeline_store
from alerts.alert_state import Alert, AlertState
from alerts.timeline import NewTimelineRow, TimelineKind
from collector.round import ErrorKind, TargetReport
from runbooks import lever_store
from runbooks.lever_store import KnownLever
from stack.drills.comparison_file import Made
from tests.stack.comparison_story import good_comparison
from tests.web import frozen_evidence
from tests.web.desk import NOW, Desk
from web.server import WebServer
from web.sign_in import new_code

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.xdist_group("chromium"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (make test-deps)"),
]


REPORT = "20261122T160000Z-pool_exhaustion-comparison"
RULE_PAGE = "/alerts/rule?key=service/ErrorRatioHigh"


class Browser:
    """A page with what it complained about."""

    def __init__(self, page: playwright.Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: dialog.accept())

    def sign_in(self, address: str, code: str) -> None:
        self.page.goto(f"{address}/sign-in#code={code}")
        self.page.wait_for_url(f"{address}/")


@pytest.fixture(scope="module")
def chromium() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium: playwright.Browser, request: pytest.FixtureRequest) -> Iterator[Browser]:
    width = getattr(request, "param", 1280)
    context = chromium.new_context(viewport={"width": width, "height": 800})
    yield Browser(context.new_page())
    context.close()


def test_the_printed_link_signs_in_and_leaves_no_code_in_the_address(
    served: str, desk: Desk, browser: Browser
) -> None:
    browser.sign_in(served, new_code(desk.database, "mina", NOW))
    assert "code" not in browser.page.url
    playwright.expect(browser.page.locator("#live")).to_have_text("live")
    assert browser.complaints == []


def test_a_new_timeline_row_and_a_changed_state_appear_without_reloading(
    served: str, desk: Desk, browser: Browser
) -> None:
    number = desk.open_incident()
    browser.sign_in(served, new_code(desk.database, "mina", NOW))
    browser.page.goto(f"{served}/incidents/{number}")
    row = NewTimelineRow(NOW, TimelineKind.LEVER_SET, "applied", "Cap on active users is 8", number)
    with desk.database.transaction() as tx:
        timeline_store.append(tx, row)
    playwright.expect(browser.page.locator("#timeline")).to_contain_text("Cap on active users is 8")
    browser.page.get_by_role("button", name="Acknowledge").click()
    playwright.expect(browser.page.locator("#incident")).to_contain_text("owned by mina")
    playwright.expect(browser.page.locator(".chart canvas").first).to_be_visible()
    assert browser.complaints == []


def test_evidence_appears_without_reloading_and_what_was_unfolded_stays_so(
    served: str, desk: Desk, browser: Browser
) -> None:
    number = desk.open_incident()
    attack = "<img src=x onerror=\"document.title='owned'\">"
    frozen_evidence.store(desk, number, frozen_evidence.pool(), frozen_evidence.statements(attack))
    browser.sign_in(served, new_code(desk.database, "mina", NOW))
    browser.page.goto(f"{served}/incidents/{number}")
    meaning = browser.page.locator("details[data-key='evidence-1-2-1-meaning']")
    meaning.locator("summary").click()
    frozen_evidence.store(desk, number, frozen_evidence.log())
    evidence = browser.page.locator("section.evidence")
    playwright.expect(evidence).to_contain_text("When PoolTimeouts joined")
    playwright.expect(evidence).to_contain_text(frozen_evidence.TIMEOUT)
    assert meaning.get_attribute("open") is not None
    assert browser.page.locator("details[data-key='evidence-2-1-1-1']").get_attribute("open") is None
    assert "owned" not in browser.page.title()
    assert evidence.locator("img").count() == 0
    assert browser.complaints == []


def test_the_kill_switch_asks_first_and_its_button_keeps_the_keyboard_focus(
    served: str, desk: Desk, browser: Browser
) -> None:
    browser.sign_in(served, new_code(desk.database, "mina", NOW))
    browser.page.locator("#kill-on").focus()
    browser.page.wait_for_timeout(2500)
    assert browser.page.evaluate("document.activeElement.id") == "kill-on"
    browser.page.keyboard.press("Enter")
    playwright.expect(browser.page.locator(".flash")).to_contain_text("Kill switch: asked for")


def test_s06_markup_in_a_label_a_title_or_a_note_stays_text(
    served: str, desk: Desk, browser: Browser
) -> None:
    attack = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    number = desk.open_incident(title=attack)
    with desk.database.transaction() as tx:
        timeline_store.append(tx, NewTimelineRow(NOW, TimelineKind.NOTE, "by_user", attack, number))
    browser.sign_in(served, new_code(desk.database, "mina", NOW))
    for path in ("/", "/incidents", f"/incidents/{number}"):
        browser.page.goto(served + path)
        browser.page.wait_for_timeout(1500)
        assert "owned" not in browser.page.title()
        assert browser.page.locator("main img").count() == 0
    assert browser.complaints == []


@pytest.mark.parametrize("browser", [360, 1440], indirect=True)
def test_no_page_is_wider_than_the_screen(served: str, desk: Desk, browser: Browser) -> None:
    number = desk.open_incident(title="Connection pool exhausted: requests wait for a database connection")
    unread = "GET http://127.0.0.1:18081/actuator/circuitbreakers/databaseCommands: connection refused"
    with desk.database.transaction() as tx:
        known = KnownLever("cap", "Cap on active users", "queue", "users", 1000.0, None, NOW, unread)
        lever_store.save(tx, known)
    error = f"{'/folder' * 40}/stack.json does not exist"
    desk.reports.append(
        TargetReport("containers", "local_processes", NOW, 0.0, False, 0, ErrorKind.GONE, error, None)
    )
    frozen_evidence.store(
        desk, number, frozen_evidence.pool(), frozen_evidence.statements(), frozen_evidence.redis(),
        frozen_evidence.log("x" * 600),
    )  # fmt: skip
    browser.sign_in(served, new_code(desk.database, "mina", NOW))
    pages = (
        "/", "/incidents", f"/incidents/{number}", "/account", "/alerts", RULE_PAGE, "/runbooks", "/messages",
        "/status",
    )  # fmt: skip
    for path in pages:
        browser.page.goto(served + path)
        browser.page.wait_for_timeout(500)
        wide, screen = browser.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= screen, path


def test_a_link_of_a_living_list_keeps_the_keyboard_focus_and_leads_to_the_rule_with_its_chart(
    served: str, desk: Desk, browser: Browser
) -> None:
    browser.sign_in(served, new_code(desk.database, "mina", NOW))
    browser.page.goto(f"{served}/alerts")
    browser.page.locator('[id="rule-pool/PoolBacklog"]').focus()
    desk.clock[0] += 5
    playwright.expect(browser.page.locator("main")).to_contain_text("evaluated 5 s ago")
    assert browser.page.evaluate("document.activeElement.id") == "rule-pool/PoolBacklog"
    browser.page.keyboard.press("Enter")
    playwright.expect(browser.page.locator(".chart canvas").first).to_be_visible()
    assert browser.complaints == []


def test_s06_markup_in_an_alert_stays_text_in_the_living_pieces(
    served: str, desk: Desk, browser: Browser
) -> None:
    attack = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    status = desk.statuses[0]
    hostile = Alert(
        rule=attack, labels=(("pool", attack),), annotations={"summary": attack, "description": attack},
        state=AlertState.FIRING, held=AlertState.FIRING, active_at=NOW, fired_at=NOW, resolved_at=None,
        value=1.0, component=None, severity=attack, incident_id=None, rule_key=status.rule.key,
    )  # fmt: skip
    desk.statuses[0] = replace(status, alerts=(hostile,), error=attack)
    browser.sign_in(served, new_code(desk.database, "mina", NOW))
    for path in ("/alerts", f"/alerts/rule?key={status.rule.key}"):
        browser.page.goto(served + path)
        playwright.expect(browser.page.locator("#live")).to_have_text("live")
        browser.page.wait_for_timeout(1200)
        assert "owned" not in browser.page.title()
        assert browser.page.locator("main img").count() == 0
    assert browser.complaints == []


@pytest.fixture
def served_with_a_report(desk: Desk, tmp_path: Path) -> Iterator[str]:
    """The console over a shelf with one whole report on it."""
    made = Made(NOW, "0.1.0", "showcall drill pool_exhaustion --compare")
    comparison.write(good_comparison(), made, tmp_path / "reports", REPORT)
    settings = desk.parts.settings
    web = settings.web.model_copy(update={"port": 0})
    settings = settings.model_copy(update={"web": web, "data_dir": tmp_path})
    server = WebServer(replace(desk.parts, settings=settings))
    server.start()
    yield server.address
    server.stop()


@pytest.mark.parametrize("browser", [360, 1440], indirect=True)
def test_a_report_keeps_its_looks_under_its_policy_and_fits_the_screen(
    served_with_a_report: str, desk: Desk, browser: Browser
) -> None:
    browser.sign_in(served_with_a_report, new_code(desk.database, "mina", NOW))
    for path in ("/reports", f"/reports/{REPORT}"):
        browser.page.goto(served_with_a_report + path)
        wide, screen = browser.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= screen, path
    line = browser.page.locator("svg .line.first").first
    assert line.evaluate("each => getComputedStyle(each).stroke") == "rgb(194, 80, 12)"
    assert browser.page.locator("figure").count() == 8
    assert browser.complaints == []
