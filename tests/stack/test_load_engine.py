import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from stack.load.engine import ClosedUsers, Journey, LoadEngine, LoadSettings, OpenArrivals, Snapshot
from stack.load.http_client import Address
from stack.load.load_log import LoadLog
from stack.load.outcome_kind import OutcomeKind
from stack.load.stages import Stage
from stack.load.steady_clock import steady
from stack.load.virtual_user import Answer, Ask, Patience, VirtualUser
from tests.stack.scripted_server import Reply, Script, ScriptedServer, Seen, of_json, serving

Beside = Callable[[LoadEngine], Coroutine[Any, Any, None]]

QUICK = Patience(timeout=2.0, retries=5, retry_pause=0.02)
DATE: Ask[Any] = Ask("date", "GET", "/date", json.loads)


async def ask_once(user: VirtualUser) -> None:
    await user.ask(DATE)


def play(
    script: Script,
    journey: Journey,
    shape: OpenArrivals | ClosedUsers,
    *,
    settings: LoadSettings | None = None,
    meanwhile: Beside | None = None,
    on_snapshot: Callable[[Snapshot], None] | None = None,
) -> tuple[LoadLog, ScriptedServer]:
    """Runs one load against a scripted server; returns the log and the server."""

    async def run() -> tuple[LoadLog, ScriptedServer]:
        async with serving(script) as server:
            engine = LoadEngine(
                Address("127.0.0.1", server.port),
                journey,
                shape,
                settings=settings or LoadSettings(QUICK, graceful_seconds=3),
                clock=steady(lambda: 1_000_000.0),
                on_snapshot=on_snapshot,
            )
            beside = asyncio.ensure_future(meanwhile(engine)) if meanwhile else None
            log = await engine.run()
            if beside:
                await beside
            return log, server

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def one_user(
    script: Script,
    journey: Journey,
    *,
    settings: LoadSettings | None = None,
    meanwhile: Beside | None = None,
) -> tuple[LoadLog, ScriptedServer]:
    shape = OpenArrivals((Stage(0.1, 10, "surge"),), 10)
    return play(script, journey, shape, settings=settings, meanwhile=meanwhile)


def test_open_users_arrive_however_slow_the_answers_are() -> None:
    log, server = play(
        lambda seen: Reply(delay=0.5), ask_once, OpenArrivals((Stage(0.5, 40, "surge"),), start_rate=40)
    )
    assert len(server.seen) == log.started == log.finished == 20
    assert log.failures().total() == 0
    assert {record.phase for record in log.records()} == {"surge"}
    assert len({record.user for record in log.records()}) == 20


def test_users_beyond_the_most_that_fit_are_counted_as_dropped_not_as_slow() -> None:
    shape = OpenArrivals((Stage(0.5, 40),), start_rate=40, max_users=5)
    log, _ = play(lambda seen: Reply(delay=1.0), ask_once, shape)
    assert (log.started, log.dropped) == (5, 15)


def test_a_generator_that_stalls_shows_as_latency_not_as_a_better_result() -> None:
    async def stall(engine: LoadEngine) -> None:
        await asyncio.sleep(0.2)
        time.sleep(0.5)

    shape = OpenArrivals((Stage(1.0, 50),), start_rate=50, jitter=0)
    log, _ = play(lambda seen: Reply(), ask_once, shape, meanwhile=stall)
    late = [record.latency for record in log.records() if record.latency > 0.1]
    assert len(list(log.records())) == 50
    assert 15 <= len(late) <= 30
    assert max(late) > 0.4
    assert log.lag.maximum > 0.4


def test_a_server_that_stalls_is_seen_by_all_who_meant_to_ask_meanwhile() -> None:
    free_at = time.monotonic() + 0.8

    def stalled(seen: Seen) -> Reply:
        return Reply(delay=max(0.0, free_at - time.monotonic()))

    log, _ = play(stalled, ask_once, OpenArrivals((Stage(1.0, 50),), 50))
    slow = [record for record in log.records() if record.latency > 0.2]
    assert len(slow) >= 20


def test_thinking_starts_at_the_answer_and_the_next_request_is_due_a_thought_later() -> None:
    async def twice(user: VirtualUser) -> None:
        await user.ask(DATE)
        await user.think(0.2)
        await user.ask(DATE)

    log, _ = one_user(lambda seen: Reply(delay=0.1), twice)
    first, second = log.records()
    assert second.issued_at == pytest.approx(first.issued_at + first.latency + 0.2, abs=1e-6)


def test_a_failed_request_is_retried_after_a_pause_until_it_succeeds() -> None:
    answers: list[Answer[Any]] = []

    async def journey(user: VirtualUser) -> None:
        answers.append(await user.ask(DATE))

    log, _ = one_user(lambda seen: Reply(503 if seen.number < 3 else 200), journey)
    assert [record.kind for record in log.records()] == [
        OutcomeKind.HTTP_503,
        OutcomeKind.HTTP_503,
        OutcomeKind.OK,
    ]
    assert (answers[0].ok, answers[0].attempts) == (True, 3)
    assert answers[0].seconds >= 2 * QUICK.retry_pause
    assert log.failures() == {OutcomeKind.HTTP_503: 2}


def test_after_five_retries_the_user_takes_no_for_an_answer() -> None:
    answers: list[Answer[Any]] = []

    async def journey(user: VirtualUser) -> None:
        answers.append(await user.ask(DATE))

    log, server = one_user(lambda seen: Reply(429), journey)
    assert len(server.seen) == 6
    assert (answers[0].ok, answers[0].kind, answers[0].status) == (False, OutcomeKind.HTTP_429, 429)
    assert log.failures("date") == {OutcomeKind.HTTP_429: 6}
    assert log.failures("token").total() == 0


def test_a_request_that_can_never_succeed_is_not_repeated() -> None:
    log, server = one_user(lambda seen: Reply(404), ask_once)
    assert len(server.seen) == 1
    assert log.failures() == {OutcomeKind.HTTP_404: 1}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(reset=True), OutcomeKind.RESET),
        (Reply(delay=9), OutcomeKind.TIMEOUT),
        (Reply(500), OutcomeKind.HTTP_5XX),
        (Reply(body=b"<html>"), OutcomeKind.BAD_BODY),
    ],
)
def test_failures_are_told_apart_by_kind(reply: Reply, kind: OutcomeKind) -> None:
    patience = Patience(timeout=0.2, retries=0)
    log, _ = one_user(lambda seen: reply, ask_once, settings=LoadSettings(patience))
    assert log.failures() == {kind: 1}


def test_an_expected_refusal_is_an_answer_without_a_value() -> None:
    answers: list[Answer[Any]] = []

    async def journey(user: VirtualUser) -> None:
        answers.append(await user.ask(Ask("date", "GET", "/", json.loads, expected=frozenset({200, 403}))))

    log, _ = one_user(lambda seen: of_json({"waitingNumber": 3}, 403), journey)
    assert (answers[0].ok, answers[0].status, answers[0].value) == (True, 403, None)
    assert log.failures().total() == 0


def test_checks_are_counted_by_name() -> None:
    async def journey(user: VirtualUser) -> None:
        answer = await user.ask(DATE)
        user.check("has dates", bool(answer.value))

    log, _ = play(
        lambda seen: of_json([1] if seen.number % 2 else []), journey, OpenArrivals((Stage(0.2, 20),), 20)
    )
    assert (log.checks["has dates"].passed, log.checks["has dates"].failed) == (2, 2)


def test_what_is_still_open_at_the_end_is_recorded_with_the_time_it_waited() -> None:
    async def end_soon(engine: LoadEngine) -> None:
        await asyncio.sleep(0.4)
        engine.stop()

    log, _ = one_user(lambda seen: Reply(delay=30), ask_once, meanwhile=end_soon)
    (record,) = log.records()
    assert record.kind is OutcomeKind.UNFINISHED
    assert 0.1 < record.latency < 2
    assert log.failures().total() == 0
    assert log.latency("date").count == 0


def test_closed_users_start_over_until_the_time_is_up() -> None:
    log, server = play(
        lambda seen: Reply(delay=0.05), ask_once, ClosedUsers(4, seconds=0.6, ramp=0.1, name="steady")
    )
    assert server.connections == 4
    assert 4 * 5 <= len(server.seen) <= 4 * 13
    assert log.started == log.finished
    assert {record.phase for record in log.records()} == {"steady"}


def test_a_mistake_in_a_journey_ends_the_run_and_is_raised() -> None:
    async def mistaken(user: VirtualUser) -> None:
        raise RuntimeError("wrong journey")

    with pytest.raises(RuntimeError, match="wrong journey"):
        play(lambda seen: Reply(), mistaken, OpenArrivals((Stage(30, 10),), 10))


def test_every_second_there_is_a_snapshot_of_the_run() -> None:
    snapshots: list[Snapshot] = []
    shape = OpenArrivals((Stage(2.3, 10, "surge"),), 10)
    log, _ = play(lambda seen: Reply(delay=0.3), ask_once, shape, on_snapshot=snapshots.append)
    assert len(snapshots) == 2
    assert [round(snapshot.elapsed) for snapshot in snapshots] == [1, 2]
    assert snapshots[0].rate == 10
    assert 8 <= snapshots[0].started <= 11
    assert snapshots[0].inside == snapshots[0].started - snapshots[0].finished > 0
    assert 0 < snapshots[0].oldest_open < 1
    assert log.latency("date").p95 == pytest.approx(0.3, abs=0.2)


def test_the_log_forgets_no_request_and_adds_up_by_name() -> None:
    log = LoadLog(lambda at: "a" if at < 10 else "b")
    for number in range(20):
        log.sending(number, float(number), number + 0.01)
        log.ended(number, "date", issued_at=number, now=number + 0.5, kind=OutcomeKind.OK, status=200)
    log.ended(20, "ask", issued_at=5.0, now=6.0, kind=OutcomeKind.RESET, status=0)
    assert [record.phase for record in log.records()].count("a") == 11
    assert log.names == ("date", "ask")
    assert log.latency("date").count == 20
    assert log.latency_lately("date", 19.9).count == 10
    assert log.open_requests == 0
