"""The lever contract, with a clock made by hand."""

from dataclasses import replace
from itertools import pairwise

import pytest

from stack.service.lever_board import Bounds
from stack.service.lever_requests import BadRequestError, read_breaker_change, read_change, read_release
from stack.service.levers import Change, Lever, Outcome, Release, change, ramped, release, step

LEVER = Lever(value=1000, baseline=1000, version=7)
CUT = Change(8, lease_seconds=60, owner="showcall", run_id="r1", if_version=7, request_id="a")


def leased() -> Lever:
    return change(LEVER, CUT, now=0.0).lever


def walked(lever: Lever, start: float, seconds: float, line_waits: bool = False) -> list[tuple[float, int]]:
    """When the value changed within some seconds of quarter-second steps, and to what."""
    seen = []
    for tick in range(round(seconds * 4) + 1):
        now = start + tick / 4
        before, lever = lever, step(lever, now, line_waits).lever
        if lever.value != before.value:
            assert isinstance(lever.value, int)
            seen.append((now, lever.value))
    return seen


def test_a_change_sets_the_value_and_holds_a_lease() -> None:
    lever = leased()
    assert (lever.value, lever.version) == (8, 8)
    assert lever.lease is not None
    assert (lever.lease.owner, lever.lease.run_id, lever.lease.until) == ("showcall", "r1", 60.0)


def test_a_late_write_with_an_old_version_changes_nothing() -> None:
    answer = change(leased(), replace(CUT, value=500, request_id="late"), now=1.0)
    assert answer.outcome is Outcome.OLD_VERSION
    assert answer.lever == leased()
    assert answer.reading.value == 8


def test_the_same_request_gives_the_same_answer_and_acts_once() -> None:
    first = change(LEVER, CUT, now=0.0)
    moved_on = change(first.lever, Change(20, 60, "showcall", if_version=8, request_id="b"), now=5.0).lever
    again = change(moved_on, CUT, now=599.0)
    assert again.outcome is Outcome.REPEATED
    assert again.reading == first.reading
    assert again.lever.value == 20


def test_a_request_is_remembered_for_ten_minutes_and_not_for_ever() -> None:
    lever = leased()
    for minute in range(1, 11):
        renewal = replace(CUT, if_version=lever.version, request_id=f"renew-{minute}")
        lever = change(lever, renewal, now=minute * 60.0).lever
    assert "a" in lever.answers
    late = replace(CUT, if_version=lever.version, request_id="much later")
    assert "a" not in change(lever, late, now=3600.0).lever.answers


def test_a_renewal_raises_the_version_and_moves_the_end() -> None:
    answer = change(leased(), replace(CUT, if_version=8, request_id="b"), now=30.0)
    assert answer.outcome is Outcome.RENEWED
    assert answer.lever.version == 9
    assert answer.lever.lease is not None
    assert answer.lever.lease.until == 90.0


def test_the_baseline_without_a_lease_ends_it() -> None:
    answer = change(leased(), Change(1000, 0, "showcall", if_version=8, request_id="b"), now=1.0)
    assert answer.lever.lease is None
    assert not answer.lever.ramping


def test_an_expired_lease_doubles_its_way_back_every_three_seconds() -> None:
    seen = walked(leased(), 0.0, 120.0)
    assert [value for _, value in seen] == [16, 32, 64, 128, 256, 512, 1000]
    assert seen[0][0] == pytest.approx(60.25)
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(seen)]
    assert pauses == [3.0] * 6


def test_an_expiry_raises_the_version_so_that_the_old_holder_cannot_write() -> None:
    expired = step(leased(), 60.0, line_waits=False)
    assert expired.outcome is Outcome.EXPIRED
    assert expired.lever.ramping
    late = change(expired.lever, replace(CUT, if_version=8, request_id="late"), now=60.1)
    assert late.outcome is Outcome.OLD_VERSION


def test_the_ramp_pauses_while_the_pool_has_a_line_and_goes_on_after() -> None:
    lever = step(leased(), 60.0, line_waits=False).lever
    assert walked(lever, 60.25, 30.0, line_waits=True) == []
    assert step(lever, 70.0, line_waits=True).outcome is Outcome.PAUSED
    assert step(lever, 90.0, line_waits=False).lever.value == 16


def test_a_release_starts_the_same_ramp_at_once() -> None:
    answer = release(leased(), Release("showcall", if_version=8, request_id="r"), now=20.0)
    assert answer.outcome is Outcome.RELEASED
    assert (answer.reading.value, answer.reading.ramping, answer.reading.lease) == (8, True, None)
    assert walked(answer.lever, 20.0, 4.0) == [(20.0, 16), (23.0, 32)]
    assert release(answer.lever, Release("showcall", 8, "r"), now=25.0).outcome is Outcome.REPEATED


def test_a_release_with_an_old_version_is_refused() -> None:
    answer = release(leased(), Release("showcall", if_version=7, request_id="r"), now=20.0)
    assert answer.outcome is Outcome.OLD_VERSION


def test_a_change_in_the_middle_of_a_ramp_ends_the_ramp() -> None:
    lever = release(leased(), Release("showcall", 8, "r"), now=20.0).lever
    lever = step(lever, 20.0, line_waits=False).lever
    held = change(lever, replace(CUT, if_version=lever.version, request_id="c"), now=21.0).lever
    assert not held.ramping
    assert walked(held, 21.0, 20.0) == []


def test_the_ramp_says_when_it_is_done() -> None:
    lever = Lever(value=600, baseline=1000, version=1, ramping=True, ramp_due=0.0)
    answer = step(lever, 0.0, line_waits=False)
    assert answer.outcome is Outcome.RAMP_DONE
    assert not answer.lever.ramping


@pytest.mark.parametrize(
    ("value", "baseline", "expected"),
    [
        (0, 1000, 1),
        (1, 1000, 2),
        (7, 1000, 14),
        (600, 1000, 1000),
        (1500, 1000, 1000),
        ("FORCED_OPEN", "CLOSED", "CLOSED"),
    ],
)
def test_each_step_of_the_ramp(value: int | str, baseline: int | str, expected: int | str) -> None:
    assert ramped(value, baseline) == expected


def test_coming_down_or_changing_a_state_does_not_wait_for_the_pool() -> None:
    above = Lever(value=2000, baseline=1000, version=1, ramping=True)
    assert step(above, 0.0, line_waits=True).lever.value == 1000
    forced = Lever(value="FORCED_OPEN", baseline="METRICS_ONLY", version=1, ramping=True)
    assert step(forced, 0.0, line_waits=True).lever.value == "METRICS_ONLY"


def test_a_change_without_a_lease_is_a_persons_and_stays() -> None:
    lever = change(LEVER, Change(50, 0, "person", if_version=7, request_id="p"), now=0.0).lever
    assert walked(lever, 0.0, 300.0) == []


BOUNDS = Bounds(0, 1000, "users")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "body: "),
        (b"{", "body: "),
        (b"[]", "body: "),
        (b"{}", "value: Field required; ifVersion: Field required; requestId: Field required"),
        (b'{"value": "many", "ifVersion": 1, "requestId": "x"}', "found 'many'"),
        (b'{"value": true, "ifVersion": 1, "requestId": "x"}', "not true or false"),
        (b'{"value": 7.5, "ifVersion": 1, "requestId": "x"}', "found '7.5'"),
        (
            b'{"value": 5000, "ifVersion": 1, "requestId": "x"}',
            "5000 users is out of bounds (want 0 to 1000)",
        ),
        (b'{"value": 5, "ifVersion": 1, "requestId": "x", "leaseSecond": 5}', "leaseSecond: "),
        (b'{"value": 5, "ifVersion": 1, "requestId": "x", "leaseSeconds": -5}', "leaseSeconds: "),
    ],
)
def test_a_bad_body_is_told_what_is_wrong_with_it(body: bytes, said: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        read_change(body, BOUNDS)
    assert said in str(refused.value)


def test_a_whole_number_written_as_a_decimal_is_understood() -> None:
    wanted, put_back = read_change(
        b'{"value": 8.0, "ifVersion": 7, "requestId": "x", "leaseSeconds": 60, "putBackExcess": true}', BOUNDS
    )
    assert (wanted.value, wanted.lease_seconds, put_back) == (8, 60.0, True)


def test_a_release_must_name_its_request_and_version() -> None:
    with pytest.raises(BadRequestError, match="ifVersion: Field required; requestId: Field required"):
        read_release(b'{"owner": "showcall"}')


def test_a_breaker_takes_resilience4js_own_body() -> None:
    wanted = read_breaker_change(b'{"updateState": "FORCE_OPEN"}')
    assert (wanted.value, wanted.lease_seconds, wanted.if_version) == ("FORCED_OPEN", 0.0, None)
    with pytest.raises(BadRequestError, match="'OPEN_UP' is none of CLOSE, FORCE_OPEN"):
        read_breaker_change(b'{"updateState": "OPEN_UP"}')
