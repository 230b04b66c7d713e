"""The load engine: brings users in, lets each walk a journey, and says every second how it goes.

Open arrivals come at their times whatever the stack does; when more than ``max_users`` would be inside at
once, the surplus is counted as dropped iterations (k6's word: the generator was short, not the stack).
Closed users are a constant number that start over as soon as they are through.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from stack.load.http_client import Address, HttpClient
from stack.load.load_log import LoadLog
from stack.load.stages import Stage, arrival_times, duration, rate_at, stage_name_at
from stack.load.steady_clock import Clock
from stack.load.virtual_user import Patience, VirtualUser

Journey = Callable[[VirtualUser], Awaitable[None]]

_CANCEL_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class OpenArrivals:
    """Users arrive at a rate (users per second) that follows ``stages``, evenly spaced with seeded jitter."""

    stages: tuple[Stage, ...]
    start_rate: float = 0.0
    seed: int = 1
    jitter: float = 0.5
    max_users: int = 20_000


@dataclass(frozen=True, slots=True)
class ClosedUsers:
    """``users`` at once, each starting over when through, for ``seconds``; the first starts span ``ramp``."""

    users: int
    seconds: float
    ramp: float = 1.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How the users behave towards failures, and how long the last ones may take when arrivals are over."""

    patience: Patience = field(default_factory=Patience)
    graceful_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The run at one instant.

    Attributes:
        elapsed: seconds since the start.
        rate: users per second that the stages want now; 0 for closed users.
        inside: users on their journey.
        lag: seconds that the latest 1 % of the requests were sent after their intended time, or more.
    """

    at: float
    elapsed: float
    phase: str
    rate: float
    started: int
    finished: int
    inside: int
    dropped: int
    requests: int
    failed: int
    open_requests: int
    oldest_open: float
    lag: float


class LoadEngine:
    """Runs one load against one server.

    Args:
        clock: Unix seconds that never jump (``steady_clock.steady``).
        on_snapshot: called about every second from the event loop; it must return quickly.
    """

    def __init__(
        self,
        address: Address,
        journey: Journey,
        shape: OpenArrivals | ClosedUsers,
        *,
        settings: LoadSettings,
        clock: Clock,
        on_snapshot: Callable[[Snapshot], None] | None = None,
    ) -> None:
        self._address, self._journey, self._shape = address, journey, shape
        self._settings, self._clock = settings, clock
        self._on_snapshot = on_snapshot
        self._began = clock()
        self._users: set[asyncio.Task[None]] = set()
        self._numbers = count(1)
        self._crash: BaseException | None = None
        self._stopping = asyncio.Event()
        self.log = LoadLog(self._phase_of)

    def stop(self) -> None:
        """End the run now: no more arrivals, users cut off, open requests recorded as unfinished."""
        self._stopping.set()

    async def run(self) -> LoadLog:
        """Play the whole load; returns when everybody is through, or after the graceful seconds.

        Raises:
            Exception: what a journey raised; a failed request never raises, so this is a mistake in it.
        """
        raise_open_files_limit()
        self._began = self._clock()
        reporting = asyncio.create_task(self._report())
        playing = asyncio.create_task(self._play())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((playing, stopping, reporting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end((playing, stopping, *self._users))
            await _end((reporting,))
        for task in (playing, reporting):
            if not task.cancelled() and (error := task.exception()):
                raise error
        if self._crash is not None:
            raise self._crash
        return self.log

    def snapshot(self) -> Snapshot:
        """The run right now."""
        now, log = self._clock(), self.log
        return Snapshot(
            at=now,
            elapsed=now - self._began,
            phase=self._phase_of(now),
            rate=self._rate(now),
            started=log.started,
            finished=log.finished,
            inside=log.started - log.finished,
            dropped=log.dropped,
            requests=len(log),
            failed=log.failures().total(),
            open_requests=log.open_requests,
            oldest_open=log.oldest_open(now),
            lag=log.lag.percentile(99) or 0.0,
        )

    async def _play(self) -> None:
        if isinstance(self._shape, OpenArrivals):
            await self._bring_in(self._shape)
        else:
            await self._keep_inside(self._shape)
        if self._users:
            await asyncio.wait(self._users, timeout=self._settings.graceful_seconds)

    async def _bring_in(self, shape: OpenArrivals) -> None:
        for offset in arrival_times(shape.start_rate, shape.stages, shape.seed, shape.jitter):
            await self._until(self._began + offset)
            if len(self._users) >= shape.max_users:
                self.log.dropped += 1
            else:
                self._enter(self._walk(self._user(self._began + offset)))
        await self._until(self._began + duration(shape.stages))

    async def _keep_inside(self, shape: ClosedUsers) -> None:
        until = self._began + shape.seconds
        for number in range(shape.users):
            self._enter(self._loop(self._began + shape.ramp * number / shape.users, until))
        await self._until(until)

    async def _loop(self, starts_at: float, until: float) -> None:
        await self._until(starts_at)
        user = self._user(starts_at)
        while user.intends_at < until:
            before = user.intends_at
            await self._walk_once(user)
            if user.intends_at == before:
                await user.think(0.001)
        user.leave()

    async def _walk(self, user: VirtualUser) -> None:
        try:
            await self._walk_once(user)
        finally:
            user.leave()

    async def _walk_once(self, user: VirtualUser) -> None:
        self.log.started += 1
        try:
            await self._journey(user)
        finally:
            self.log.finished += 1

    def _user(self, arrives_at: float) -> VirtualUser:
        patience = self._settings.patience
        client = HttpClient(self._address, self._clock, patience.timeout)
        return VirtualUser(
            next(self._numbers), arrives_at, client=client, log=self.log, clock=self._clock, patience=patience
        )

    def _enter(self, walk: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(walk)
        self._users.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._users.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._crash = self._crash or error
            self.stop()

    async def _report(self) -> None:
        for second in count(1):
            await self._until(self._began + second)
            if self._on_snapshot is not None:
                self._on_snapshot(self.snapshot())

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._clock()))

    def _phase_of(self, at: float) -> str:
        if isinstance(self._shape, ClosedUsers):
            return self._shape.name
        return stage_name_at(self._shape.stages, at - self._began)

    def _rate(self, now: float) -> float:
        if isinstance(self._shape, ClosedUsers):
            return 0.0
        return rate_at(self._shape.start_rate, self._shape.stages, now - self._began)


def raise_open_files_limit() -> None:
    """Every user holds a connection: use all the open files that the system grants this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    # A cancellation can be swallowed on its way: ask for it more than once, never wait for it forever.
    for _ in range(_CANCEL_ROUNDS):
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if not left:
            return
        await asyncio.wait(left, timeout=1.0)
