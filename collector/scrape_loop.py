"""Looks at all targets, each on its own interval, and tells when a round is whole.

Ticks lie on the wall-clock grid and are waited for on monotonic time. A target that hangs holds one worker
and nothing else: it is late, then down, and its next ticks are left out until it lets go. Ticks that were
missed (a suspended machine, a starved process) are counted once and never made up for.
"""

import heapq
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from collector.deadline import Deadline
from collector.loop_state import Counts, Event, Look, Running, ScrapeLoopHealth, TargetState
from collector.round import ErrorKind, TargetReport
from collector.round_board import RoundBoard, Timing
from collector.round_delivery import OnRound, RoundDelivery
from collector.scrape import Append, Outcome, Push, TargetScrape, too_late
from collector.source import AsksAhead, ScrapeError
from collector.steady_clock import SteadyClock
from collector.target import Target
from collector.tick_grid import Slot, bundles, first_slot, last_slot, moved_slot, phases, without_missed
from collector.together import look_together
from collector.workers import Workers

MAX_WORKERS = 64
MOST_TOGETHER = 20
GRACE_SECONDS = 0.25  # what a fetch may need to come back after its deadline
DEAD_AFTER_SECONDS = 10.0
LEFT_OUT_SECONDS = 2.0
"""A first round that reaches into the next tick leaves it out; at longer intervals the loop waits for it."""
ROUNDING_SECONDS = 1e-5  # what a tick may be off by in Unix seconds


_ROUND, _CLOSE = "", "#close"


class ScrapeLoop:
    """The loop.

    Args:
        targets: names are unique.
        interval: of rounds, in seconds.
        append: where batches go; called from several threads.
        push: where samples with times of their own go; the same.
        on_round: told of each round, on one thread of its own.
        clock: Unix seconds.
        monotonic: seconds.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        interval: float,
        append: Append,
        push: Push,
        on_round: OnRound,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = interval
        self._monotonic = monotonic
        self._steady = SteadyClock(clock, monotonic)
        self._states = self._placed(targets, append, push)
        self._slow = frozenset(target.name for target in targets if target.interval > interval)
        self._round_slot = first_slot(interval, 0.0, self._steady.now())
        self._board = RoundBoard(Timing.of(interval))
        self._reports: dict[str, TargetReport] = {}
        self._events: list[Event] = []
        self._ready: list[Look] = []
        self._lock = threading.Condition()
        self._counts = Counts()
        self._jump = 0.0
        self._stopping = False
        self._beat = self._began = monotonic()
        self._workers = Workers(min(max(len(targets), 1), MAX_WORKERS))
        self._delivery = RoundDelivery(on_round, monotonic)
        self._thread = threading.Thread(target=self._run, name="scrape-loop", daemon=True)

    def start(self) -> None:
        """Begin at once, with the tick that is just over; see ``LEFT_OUT_SECONDS``."""
        now = self._steady.now()
        over = last_slot(self._interval, now)
        fits = now - over.due <= self._interval - self._board.timing.close
        self._round_slot = over if fits or self._interval <= LEFT_OUT_SECONDS else over.next()
        since = min(self._round_slot.due - ROUNDING_SECONDS, now)
        for state in self._states.values():
            state.slot = first_slot(state.slot.interval, state.slot.phase, since)
        self._plan_all()
        self._delivery.start()
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """End: no new look, no new round; whether every thread had ended within ``timeout`` seconds."""
        end = time.monotonic() + timeout
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)
        ended = self._delivery.stop(max(end - time.monotonic(), 0.0))
        ended = self._workers.stop(max(end - time.monotonic(), 0.0)) and ended
        for state in self._states.values():
            if state.running is None:
                state.target.source.close()
        return ended and not self._thread.is_alive()

    def alive(self, now: float) -> bool:  # noqa: ARG002 - health checks pass the time to every loop
        """Whether both threads run and have shown it lately; false also while an evaluation hangs."""
        oldest = min(self._beat, self._delivery.beat)
        limit = max(DEAD_AFTER_SECONDS, 3 * self._interval)
        running = self._thread.is_alive() and self._delivery.is_alive
        return running and self._monotonic() - oldest < limit

    def statuses(self) -> tuple[TargetReport, ...]:
        """The latest report of every target that has one, in the order of the configuration."""
        with self._lock:
            return tuple(self._reports[name] for name in self._states if name in self._reports)

    def health(self) -> ScrapeLoopHealth:
        """Counts and threads."""
        with self._lock:
            hanging = sum(1 for state in self._states.values() if state.running and state.running.abandoned)
        return ScrapeLoopHealth(
            self._counts.rounds,
            self._counts.missed_ticks,
            self._counts.missed_scrapes,
            self._counts.late_reports,
            self._delivery.skipped,
            self._delivery.errors,
            self._workers.count,
            hanging,
        )

    def _placed(self, targets: Sequence[Target], append: Append, push: Push) -> dict[str, TargetState]:
        now = self._steady.now()
        phase = _phases(targets)
        return {
            target.name: TargetState(
                target,
                TargetScrape(target, append, push),
                first_slot(target.interval, phase[target.name], now),
            )
            for target in targets
        }

    def _plan_all(self) -> None:
        self._events = [self._event(_ROUND, self._round_slot)]
        self._events += [self._event(name, state.slot) for name, state in self._states.items()]
        heapq.heapify(self._events)

    def _event(self, name: str, slot: Slot) -> Event:
        return Event(self._steady.mono_at(slot.due), 0 if name == _ROUND else 1, name)

    def _run(self) -> None:
        try:
            self._began = self._monotonic()
            with self._lock:
                while not self._stopping:
                    self._step()
        except Exception:  # a fault here ends the loop: it must be seen, and ``alive`` says so
            structlog.get_logger().exception("loop.fault")

    def _step(self) -> None:
        self._beat = now = self._monotonic()
        if self._events[0].due > now:
            self._send_out()
            self._lock.wait(min(self._events[0].due - now, 1.0))
        else:
            self._handle(heapq.heappop(self._events))

    def _handle(self, event: Event) -> None:
        if event.name == _ROUND:
            self._open_round()
        elif event.name == _CLOSE:
            if self._board.is_open and self._board.tick == event.round_tick:
                self._close_round()
        else:
            self._due(self._states[event.name])

    def _open_round(self) -> None:
        if self._board.is_open:
            self._close_round()
        jump = self._steady.follow()
        if jump:
            self._follow_jump(jump)
            return
        now = self._steady.now()
        lag = max(now - self._opened(self._round_slot), 0.0)
        slot, missed = without_missed(self._round_slot, now)
        self._counts.missed_ticks += missed
        opened = self._opened(slot)
        close = self._steady.mono_at(opened) + self._board.timing.close
        due = [event.name for event in self._events if event.name in self._states and event.due < close]
        self._board.open(slot.due, 1 + missed, lag, self._jump, due, opened=opened)
        self._jump = 0.0
        heapq.heappush(self._events, Event(close, 2, _CLOSE, self._board.tick))
        self._round_slot = self._after(slot)
        heapq.heappush(self._events, self._event(_ROUND, self._round_slot))
        if not due:
            self._close_round()

    def _opened(self, slot: Slot) -> float:
        """When a round opens (Unix seconds): at its tick, if that was not over when the loop began."""
        return max(slot.due, self._steady.wall_at(self._began))

    def _after(self, slot: Slot) -> Slot:
        """The next tick that leaves the first round its time: that round began whenever the loop did."""
        slot = slot.next()
        while self._steady.mono_at(slot.due) < self._began + self._board.timing.close:
            slot = slot.next()
        return slot

    def _follow_jump(self, jump: float) -> None:
        """The wall clock was set: every tick keeps its distance, on the new grid."""
        structlog.get_logger().warning("clock.jump", seconds=round(jump, 3))
        self._jump += jump
        now = self._steady.now()
        self._round_slot = moved_slot(self._round_slot, jump, now)
        for state in self._states.values():
            state.slot = moved_slot(state.slot, jump, now)
        self._plan_all()

    def _due(self, state: TargetState) -> None:
        now = self._steady.now()
        slot, missed = without_missed(state.slot, now)
        self._counts.missed_scrapes += missed
        state.slot = self._after(slot)
        heapq.heappush(self._events, self._event(state.target.name, state.slot))
        if state.running is None:
            running = state.running = Running(now, self._monotonic() + state.target.timeout)
            self._ready.append(Look(state, running, self._steady, self._monotonic))
            return
        self._counts.missed_scrapes += 1
        overdue = self._monotonic() > state.running.until + GRACE_SECONDS
        if overdue and not state.running.publishing:
            self._abandon(state, state.running, now)

    def _send_out(self) -> None:
        """Hand the looks that are due to workers; those that can be asked at once to one of them."""
        ready, self._ready = self._ready, []
        shared = [look for look in ready if look.state.scrape.asks_ahead]
        for start in range(0, len(shared), MOST_TOGETHER):
            self._submit_together(shared[start : start + MOST_TOGETHER])
        for look in ready:
            if not look.state.scrape.asks_ahead:
                self._submit(look)

    def _submit_together(self, looks: Sequence[Look]) -> None:
        self._workers.submit(lambda: look_together(looks, self._work, self._submit))

    def _submit(self, look: Look) -> None:
        self._workers.submit(lambda: self._work(look))

    def _abandon(self, state: TargetState, running: Running, now: float) -> None:
        """A look hangs although its deadline is over: the target is down, its answer unwanted."""
        running.abandoned = True
        error = too_late(
            state.target.timeout, f"; a look that began {now - running.at:.0f} s ago still hangs"
        )
        self._publish(state, Outcome(now, time.monotonic(), None, error))

    def _work(self, look: Look) -> None:
        """A worker's job: one look."""
        state, running = look.state, look.running
        outcome = self._look(state, running)
        with self._lock:
            running.publishing = not running.abandoned
        if running.publishing:
            self._publish(state, outcome)
        with self._lock:
            state.running = None

    def _look(self, state: TargetState, running: Running) -> Outcome:
        now, left = self._steady.now(), running.until - self._monotonic()
        if left > 0:
            deadline = Deadline(time.monotonic() + left, state.target.timeout)
            return state.scrape.fetch(running.asked or now, deadline)
        text = f"no worker was free for {state.target.timeout:g} s ({self._workers.count} are busy)"
        return Outcome(now, time.monotonic(), None, ScrapeError(ErrorKind.TIMEOUT, text))

    def _publish(self, state: TargetState, outcome: Outcome) -> None:
        try:
            report = state.scrape.publish(outcome)
        except Exception:  # the store's fault must end neither a worker nor the loop
            structlog.get_logger().exception("publish.fault", target=state.target.name)
            report = state.scrape.faulted(outcome.began)
        with self._lock:
            self._reports[state.target.name] = report
            if self._board.report(state.target.name):
                self._close_round()

    def _close_round(self) -> None:
        self._counts.rounds += 1
        closed = self._board.close(self._reports, self._slow)
        self._counts.late_reports += len(closed.late)
        self._delivery.offer(closed, self._steady.mono_at(closed.at))


def _phases(targets: Sequence[Target]) -> dict[str, float]:
    """Seconds after its tick that each target is looked at."""
    together = {target.name for target in targets if isinstance(target.source, AsksAhead)}
    by_interval: dict[float, list[str]] = {}
    for target in targets:
        by_interval.setdefault(target.interval, []).append(target.name)
    found: dict[str, float] = {}
    for interval, names in by_interval.items():
        sharing = bundles(names, together, MOST_TOGETHER)
        for some, offset in zip(sharing, phases(len(sharing), interval), strict=True):
            found.update(dict.fromkeys(some, offset))
    return found
