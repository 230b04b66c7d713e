"""Who is let in and when, decided second by second."""

from stack.service.queue_rules import (
    Admission,
    AdmissionReason,
    Crowd,
    admission,
    calls,
    may_sweep,
    opening,
)


class Line:
    """A queue played by the rules alone: every open place is taken at once, users leave when told to."""

    def __init__(self, waiting: int, active: int = 0) -> None:
        self.waiting, self.active, self.taken = waiting, active, 0
        self.clock = opening(0.0)

    def at(self, now: float, limit: int = 100, cap: int = 1000) -> Admission:
        crowd = Crowd(self.waiting, self.active, 0.0, taken=self.taken)
        decided = admission(self.clock, crowd, limit, cap, now)
        self.clock = decided.clock
        self.waiting -= decided.places or 0
        self.active += decided.places or 0
        self.taken += decided.places or 0
        return decided


def test_a_queue_lets_people_in_when_it_opens_and_then_every_ten_seconds() -> None:
    line = Line(waiting=250)
    counts = {now: line.at(now).places for now in range(31)}
    assert {now: count for now, count in counts.items() if count} == {0: 100, 10: 100, 20: 50}


def test_nobody_is_let_in_between_two_periods() -> None:
    line = Line(waiting=250)
    line.at(0.0)
    assert line.at(9.5).reason is AdmissionReason.NOT_DUE


def test_the_cap_on_active_users_is_never_passed() -> None:
    line = Line(waiting=50, active=5)
    assert line.at(0.0, cap=8).places == 3
    assert line.at(1.0, cap=8).reason is AdmissionReason.CAP_REACHED


def test_while_the_cap_binds_free_slots_are_filled_every_second() -> None:
    line = Line(waiting=50)
    line.at(0.0, cap=8)
    line.active -= 2
    assert line.at(0.5, cap=8).reason is AdmissionReason.NOT_DUE
    refill = line.at(1.0, cap=8)
    assert (refill.places, refill.reason) == (2, AdmissionReason.REFILL)


def test_refills_do_not_pass_the_limit_of_the_period() -> None:
    line = Line(waiting=500)
    entered = 0
    for quarter in range(39):
        entered += line.at(quarter / 4, limit=20, cap=8).places or 0
        line.active = 0
    assert entered == 20
    assert line.at(10.0, limit=20, cap=8).places == 8


def test_without_anybody_waiting_the_cap_does_not_bind() -> None:
    line = Line(waiting=8)
    line.at(0.0, cap=8)
    assert not line.clock.cap_binds
    line.waiting, line.active = 5, 6
    assert line.at(1.0, cap=8).reason is AdmissionReason.NOT_DUE


def test_a_raised_cap_is_used_within_a_second() -> None:
    line = Line(waiting=50)
    line.at(0.0, cap=8)
    assert line.at(1.0, cap=16).places == 8


def test_a_cap_lowered_in_the_middle_of_a_period_binds_at_once() -> None:
    line = Line(waiting=90)
    line.at(0.0)
    line.waiting = 82
    line.active = 8
    assert line.at(3.0, cap=8).reason is AdmissionReason.CAP_REACHED
    line.active = 6
    assert line.at(4.0, cap=8).places == 2


def test_a_limit_of_zero_admits_nobody() -> None:
    assert Line(waiting=5).at(0.0, limit=0).reason is AdmissionReason.ALLOWANCE_SPENT


def test_more_active_users_than_the_cap_admit_nobody() -> None:
    assert Line(waiting=5, active=100).at(0.0, cap=8).places == 0


def test_an_empty_line_says_so() -> None:
    assert Line(waiting=0).at(0.0).reason is AdmissionReason.NOBODY_WAITS


def test_what_the_last_whole_period_let_in_is_remembered() -> None:
    line = Line(waiting=130)
    line.at(0.0)
    assert line.clock.admitted_last_period == 0
    line.at(10.0)
    assert line.clock.admitted_last_period == 100
    line.at(20.0)
    assert line.clock.admitted_last_period == 30


def test_a_late_tick_keeps_the_grid_and_a_long_stop_begins_a_new_one() -> None:
    line = Line(waiting=1000)
    line.at(0.0)
    line.at(10.4)
    assert line.clock.period_began == 10.0
    line.at(75.0)
    assert line.clock.period_began == 75.0
    assert line.clock.admitted_last_period == 0


def test_silence_is_held_against_nobody_before_they_could_be_heard() -> None:
    assert not may_sweep(reachable_since=100.0, now=109.9, silence=10.0)
    assert may_sweep(reachable_since=100.0, now=110.0, silence=10.0)


def test_as_many_are_called_as_there_are_places_while_nobody_leaves() -> None:
    assert calls(8, Crowd(waiting=100, active=0, oldest_since=0.0)) == 8


def test_more_are_called_by_those_who_leave_within_one_asking_period() -> None:
    five_a_second = Crowd(waiting=200, active=0, oldest_since=0.0, fell_silent=30)
    assert calls(1, five_a_second) == 1 + 20


def test_nobody_is_called_to_no_place() -> None:
    assert calls(0, Crowd(waiting=200, active=8, oldest_since=0.0, fell_silent=30)) == 0
