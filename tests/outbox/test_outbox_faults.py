"""Slack in trouble: limits, errors, silence, lost answers, refusals, storms. Nothing is lost."""

from email.utils import formatdate

import pytest

from alerts.delivery import DeliveryState
from alerts.outbox import Moment, Outcome
from alerts.timeline import TimelineKind
from tests.outbox.fake_slack import TOKEN, Step
from tests.outbox.outbox_rig import Rig


class Killed(BaseException):
    """Stands for the end of the process."""


def killed_at(wanted: Moment) -> object:
    def hook(moment: Moment) -> None:
        if moment is wanted:
            raise Killed

    return hook


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "1"}, 1.0),
        ({"Retry-After": "30"}, 30.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": formatdate(1_790_000_030, usegmt=True), "Date": formatdate(1_790_000_010)}, 20.0),
        ({}, 30.0),
    ],
    ids=["1", "30", "1.5", "date", "missing"],
)
def test_f55_a_limit_is_waited_out_as_told_and_order_is_kept(
    rig: Rig, headers: dict[str, str], seconds: float
) -> None:
    number = rig.open()
    rig.settle()
    rig.slack.script.append(Step(status=429, headers=headers))
    rig.tell(number, "first thing", TimelineKind.LEVER_FAILED)
    rig.turn_for(1.5, 0.25)
    rig.tell(number, "second thing", TimelineKind.LEVER_FAILED)
    limited_at = next(call for call in rig.slack.calls if call.status == 429)
    started = rig.now
    while "first thing" not in rig.told() and rig.now < started + 60:
        rig.worker.turn()
        rig.pass_time(0.25)
    assert seconds - 1.5 <= rig.now - started <= seconds + 2
    rig.settle()
    said = rig.told()
    assert said.index("first thing") < said.index("second thing")
    assert said.count("first thing") == said.count("second thing") == 1
    assert limited_at.method == "chat.postMessage"


def test_f55_a_limit_holds_through_a_restart(rig: Rig) -> None:
    rig.slack.script.append(Step(status=429, headers={"Retry-After": "30"}))
    rig.open()
    rig.worker.turn()
    rig.restarted()
    rig.turn_for(29)
    assert rig.slack.roots() == []
    rig.turn_for(3)
    assert len(rig.slack.roots()) == 1


def test_f11_a_clock_set_back_does_not_make_a_limit_longer(rig: Rig) -> None:
    rig.slack.script.append(Step(status=429, headers={"Retry-After": "30"}))
    rig.open()
    rig.turn_for(5)
    rig.clock[0] -= 3600
    rig.turn_for(24)
    assert rig.slack.roots() == []
    rig.turn_for(4)
    assert len(rig.slack.roots()) == 1


def test_f11_a_clock_set_back_does_not_make_a_pause_between_tries_longer(rig: Rig) -> None:
    rig.slack.script.extend([Step(status=503)] * 2)
    rig.open()
    rig.turn_for(1)
    rig.clock[0] -= 3600
    rig.turn_for(10)
    assert len(rig.slack.roots()) == 1


def test_f11_news_are_told_at_once_after_the_clock_was_set_back(rig: Rig) -> None:
    number = rig.open()
    rig.turn_for(10)
    rig.clock[0] -= 3600
    rig.tell(number, "after the clock was set")
    rig.turn_for(10)
    assert rig.told().count("after the clock was set") == 1
    rig.resolve(number)
    rig.turn_for(10)
    assert "Incident 1 resolved" in rig.slack.roots()[0].text


@pytest.mark.parametrize(
    "trouble",
    [
        Step(status=500), Step(status=502), Step(status=503), Step(cut=True), Step(status=500, applied=True),
        Step(hang=1.3), Step(error="internal_error"), Step(error="something_new"),
    ],
    ids=["500", "502", "503", "reset", "500 after it was applied", "timeout", "internal", "unknown error"],
)  # fmt: skip
def test_f56_trouble_is_retried_with_growing_pauses_and_says_everything_once(rig: Rig, trouble: Step) -> None:
    rig.slack.script.extend([trouble, trouble])
    number = rig.open()
    rig.turn_for(1)
    rig.tell(number, "while in trouble")
    rig.settle()
    assert len(rig.slack.roots()) == 1
    assert rig.told().count("while in trouble") == 1
    assert rig.status().channel.failures == 0


def test_f56_a_name_that_does_not_resolve_and_a_closed_port_are_retried(rig: Rig) -> None:
    slack = rig.worker.channel
    working, slack.api_url = slack.api_url, "http://nowhere.invalid/api/"  # type: ignore[attr-defined]
    rig.open()
    rig.turn_for(3)
    assert "cannot be resolved" in rig.status().channel.wait_reason
    slack.api_url = "http://127.0.0.1:1/api/"  # type: ignore[attr-defined]
    rig.turn_for(70)
    assert "refuses the connection" in rig.status().channel.wait_reason
    slack.api_url = working  # type: ignore[attr-defined]
    rig.settle()
    assert len(rig.slack.roots()) == 1


def test_f56_what_could_not_be_told_for_a_day_is_a_visible_dead_letter(rig: Rig) -> None:
    rig.slack.script.extend(Step(status=503) for _ in range(5000))
    number = rig.open()
    rig.resolve(number)
    rig.turn_for(24 * 3600 + 900, 300)
    assert rig.status().dead == 1
    dead = rig.delivery(number)
    assert dead.state is DeliveryState.DEAD
    assert dead.reason == "not delivered within 24 h: Slack answers HTTP 503"
    rig.slack.script.clear()
    rig.tell(number, "a late note")
    rig.settle()
    assert "a late note" in rig.told()


@pytest.mark.parametrize("trouble", [Step(applied=True, cut=True), Step(applied=True, hang=1.3)])
def test_f57_a_message_whose_answer_was_lost_is_found_again(rig: Rig, trouble: Step) -> None:
    rig.open("Somebody else's", severity="warning")
    for _ in range(5):
        rig.tell(None, "noise", TimelineKind.DIGEST)
    rig.slack.script.append(trouble)
    number = rig.open()
    rig.settle()
    assert sum("Connection pool exhausted" in root.shown for root in rig.slack.roots()) == 1
    rig.slack.script.append(trouble)
    rig.tell(number, "told in the thread", TimelineKind.LEVER_FAILED)
    rig.turn_for(0.5)
    rig.tell(number, "and after it", TimelineKind.LEVER_FAILED)
    rig.settle()
    assert rig.told().count("told in the thread") == 1
    assert rig.told().count("and after it") == 1


def test_f57_without_the_scope_for_looking_it_is_sent_again_rather_than_lost(rig: Rig) -> None:
    rig.slack.script.extend(
        [
            Step(applied=True, cut=True),
            Step(error="missing_scope", only="conversations.history"),
        ]
    )
    rig.open()
    rig.settle()
    assert len(rig.slack.roots()) == 2


@pytest.mark.parametrize("code", ["invalid_auth", "account_inactive", "token_revoked", "channel_not_found"])
def test_f58_a_refusal_stops_the_channel_keeps_the_rows_and_says_why(rig: Rig, code: str) -> None:
    number = rig.open()
    rig.settle()
    rig.slack.script.extend(Step(error=code) for _ in range(50))
    rig.tell(number, "kept", TimelineKind.LEVER_FAILED)
    rig.turn_for(60)
    asked = len(rig.slack.calls)
    rig.turn_for(600, 5)
    assert len(rig.slack.calls) == asked
    assert rig.status().channel.blocked_reason == f"Slack refuses: {code}"
    assert rig.status().pending == 1
    rig.slack.script.clear()
    rig.restarted()
    rig.settle()
    assert rig.told().count("kept") == 1


def test_f58_a_repaired_token_goes_on_where_it_stopped(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    rig.slack.token = "xoxb-new"
    rig.tell(number, "waits for the token", TimelineKind.LEVER_FAILED)
    rig.turn_for(60)
    assert rig.status().channel.blocked_at is not None
    rig.token_file.write_text("xoxb-new", encoding="utf-8")
    rig.settle()
    assert rig.told().count("waits for the token") == 1
    assert rig.status().channel.blocked_at is None


def test_f58_a_missing_token_file_stops_the_channel_until_it_is_there(rig: Rig) -> None:
    rig.token_file.unlink()
    rig.open()
    rig.turn_for(5)
    assert "slack.token_file" in rig.status().channel.blocked_reason
    assert "No such file" in rig.status().channel.blocked_reason
    rig.token_file.write_text(TOKEN, encoding="utf-8")
    rig.settle()
    assert len(rig.slack.roots()) == 1


def test_f59_six_hours_of_silence_and_ten_thousand_events_become_summaries(rig: Rig) -> None:
    rig.slack.script.extend(Step(status=503) for _ in range(5000))
    numbers = [rig.open(f"Trouble {number}", "warning") for number in range(10)]
    for _ in range(6):
        for number in numbers:
            rig.tell_many(number, [f"alert of {number}"] * 170)
            rig.tell(number, f"a person's note on {number}")
        rig.turn_for(3600, 60)
    critical = rig.open("The critical one")
    assert rig.status().pending == 10
    rig.slack.script.clear()
    before = len(rig.slack.calls)
    began = rig.now
    rig.settle()
    posts = [call for call in rig.slack.calls[before:] if call.method == "chat.postMessage"]
    assert "The critical one" in str(posts[0].arguments)
    assert len(posts) <= 2 * 11
    assert rig.now - began <= 60 + 1.5 * len(rig.slack.calls[before:])
    for number in numbers:
        root = next(root for root in rig.slack.roots() if f"Incident {number}:" in root.shown)
        thread = "".join(reply.shown for reply in rig.slack.thread(root))
        assert f"a person's note on {number}" in thread
        assert "more events in this time" in thread
    assert rig.delivery(critical).through == rig.delivery(critical).newest


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("what", ["root", "thread", "edit"])
def test_f60_killed_at_any_point_of_an_attempt_nothing_is_doubled_or_lost(
    rig: Rig, moment: Moment, what: str
) -> None:
    number = rig.open()
    if what != "root":
        rig.settle()
        rig.pass_time(5)
        rig.tell(number, "thread row", TimelineKind.LEVER_FAILED)
    if what == "edit":
        rig.resolve(number)
    rig.restarted(killed_at(moment))  # type: ignore[arg-type]
    with pytest.raises(Killed):
        rig.turn_for(10)
    rig.restarted()
    rig.tell(number, "after the restart")
    rig.settle()
    assert len(rig.slack.roots()) == 1
    assert rig.told().count("after the restart") == 1
    assert rig.told().count("thread row") == (0 if what == "root" else 1)


def test_a_full_disk_after_sending_does_not_send_twice(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from alerts import outbox_attempt_store

    rig.open()
    with monkeypatch.context() as broken:
        broken.setattr(outbox_attempt_store, "settle_delivered", _no_room)
        with pytest.raises(OSError, match="no room"):
            rig.turn_for(5)
    assert len(rig.slack.roots()) == 1
    rig.settle()
    assert len(rig.slack.roots()) == 1
    assert rig.count(Outcome.DELIVERED) >= 1


def _no_room(*_: object, **__: object) -> None:
    raise OSError("no room")


def test_the_token_stands_in_no_stored_text(rig: Rig) -> None:
    rig.slack.token = "xoxb-other"
    rig.open()
    rig.turn_for(5)
    rig.token_file.write_text(f"{TOKEN} with spaces\n", encoding="utf-8")
    rig.turn_for(5)
    with rig.database.reading() as connection:
        for table in ("outbox_channels", "outbox_deliveries", "timeline"):
            assert TOKEN not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
    assert "unprintable" in rig.status().channel.blocked_reason
