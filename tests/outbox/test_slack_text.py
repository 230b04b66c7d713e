"""Text on its way to Slack: nothing that people or labels wrote can mention, link or format; limits hold."""

import json
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.incident import Incident, IncidentState, Peak
from alerts.message import root_message
from alerts.slack.answers import retry_after
from alerts.slack.blocks import Payload, root_payload, row_payload, thread_payload
from alerts.slack.text import escaped, link
from alerts.thread_message import thread_message
from alerts.timeline import TimelineKind, TimelineRow
from tests.outbox.outbox_rig import START, an_action

ATTACKS = ["<!channel>", "<!here|x>", "<@U012AB3CD>", "<https://evil.test|click>", "a & b", "<!subteam^S1>"]


def an_incident(title: str) -> Incident:
    peaks = {f"pool.{number}": Peak("waiting", 1.0, "", title, START) for number in range(30)}
    return Incident(7, title, IncidentState.OPEN, "pool", "critical", START, acknowledged_by=None, peak=peaks)


def row(number: int, text: str, kind: TimelineKind = TimelineKind.NOTE) -> TimelineRow:
    return TimelineRow(START + number, kind, "test", text, 7, id=number)


def root(title: str) -> Payload:
    action = replace(an_action(7, START + 60), doing=title, title=title)
    return root_payload(root_message(an_incident(title), (action,) * 12, None, "http://console.test"), "abc")


def within_limits(payload: Payload) -> None:
    assert len(payload.blocks) <= 50
    assert len(payload.text) <= 3000
    for block in payload.blocks:
        if block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3000  # type: ignore[index,arg-type,call-overload]
    assert len(json.dumps(payload.blocks)) < 40_000


@pytest.mark.parametrize("attack", ATTACKS)
def test_f61_nobody_is_mentioned_and_nothing_is_linked_by_what_labels_say(attack: str) -> None:
    rows = [row(1, attack)]
    for payload in (
        root(attack),
        thread_payload(thread_message(rows, 0, 1), "http://console.test"),
        row_payload(rows[0], "http://console.test"),
    ):
        said = payload.text + json.dumps(payload.blocks, ensure_ascii=False)
        assert attack not in said
        assert escaped(attack) in said


@pytest.mark.parametrize("size", [1, 700, 3000, 40_001])
@pytest.mark.parametrize("character", ["x", "&", "<", "*", "김"])
def test_f61_long_texts_are_cut_with_a_link_to_the_rest(size: int, character: str) -> None:
    text = character * size
    within_limits(root(text))
    thread = thread_payload(
        thread_message([row(n, text) for n in range(1, 29)], 0, 28), "http://console.test"
    )
    within_limits(thread)
    within_limits(row_payload(row(1, f"{text}\n" * 60), "http://console.test"))
    if size >= 3000:
        assert "all of it in the console" in json.dumps(thread.blocks)


def test_f61_formatting_at_the_edges_of_words_is_taken_apart() -> None:
    assert "*bold*" not in escaped("this is *bold* and `code` and ~gone~")
    assert escaped("concert_date_query") == "concert_date_query"


HOSTILE = "<>&|!@#*_~` \n\r\x00\u202e\u200bU0C" + string.ascii_letters


@given(st.text(alphabet=st.sampled_from(HOSTILE), max_size=80))
def test_f61_no_text_gets_out_of_its_place(text: str) -> None:
    safe = escaped(text)
    assert "<" not in safe
    assert ">" not in safe
    assert "\n" not in safe
    labelled = link("http://console.test/incidents/7", text)
    assert labelled.count("<") == labelled.count(">") == labelled.count("|") == 1


@given(
    st.lists(st.tuples(st.sampled_from(list(TimelineKind)), st.integers(0, 3000)), min_size=1, max_size=80),
    st.integers(0, 3),
)
def test_a_thread_covers_every_row_once_in_order(rows: list[tuple[TimelineKind, int]], left_out: int) -> None:
    left = [row(number, "x" * size, kind) for number, (kind, size) in enumerate(rows, 1)]
    newest = left[-1].id
    seen = 0
    while left:
        message = thread_message(left, left_out, newest)
        assert message.through > seen
        within_limits(thread_payload(message, "http://console.test"))
        seen, left = message.through, [each for each in left if each.id > message.through]
    assert seen == newest


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1), ("1.5", 1.5), ("0", 0), ("-5", 0), ("99999", 3600), ("soon", 30), ("", 30), ("nan", 30),
        ("inf", 3600), ("1e3", 1000), ("Sun, 22 Nov 2026 16:00:20 GMT", 20), ("Sun, 99 Nov 2026", 30),
    ],
)  # fmt: skip
def test_f55_every_form_of_retry_after_is_understood(text: str, seconds: float) -> None:
    now = 1_795_363_200.0
    assert retry_after({"retry-AFTER": text}, now) == seconds
