"""What people see in Slack: one message per incident, edited in place, its timeline in the thread."""

import contextlib
from dataclasses import replace

from alerts import incident_store, outbox_channel_store
from alerts.timeline import TimelineKind
from tests.outbox.fake_slack import Step
from tests.outbox.outbox_rig import CONSOLE, Rig, an_action


def test_an_incident_is_one_message_with_its_timeline_in_the_thread(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    rig.tell(number, "Queue throttled", TimelineKind.LEVER_SET)
    rig.settle()
    [root] = rig.slack.roots()
    assert "Incident 1" in root.shown
    assert "open · critical" in root.shown
    assert "nobody yet" in root.shown
    assert "pool waiting 27 requests" in root.shown
    assert f"{CONSOLE}/incidents/1" in root.shown
    assert root.has_button
    assert "Queue throttled" in "".join(reply.shown for reply in rig.slack.thread(root))


def test_the_message_follows_owner_action_and_resolution(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    with rig.database.transaction() as tx:
        incident_store.acknowledge(tx, number, "kim", rig.now)
    rig.actions.append(an_action(number, rig.now + 60))
    rig.tell(number, "Cap on active users set to 8", TimelineKind.LEVER_SET)
    rig.pass_time(5)
    rig.settle()
    [root] = rig.slack.roots()
    assert "kim, since" in root.shown
    assert "Cap on active users at 8 users (baseline 1,000 users) until" in root.shown
    assert not root.has_button
    rig.actions.clear()
    rig.pass_time(200)
    rig.resolve(number)
    rig.settle()
    assert "resolved · critical" in root.shown
    assert "after 3m" in root.shown
    assert "27 requests (now 0 requests)" in root.shown
    assert "active_users_cap set to 8 users" in root.shown
    assert len(rig.slack.roots()) == 1
    assert rig.delivery(number).state == "done"


def test_small_changes_are_drawn_together_in_one_edit_every_few_seconds(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    for value in range(20):
        rig.actions[:] = [replace(an_action(number, rig.now + 60), value=f"{value} users")]
        rig.tell(number, f"step {value}", TimelineKind.LEVER_STEPPED)
        rig.turn_for(0.5)
    [root] = rig.slack.roots()
    assert root.edits <= 4
    rig.pass_time(12)
    rig.settle()
    assert "19 users" in root.shown
    assert len(rig.slack.thread(root)) <= 4


def test_steps_of_a_lever_are_one_line(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    for value in (8, 16, 32, 64):
        rig.tell(number, f"active_users_cap is at {value} users", TimelineKind.LEVER_STEPPED)
        rig.pass_time(1)
    rig.pass_time(10)
    rig.settle()
    said = rig.told()
    assert "active_users_cap is at 64 users (the last of 4 such steps within 3 s)" in said
    assert "at 16 users" not in said


def test_a_lease_that_is_renewed_is_shown_with_its_new_end(rig: Rig) -> None:
    number = rig.open()
    rig.actions.append(an_action(number, rig.now + 60))
    rig.settle()
    [root] = rig.slack.roots()
    before = root.shown
    for _ in range(5):
        rig.actions[:] = [an_action(number, rig.now + 60)]
        rig.turn_for(10)
    assert root.shown != before
    assert 1 <= root.edits <= 3
    assert rig.status().pending == 0


def test_a_channel_that_is_switched_on_later_tells_no_old_stories(rig: Rig) -> None:
    # The rig's channel was registered before this incident; another one begins after it.
    rig.open("Before")
    with rig.database.transaction() as tx:
        tx.exec_driver_sql("DELETE FROM outbox_channels")
    rig.restarted()
    rig.open("After")
    rig.settle()
    assert [("After" in root.shown, "Before" in root.shown) for root in rig.slack.roots()] == [(True, False)]


def test_a_sent_firing_owes_a_sent_resolved_even_when_the_channel_was_off_meanwhile(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    with rig.database.transaction() as tx:
        outbox_channel_store.retire_others(tx, [])
    rig.pass_time(3600)
    rig.resolve(number)
    rig.open("While off")
    rig.restarted()
    rig.settle()
    [root] = rig.slack.roots()
    assert "resolved · critical" in root.shown


def test_nothing_is_told_of_a_row_that_was_rolled_back(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    with contextlib.suppress(RuntimeError), rig.database.transaction() as tx:
        incident_store.add_note(tx, number, "kim", "never happened", rig.now)
        raise RuntimeError
    rig.turn_for(5)
    assert "never happened" not in rig.told()


def test_platform_rows_that_concern_everybody_are_told_by_themselves(rig: Rig) -> None:
    rig.tell(None, "Kill switch on", TimelineKind.KILL_SWITCH)
    rig.tell(None, "A rule failed", TimelineKind.SHOWCALL)
    rig.tell(None, "Yesterday: 2 incidents\nlongest 4 min", TimelineKind.DIGEST)
    rig.settle()
    assert ["Kill switch on" in rig.slack.roots()[0].shown, len(rig.slack.roots())] == [True, 2]
    assert "longest 4 min" in rig.slack.roots()[1].shown


def test_a_message_that_a_person_deleted_is_made_anew(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    rig.slack.delete(rig.slack.roots()[0])
    rig.tell(number, "still going on")
    rig.settle()
    [root] = rig.slack.roots()
    assert "still going on" in "".join(reply.shown for reply in rig.slack.thread(root))


def test_where_messages_cannot_be_edited_any_more_the_thread_goes_on(rig: Rig) -> None:
    number = rig.open()
    rig.settle()
    rig.slack.script.append(Step(error="edit_window_closed", only="chat.update"))
    rig.pass_time(5)
    rig.resolve(number)
    rig.settle()
    [root] = rig.slack.roots()
    assert root.edits == 0
    assert "Resolved" in "".join(reply.shown for reply in rig.slack.thread(root))
