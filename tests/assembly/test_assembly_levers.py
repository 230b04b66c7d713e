"""Levers that fail, hang, lose the answer or deliver late: one effect at most, and people are told."""

from collections.abc import Callable

import pytest

from alerts.timeline import TimelineKind
from runbooks.run import RunState
from tests.assembly.assembly_rig import InProcess, Story, always, eventually
from tests.assembly.fake_lever import Fault, Write
from tests.assembly.fake_stack import FakeStack


def cuts_sent(stack: FakeStack) -> list[Write]:
    """Every delivery of a cut, whatever became of it; only a cut puts the excess back."""
    return [write for write in list(stack.ledger) if write.body.get("putBackExcess")]


def effects(stack: FakeStack) -> list[tuple[object, object]]:
    """Every change of the cap by a write."""
    written = [write for write in list(stack.ledger) if write.lever == "active_users_cap" and write.applied]
    return [(write.before, write.after) for write in written if write.before != write.after]


def ended(story: Story) -> RunState | None:
    run = next(iter(story.runs()), None)
    return run.state if run is not None and run.ended_at is not None else None


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HANG])
def test_f42_a_lever_that_always_fails_is_tried_three_times_with_one_request_id_and_a_person_is_told(
    fault: Fault, stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.cap.steady_fault = fault
    stack.surge()
    story = run_here().story
    eventually(lambda: ended(story) is RunState.FAILED, "the run failed")
    sent = cuts_sent(stack)
    assert len(sent) == 3, story.told()
    assert len({write.request_id for write in sent}) == 1
    assert effects(stack) == []
    assert len(story.rows(TimelineKind.LEVER_UNKNOWN)) == 3
    assert "could not be moved" in story.texts(TimelineKind.LEVER_FAILED)[0]
    assert "a person should look" in story.texts(TimelineKind.RUN_ENDED)[0]
    asked = eventually(lambda: story.texts(TimelineKind.RUN_ASKED), "a person is asked about the next")
    assert "a person decides" in asked[0]
    assert effects(stack) == []


def test_f42_a_lever_that_fails_once_is_cut_with_the_same_request_id(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.cap.write_faults = [Fault.ERROR]
    stack.surge()
    story = run_here().story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut")
    sent = cuts_sent(stack)
    assert [write.status for write in sent] == [None, 200]
    assert len({write.request_id for write in sent}) == 1
    assert effects(stack) == [(64, 8)]
    assert "not known whether active_users_cap was moved" in story.texts(TimelineKind.LEVER_UNKNOWN)[0]


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.SLOW_ANSWER])
def test_f43_a_cut_whose_answer_is_lost_is_seen_at_the_lever_and_not_sent_again(
    fault: Fault, stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.cap.write_faults = [fault]
    stack.surge()
    story = run_here().story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut is known")
    assert len(cuts_sent(stack)) == 1, story.told()
    assert effects(stack) == [(64, 8)]
    assert "reading it back" in story.texts(TimelineKind.LEVER_UNKNOWN)[0]
    assert [run.state for run in story.runs()] == [RunState.HOLDING]


def test_a_write_that_is_delivered_after_its_own_repetition_has_no_second_effect(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.cap.write_faults = [Fault.LATE]
    stack.surge()
    story = run_here().story
    eventually(lambda: story.rows(TimelineKind.LEVER_SET), "the cut")
    eventually(lambda: len(cuts_sent(stack)) == 2, "the late delivery")
    assert [write.applied for write in cuts_sent(stack)] == [True, False]
    assert effects(stack) == [(64, 8)]


def test_f44_a_late_old_write_is_refused_with_409_and_what_a_person_set_stands(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.cap.write_faults = [Fault.LATE]
    stack.surge()
    story = run_here().story
    eventually(lambda: not stack.cap.write_faults, "the cut is on its way")
    stack.cap.take_by_hand(30)
    eventually(lambda: [write.status for write in stack.ledger] == [409], "the late delivery")
    eventually(lambda: ended(story), "the run is over")
    assert stack.cap.reading()["value"] == 30
    assert effects(stack) == []
    assert "no effect any more" in story.texts(TimelineKind.LEVER_UNKNOWN)[-1]
    always(lambda: stack.cap.reading()["value"] == 30, "the person's value stands", seconds=1)
    assert "left alone" in story.texts(TimelineKind.RUN_REFUSED)[-1]


def test_f41_a_lever_that_cannot_be_read_is_not_written(
    stack: FakeStack, run_here: Callable[[], InProcess]
) -> None:
    stack.cap.read_fault = Fault.HANG
    stack.surge()
    story = run_here().story
    refused = eventually(lambda: story.texts(TimelineKind.RUN_REFUSED), "told")
    assert "no complete answer within 0.5 s" in refused[0]
    assert stack.ledger == []
    stack.cap.read_fault = None
    eventually(lambda: stack.cuts, "the cut once it can be read")
