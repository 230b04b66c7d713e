"""The loop over targets that answer, hang, lie, and die; clocks that jump; listeners that raise."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from structlog.testing import capture_logs

from collector.actuator import ActuatorSource, PageSettings
from collector.deadline import Deadline
from collector.resolver import Resolver
from collector.round import ErrorKind, Round, TargetReport
from collector.scrape_loop import ScrapeLoop
from collector.site import Site
from collector.source import Finding, Scraped, ScrapeError, Source, measured, scraped
from collector.target import Target, own_origin
from collector.target_labels import LabelLimits
from metrics.values import Appended, Batch, Pushed, label, labels_of
from tests.collector.raw_server import serving
from tests.collector.threads_begun import ThreadsBegun
from tests.stack.service_rig import eventually

INTERVAL = 0.2
TIMEOUT = 0.15
EPOCH = 1_700_000_000.0


class Clocks:
    """Both clocks, which a test may set forward or back."""

    def __init__(self) -> None:
        self.wall = EPOCH
        self.suspended = 0.0

    def clock(self) -> float:
        return self.wall + self.suspended + time.monotonic()

    def monotonic(self) -> float:
        return self.suspended + time.monotonic()


def clocks_at(wall: float) -> Clocks:
    """Clocks that show this time now."""
    clocks = Clocks()
    clocks.wall = wall - time.monotonic()
    return clocks


class Answering:
    """A source that gives the same series each time, or raises, as ``act`` says."""

    def __init__(self, act: Callable[[], Scraped] | None = None) -> None:
        self._act = act or (lambda: scraped([measured("tickets", 1.0), measured("seats", 2.0)], {}))
        self.closed = False

    def fetch(self, at: float, deadline: Deadline) -> Scraped:
        return self._act()

    def close(self) -> None:
        self.closed = True


class Sink:
    """Takes batches and rounds."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.pushed: list[Pushed] = []
        self.rounds: list[Round] = []
        self.at: list[float] = []
        self.whole = threading.Condition()

    def append(self, batch: Batch) -> Appended:
        self.batches.append(batch)
        return Appended(len(batch.labels))

    def push(self, pushed: Pushed) -> Appended:
        self.pushed.append(pushed)
        return Appended(len(pushed.labels))

    def on_round(self, one: Round) -> None:
        with self.whole:
            self.rounds.append(one)
            self.at.append(time.monotonic())
            self.whole.notify_all()

    def wait(self, rounds: int, seconds: float = 10.0) -> None:
        with self.whole:
            assert self.whole.wait_for(lambda: len(self.rounds) >= rounds, seconds), len(self.rounds)

    def of(self, origin: str) -> list[Batch]:
        return [batch for batch in self.batches if batch.origin == origin]

    def own(self, target: str, metric: str) -> list[float]:
        return [
            float(value)
            for batch in self.of(own_origin(target))
            for labels, value in zip(batch.labels, batch.values, strict=True)
            if label(labels, "__name__") == metric
        ]


def target(
    name: str, source: Source, interval: float = INTERVAL, timeout: float = TIMEOUT, longest: int = 100
) -> Target:
    labels = labels_of({"job": name, "instance": "localhost"})
    return Target(name, "actuator", source, labels, interval, timeout, LabelLimits(10, longest))


@contextmanager
def looping(
    *targets: Target,
    sink: Sink | None = None,
    clocks: Clocks | None = None,
    on_round: Callable[[Round], None] | None = None,
    interval: float = INTERVAL,
) -> Iterator[tuple[ScrapeLoop, Sink]]:
    sink, clocks = sink or Sink(), clocks or Clocks()
    loop = ScrapeLoop(
        targets,
        interval=interval,
        append=sink.append,
        push=sink.push,
        on_round=on_round or sink.on_round,
        clock=clocks.clock,
        monotonic=clocks.monotonic,
    )
    loop.start()
    try:
        yield loop, sink
    finally:
        loop.stop(1.0)


def status(loop: ScrapeLoop, name: str) -> TargetReport:
    return next(report for report in loop.statuses() if report.target == name)


def raising(error: Exception) -> Answering:
    def act() -> Scraped:
        raise error

    return Answering(act)


def sleeping(seconds: float) -> Answering:
    def act() -> Scraped:
        time.sleep(seconds)
        return scraped([measured("tickets", 1.0)], {})

    return Answering(act)


def test_each_tick_appends_the_samples_and_what_is_said_of_the_look() -> None:
    with looping(target("concert", Answering())) as (loop, sink):
        sink.wait(3)
        assert loop.alive(EPOCH)
    batch = sink.of("concert")[0]
    assert batch.labels[0] == labels_of({"__name__": "tickets", "job": "concert", "instance": "localhost"})
    assert batch.values.tolist() == [1.0, 2.0]
    own = {label(labels, "__name__"): labels for labels in sink.of("concert#scrape")[0].labels}
    assert set(own) == {
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
    }
    assert label(own["up"], "instance") == "localhost"
    assert sink.own("concert", "up")[:2] == [1.0, 1.0]
    assert sink.own("concert", "scrape_samples_scraped")[0] == 2
    assert sink.own("concert", "scrape_series_added")[:2] == [2.0, 0.0]


def test_samples_carry_the_time_of_their_look_and_rounds_one_constant_phase() -> None:
    with looping(target("concert", Answering())) as (_, sink):
        sink.wait(4)
    phase = [one.at % INTERVAL for one in sink.rounds]
    assert float(np.median(phase)) == pytest.approx(0.3 * INTERVAL, abs=0.001)
    assert {one.interval for one in sink.rounds} == {INTERVAL}
    assert [one.tick for one in sink.rounds[:3]] == [0, 1, 2]
    times = {batch.at for batch in sink.of("concert")}
    assert {one.reports[0].at for one in sink.rounds} <= times


def test_the_first_round_begins_at_once_and_the_others_on_their_ticks() -> None:
    with looping(target("concert", Answering(), 1.0), interval=1.0, clocks=clocks_at(EPOCH + 0.35)) as (
        _,
        sink,
    ):
        sink.wait(3)
    first, second, third = sink.rounds
    assert EPOCH + 0.35 <= sink.of("concert")[0].at < EPOCH + 1.0
    assert EPOCH + 0.35 <= first.at < EPOCH + 1.0
    assert [second.at, third.at] == [pytest.approx(EPOCH + 1.3), pytest.approx(EPOCH + 2.3)]
    assert [one.late for one in sink.rounds] == [(), (), ()]
    assert max(one.lag for one in sink.rounds) < 0.3


def test_where_nobody_answers_the_first_round_is_not_dated_before_the_loop_began() -> None:
    silent = target("stuck", sleeping(1.0), 15.0, timeout=0.9)
    with looping(silent, interval=15.0, clocks=clocks_at(EPOCH // 15 * 15 + 10.0)) as (_, sink):
        sink.wait(1)
    assert sink.rounds[0].late == ("stuck",)
    assert sink.rounds[0].at >= EPOCH // 15 * 15 + 10.0


def test_a_first_round_that_reaches_into_the_next_tick_leaves_it_out() -> None:
    with looping(target("concert", Answering(), 1.0), interval=1.0, clocks=clocks_at(EPOCH + 0.5)) as (
        loop,
        sink,
    ):
        sink.wait(2)
        missed = loop.health().missed_ticks, loop.health().missed_scrapes
    first, second = sink.rounds
    assert EPOCH + 0.5 <= sink.of("concert")[0].at < EPOCH + 1.0
    assert EPOCH + 0.5 <= first.at < EPOCH + 1.0
    assert sink.of("concert")[1].at >= EPOCH + 2.0
    assert second.at == pytest.approx(EPOCH + 2.3)
    assert missed == (0, 0)


def test_a_long_interval_begins_with_the_next_tick_where_that_is_near() -> None:
    clocks = clocks_at(EPOCH // 15 * 15 + 14.7)
    with looping(target("concert", Answering(), 15.0), interval=15.0, clocks=clocks) as (_, sink):
        sink.wait(1)
    assert EPOCH // 15 * 15 + 15.0 <= sink.of("concert")[0].at < EPOCH // 15 * 15 + 16.0


def test_while_nothing_changes_the_store_gets_the_very_same_label_sets() -> None:
    with looping(target("concert", Answering())) as (_, sink):
        sink.wait(4)
    for origin in ("concert", "concert#scrape"):
        first, *others = sink.of(origin)
        assert all(batch.labels is first.labels for batch in others)


def test_a_failed_look_makes_all_series_stale_and_says_why() -> None:
    down = (measured("redis_up", 0.0),)
    source = raising(ScrapeError(ErrorKind.REFUSED, "nothing listens on 127.0.0.1:6379", down))
    with looping(target("redis", source)) as (loop, sink):
        sink.wait(2)
        report = status(loop, "redis")
    assert all(len(batch.labels) == 0 for batch in sink.of("redis"))
    assert sink.own("redis", "up")[0] == 0
    assert sink.own("redis", "redis_up")[0] == 0
    assert sink.own("redis", "showcall_scrape_error")[0] == 1
    assert (report.up, report.error_kind, report.samples) == (False, ErrorKind.REFUSED, 0)
    assert report.error == "nothing listens on 127.0.0.1:6379"
    assert report.last_up_at is None
    assert sink.rounds[0].reports[0].up is False


def test_a_finding_is_told_although_the_look_worked() -> None:
    found = Scraped(
        (), np.empty(0), verdict=(measured("probe_success", 0.0),), finding=Finding(ErrorKind.DNS, "x")
    )
    with looping(target("list", Answering(lambda: found))) as (loop, sink):
        sink.wait(1)
        report = status(loop, "list")
    assert (report.up, report.error_kind, report.error) == (True, ErrorKind.DNS, "x")
    assert sink.own("list", "up")[0] == 1
    assert sink.own("list", "probe_success")[0] == 0


def test_a_fault_of_ours_is_an_internal_error_of_that_target_only() -> None:
    targets = (target("bad", raising(KeyError("x"))), target("good", Answering()))
    with (
        capture_logs(),
        looping(*targets) as (loop, sink),
    ):  # drawing a traceback takes longer than the timeout
        sink.wait(2)
        assert status(loop, "bad").error_kind is ErrorKind.INTERNAL
        assert status(loop, "good").up


def test_f07_a_label_over_its_limit_refuses_the_scrape_whole() -> None:
    source = Answering(lambda: scraped([measured("a", 1.0), measured("b", 1.0, x="y" * 101)], {}))
    with looping(target("concert", source)) as (loop, sink):
        sink.wait(1)
        report = status(loop, "concert")
    assert report.error_kind is ErrorKind.LIMIT
    assert report.error is not None
    assert 'label "x" of b' in report.error
    assert all(len(batch.labels) == 0 for batch in sink.of("concert"))
    assert sink.own("concert", "up")[0] == 0


def test_f10_two_targets_that_give_the_same_series_are_told_apart() -> None:
    with looping(target("one", Answering()), target("two", Answering())) as (_, sink):
        sink.wait(1)
    assert set(sink.of("one")[0].labels).isdisjoint(sink.of("two")[0].labels)


def test_f01_a_hanging_target_moves_no_other_and_holds_one_worker() -> None:
    with serving(lambda sock: time.sleep(30)) as server:
        page = PageSettings(Site(server.url, 1000), 1000, None)
        hanging = target("hanging", ActuatorSource(page, Resolver()), interval=0.5, timeout=0.45)
        good = [target(f"good_{n}", Answering(), interval=0.5, timeout=0.45) for n in range(50)]
        # On a tick: a look that begins later is still under way in the next round.
        with looping(hanging, *good, interval=0.5, clocks=clocks_at(EPOCH)) as (loop, sink):
            sink.wait(6)
            workers = loop.health().workers
            report = status(loop, "hanging")
    assert report.error_kind is ErrorKind.TIMEOUT
    assert all(one.late == ("hanging",) for one in sink.rounds)
    assert all(len(one.reports) == 50 for one in sink.rounds)
    shifts = [
        abs(later.at - earlier.at - 0.5)
        for name in (one.name for one in good)
        for earlier, later in pairwise(sink.of(name))
    ]
    assert float(np.median(shifts)) < 0.05
    assert workers < 51


def test_a_source_that_ignores_its_deadline_is_down_and_its_late_answer_dropped() -> None:
    with looping(target("stuck", sleeping(1.0)), target("good", Answering())) as (loop, sink):
        eventually(lambda: loop.health().hanging == 1)
        report = eventually(lambda: status(loop, "stuck"))
        assert report.error_kind is ErrorKind.TIMEOUT
        assert "still hangs" in str(report.error)
        assert not report.up
        sink.wait(9)
        assert loop.health().workers <= 2
        assert loop.health().late_reports >= 1
        assert status(loop, "good").up
    assert all(len(batch.labels) == 0 for batch in sink.of("stuck"))
    assert set(sink.own("stuck", "up")) == {0.0}


def test_a_round_with_everyone_there_does_not_wait_for_its_end() -> None:
    with looping(target("concert", Answering()), interval=INTERVAL) as (_, sink):
        sink.wait(4)
    assert all(one.late == () for one in sink.rounds)


def test_no_round_is_handed_over_before_its_own_time() -> None:
    clocks, early = Clocks(), []
    seen = threading.Semaphore(0)

    def on_round(one: Round) -> None:
        early.append(one.at - clocks.clock())
        seen.release()

    with looping(target("concert", Answering()), clocks=clocks, on_round=on_round):
        assert all(seen.acquire(timeout=10.0) for _ in range(4))
    assert max(early) < 0.001


def test_a_target_on_a_longer_interval_stays_what_it_was_in_every_round() -> None:
    slow = target("slow", raising(ScrapeError(ErrorKind.DNS, "x")), interval=3 * INTERVAL)
    with looping(slow, target("fast", Answering())) as (_, sink):
        sink.wait(9)
    assert 2 <= len(sink.of("slow")) <= 4
    for one in sink.rounds[4:]:
        assert {report.target for report in one.reports} == {"slow", "fast"}
        assert one.late == ()


def test_an_evaluation_that_raises_is_counted_and_the_loop_goes_on() -> None:
    sink = Sink()

    def listen(one: Round) -> None:
        sink.on_round(one)
        if one.tick % 2 == 0:
            raise ValueError("bad rule")

    with looping(target("concert", Answering()), sink=sink, on_round=listen) as (loop, _):
        sink.wait(5)
        assert loop.alive(EPOCH)
        assert loop.health().round_errors >= 2


def test_an_evaluation_that_takes_long_moves_no_scrape_and_is_skipped_over() -> None:
    sink = Sink()

    def listen(one: Round) -> None:
        sink.on_round(one)
        time.sleep(3.5 * INTERVAL)

    with looping(target("concert", Answering()), sink=sink, on_round=listen) as (loop, _):
        sink.wait(4)
        assert loop.health().skipped_rounds >= 4
    ticks = [one.tick for one in sink.rounds]
    assert ticks == sorted(set(ticks))
    assert sink.rounds[1].lag > 0
    gaps = [later.at - earlier.at for earlier, later in pairwise(sink.of("concert"))]
    assert float(np.median(gaps)) < 1.5 * INTERVAL


def test_a_store_that_fails_is_told_and_ends_nothing() -> None:
    sink = Sink()
    broken = threading.Event()

    def append(batch: Batch) -> Appended:
        if broken.is_set():
            raise MemoryError
        return Appended(len(batch.labels))

    sink.append = append  # type: ignore[method-assign] # the store fails half way
    with looping(target("concert", Answering()), sink=sink) as (loop, _):
        sink.wait(2)
        broken.set()
        eventually(lambda: status(loop, "concert").error_kind is ErrorKind.INTERNAL)
        broken.clear()
        eventually(lambda: status(loop, "concert").up)


@pytest.mark.parametrize("jump", [3600.0, -3600.0, -1.0, 1.0, 0.7], ids=str)
def test_f11_a_wall_clock_that_is_set_makes_no_round_twice_and_leaves_none_out(jump: float) -> None:
    clocks = Clocks()
    with looping(target("concert", Answering()), clocks=clocks) as (loop, sink):
        sink.wait(4)
        clocks.wall += jump
        sink.wait(10)
        assert loop.alive(clocks.clock())
    gaps = [later - earlier for earlier, later in pairwise(sink.at)]
    assert max(gaps) < 5 * INTERVAL
    assert float(np.median(gaps)) == pytest.approx(INTERVAL, rel=0.3)
    told = sum(one.clock_jump for one in sink.rounds)
    assert told == pytest.approx(jump if abs(jump) > 2 else 0.0, abs=0.1)
    ticks = [one.tick for one in sink.rounds]
    assert ticks == sorted(set(ticks))
    assert ticks[-1] - ticks[0] < len(ticks) + 3
    if abs(jump) <= 2:
        times = [one.at for one in sink.rounds]
        assert times == sorted(set(times))


def test_f12_after_ten_minutes_of_suspension_missed_ticks_are_counted_once_and_not_made_up_for() -> None:
    clocks = Clocks()
    with looping(target("concert", Answering()), clocks=clocks) as (loop, sink):
        sink.wait(3)
        before, looks = len(sink.rounds), len(sink.of("concert"))
        clocks.suspended += 600.0
        began = time.monotonic()
        sink.wait(before + 4)
        passed = time.monotonic() - began
        health = loop.health()
    assert health.missed_ticks == pytest.approx(600 / INTERVAL, abs=3)
    assert health.missed_scrapes == pytest.approx(600 / INTERVAL, abs=3)
    assert len(sink.of("concert")) - looks <= passed / INTERVAL + 4
    after = next(one for one in sink.rounds[before - 1 :] if one.lag > 1)
    assert after.lag == pytest.approx(600, abs=2)
    jumps = [later.tick - earlier.tick for earlier, later in pairwise(sink.rounds)]
    assert sum(step > 1 for step in jumps) == 1
    assert max(jumps) == pytest.approx(600 / INTERVAL, abs=3)


def test_f21_many_targets_are_looked_at_by_a_bounded_number_of_workers() -> None:
    many = [target(f"t{n}", Answering(), interval=1.0, timeout=0.9) for n in range(300)]
    with looping(*many, interval=1.0) as (loop, sink):
        sink.wait(2)
        assert loop.health().workers <= 64
        assert all(report.up for report in loop.statuses())
        assert len(loop.statuses()) == 300


def test_targets_that_hang_in_every_worker_are_told_and_not_stuck() -> None:
    many = [target(f"t{n}", sleeping(0.5), interval=0.5, timeout=0.2) for n in range(80)]
    with looping(*many, interval=0.5) as (loop, sink):
        sink.wait(4)
        assert loop.health().workers <= 64
        assert loop.alive(EPOCH)


def test_stopping_ends_every_thread_and_closes_every_source() -> None:
    source = Answering()
    threads = ThreadsBegun()
    with looping(target("concert", source)) as (loop, sink):
        sink.wait(2)
        assert loop.stop(2.0)
        count = len(sink.rounds)
        time.sleep(2 * INTERVAL)
    assert source.closed
    assert len(sink.rounds) == count
    assert not threads.alive()
    assert not loop.alive(EPOCH)


def test_stopping_while_a_source_hangs_keeps_to_its_time() -> None:
    with looping(target("stuck", sleeping(5.0))) as (loop, _):
        time.sleep(2 * INTERVAL)
        began = time.monotonic()
        assert not loop.stop(0.3)
        assert time.monotonic() - began < 1.5


def test_a_dead_loop_is_not_alive() -> None:
    clocks = Clocks()
    with looping(target("concert", Answering()), clocks=clocks) as (loop, sink):
        sink.wait(1)

        def broken() -> float:
            raise RuntimeError("no clock")

        loop._steady._clock = broken
        eventually(lambda: not loop.alive(EPOCH))


def test_an_evaluation_that_hangs_makes_the_loop_not_alive() -> None:
    clocks, gate = Clocks(), threading.Event()
    with looping(
        target("concert", Answering()), clocks=clocks, on_round=lambda _: (gate.wait(5), None)[1]
    ) as (loop, _):
        time.sleep(2 * INTERVAL)
        assert loop.alive(EPOCH)
        clocks.suspended += 60.0
        eventually(lambda: not loop.alive(EPOCH))
        gate.set()


def test_a_loop_without_targets_still_has_rounds() -> None:
    with looping() as (_, sink):
        sink.wait(2)
    assert sink.rounds[0].reports == ()
