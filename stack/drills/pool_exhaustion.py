"""The pool-exhaustion drill: a healthy start, a surge beyond what the database serves, and what follows.

Played on a running stack. The platform under test is watched through an ``Observer`` and never helped.
"""

import asyncio
from collections.abc import Callable

import uvloop

from stack.drills.going_home import send_home
from stack.drills.journey import DATE, TicketJourney
from stack.drills.machine import MachineMeter
from stack.drills.observer import ObservedEvent, ObservedIncident, Observer
from stack.drills.plan import DrillPlan
from stack.drills.progress import DrillProgress, OnProgress, ProgressKind, load_line
from stack.drills.readiness import DrillNotReadyError, held, service_problems, waiting
from stack.drills.result import DrillResult, Generator
from stack.drills.sampler import Sampler
from stack.drills.service_log import end_of, read_from
from stack.drills.target import StackUnderDrill
from stack.drills.watcher import Watcher
from stack.load.engine import LoadEngine, LoadSettings, OpenArrivals, Snapshot
from stack.load.steady_clock import Clock, steady

_GRACE = 3.0
_LOOK = 0.25
_FRESH = 3.0


def run_drill(
    plan: DrillPlan,
    stack: StackUnderDrill,
    observer: Observer | None,
    on_progress: OnProgress,
    *,
    clock: Clock,
    stop: Callable[[], bool] = lambda: False,
) -> DrillResult:
    """Play the drill and return everything that was seen. Takes under four minutes with the plan's defaults.

    Args:
        observer: the platform under test, None to see the stack left alone.
        on_progress: told every timeline row as it happens, phases, and the load about once a second.
        clock: the wall clock in Unix seconds, read once.
        stop: asked several times a second; True ends the drill early with what was seen so far.

    Raises:
        DrillNotReadyError: the stack does not answer, is not at its baseline, or an incident is unresolved.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Drill(plan, stack, observer, on_progress, steady(clock)).play(stop))


class _Drill:
    """One run, with its parts wired."""

    def __init__(
        self,
        plan: DrillPlan,
        stack: StackUnderDrill,
        observer: Observer | None,
        on_progress: OnProgress,
        clock: Clock,
    ) -> None:
        self._plan, self._stack, self._clock, self._on_progress = plan, stack, clock, on_progress
        self._journey = TicketJourney(plan)
        self._sampler = Sampler(stack.management, plan.levers, plan.sample_every, clock)
        self._watcher = Watcher(observer, clock, self._tell_event) if observer else None
        self._engine = LoadEngine(
            stack.service,
            self._journey,
            OpenArrivals(plan.stages(stack.capacity), plan.healthy_rate, seed=plan.seed),
            settings=LoadSettings(plan.patience, graceful_seconds=_GRACE),
            clock=clock,
            on_snapshot=self._tell_load,
        )
        self._phase = ""

    async def play(self, stop: Callable[[], bool]) -> DrillResult:
        await self._make_ready()
        log_offset, machine, started_at = end_of(self._stack.log_file), MachineMeter(), self._clock()
        loading = asyncio.create_task(self._engine.run())
        beside = [asyncio.create_task(self._sampler.run())]
        if self._watcher:
            beside.append(asyncio.create_task(self._watcher.run()))
        try:
            complete = await self._until_over(started_at, (loading, *beside), stop)
            self._engine.stop()
            await loading
            if self._watcher:
                await self._watcher.look()
        finally:
            await _cancelled(loading, *beside)
        result = self._result(started_at, log_offset, machine, complete)
        if self._plan.watch_after is not None:
            await send_home(self._stack.service, self._journey.inside, self._clock)
        return result

    async def _make_ready(self) -> None:
        unresolved = await self._watcher.begin() if self._watcher else ()
        await self._sampler.look()
        problems = await service_problems(self._stack.service, self._clock)
        problems += [failing.text for failing in self._sampler.failures]
        problems += [line for sample in self._sampler.samples for line in (*waiting(sample), *held(sample))]
        problems += [f"incident {incident.id} is {incident.state} (want resolved)" for incident in unresolved]
        if problems:
            raise DrillNotReadyError(problems)

    async def _until_over(
        self, started_at: float, tasks: tuple[asyncio.Task[object], ...], stop: Callable[[], bool]
    ) -> bool:
        surge_until = started_at + self._plan.healthy_seconds + self._plan.surge_seconds
        linger = self._plan.linger if self._plan.watch_after is None else 0.0
        over_since: float | None = None
        while not any(task.done() for task in tasks):
            if stop():
                return False
            now = self._clock()
            over_since = (over_since or now) if self._is_over(now, surge_until) else None
            if over_since is not None and now - over_since >= linger:
                return True
            await asyncio.sleep(_LOOK)
        for task in tasks:
            if task.done():
                task.result()
        return True

    def _is_over(self, now: float, surge_until: float) -> bool:
        if self._plan.watch_after is not None:
            return now >= surge_until + self._plan.watch_after
        return now > surge_until and self._all_over()

    def _all_over(self) -> bool:
        sample = self._sampler.samples[-1]
        fresh = self._clock() - sample.at < _FRESH
        # A few still arrive and wait for their turn: that is the healthy state, not part of the incident.
        at_rest = fresh and sample.pool_pending == 0 and not list(held(sample))
        return at_rest and (self._watcher is None or self._watcher.all_resolved)

    def _result(
        self, started_at: float, log_offset: int, machine: MachineMeter, complete: bool
    ) -> DrillResult:
        ended_at, log = self._clock(), self._engine.log
        surge_from = min(ended_at, started_at + self._plan.healthy_seconds)
        return DrillResult(
            plan=self._plan,
            capacity=self._stack.capacity,
            started_at=started_at,
            surge_from=surge_from,
            surge_until=min(ended_at, surge_from + self._plan.surge_seconds),
            ended_at=ended_at,
            complete=complete,
            observed=self._watcher is not None,
            requests=tuple(log.records()),
            visits=tuple(self._journey.visits),
            samples=tuple(self._sampler.samples),
            sampling_failures=tuple(self._sampler.failures),
            events=tuple(self._watcher.events) if self._watcher else (),
            incidents=self._incidents(),
            log=read_from(self._stack.log_file, log_offset),
            generator=Generator(
                log.dropped, log.lag.percentile(99) or 0.0, log.lag.maximum, dict(sorted(log.checks.items()))
            ),
            machine=machine.read(),
        )

    def _incidents(self) -> tuple[ObservedIncident, ...]:
        return self._watcher.incidents if self._watcher else ()

    def _tell_event(self, event: ObservedEvent) -> None:
        self._on_progress(DrillProgress(event.at, ProgressKind.TIMELINE, event.text, event))

    def _tell_load(self, snapshot: Snapshot) -> None:
        if snapshot.phase != self._phase:
            self._phase = snapshot.phase
            text = f"{snapshot.phase}: {snapshot.rate:.1f} users/s"
            self._on_progress(DrillProgress(snapshot.at, ProgressKind.PHASE, text))
        sample = self._sampler.samples[-1] if self._sampler.samples else None
        p95 = self._engine.log.latency_lately(DATE, snapshot.at).p95
        line = load_line(snapshot, sample, p95, self._plan.cap_lever)
        self._on_progress(DrillProgress(snapshot.at, ProgressKind.LOAD, line))


async def _cancelled(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=5.0)
