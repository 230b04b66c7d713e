"""The decision: post, edit, tell in the thread, wait or leave."""

import pytest

from alerts.notification import Reason, Standing, Told, Verdict, decide
from alerts.timeline import TimelineKind, TimelineRow

NOW = 1_000_000.0
SAME = Told("head", "body", NOW - 100)


def rows(*kinds: TimelineKind, ago: float = 0.0) -> tuple[TimelineRow, ...]:
    return tuple(TimelineRow(NOW - ago, kind, "", "", 1, id=number) for number, kind in enumerate(kinds, 1))


@pytest.mark.parametrize(
    ("told", "standing", "verdict", "reason", "until"),
    [
        (None, Standing("a", "b", rows(TimelineKind.INCIDENT_OPENED), False),
         Verdict.POST, Reason.FIRST_MESSAGE, None),
        (None, Standing("a", "b", (), False), Verdict.LEAVE, Reason.NOTHING_NEW, None),
        (SAME, Standing("new", "new", rows(TimelineKind.NOTE), False),
         Verdict.EDIT, Reason.STATE_CHANGED, None),
        (Told("head", "body", NOW - 1), Standing("new", "new", (), False),
         Verdict.WAIT, Reason.EDITED_JUST_NOW, NOW + 2),
        (Told("head", "body", NOW - 1), Standing("new", "new", rows(TimelineKind.LEVER_FAILED), False),
         Verdict.THREAD, Reason.NEW_ROWS, None),
        (Told("head", "body", NOW + 500), Standing("new", "new", (), False),
         Verdict.EDIT, Reason.STATE_CHANGED, None),
        (SAME, Standing("head", "numbers", (), False), Verdict.EDIT, Reason.NUMBERS_CHANGED, None),
        (Told("head", "body", NOW - 10), Standing("head", "numbers", (), False),
         Verdict.WAIT, Reason.REFRESH, NOW + 20),
        (Told("head", "body", NOW - 10), Standing("head", "numbers", (), True),
         Verdict.EDIT, Reason.NUMBERS_CHANGED, None),
        (SAME, Standing("head", "body", rows(TimelineKind.NOTE), False),
         Verdict.WAIT, Reason.GATHERING, NOW + 1.5),
        (SAME, Standing("head", "body", rows(TimelineKind.NOTE, ago=2), False),
         Verdict.THREAD, Reason.NEW_ROWS, None),
        (SAME, Standing("head", "body", rows(TimelineKind.LEVER_STEPPED, ago=2), False),
         Verdict.WAIT, Reason.GATHERING, NOW + 8),
        (SAME, Standing("head", "body", rows(TimelineKind.LEVER_STEPPED, TimelineKind.RUN_ASKED), False),
         Verdict.THREAD, Reason.NEW_ROWS, None),
        (SAME, Standing("head", "body", (), False), Verdict.WAIT, Reason.REFRESH, NOW + 30),
        (SAME, Standing("head", "body", (), True), Verdict.LEAVE, Reason.ALL_TOLD, None),
        (Told("head", "body", NOW - 100, editable=False), Standing("new", "new", (), True),
         Verdict.LEAVE, Reason.ALL_TOLD, None),
    ],
)  # fmt: skip
def test_each_situation_has_its_verdict_and_reason(
    told: Told | None, standing: Standing, verdict: Verdict, reason: Reason, until: float | None
) -> None:
    decision = decide(told, standing, NOW)
    assert (decision.verdict, decision.reason, decision.until) == (verdict, reason, until)
