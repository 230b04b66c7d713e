"""A small queueing model of the concert stack under a surge: users, waiting queue, cap, pool, database.

The database is one core shared by the queries it runs (processor sharing), the pool hands its connections
out in arrival order, users ask five times with a second between answer and next question.
"""

import random
from collections import deque
from dataclasses import dataclass, field

from runbooks.admission_law import Facts

STEP = 0.05
EDGES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 30.0, 35.0, 60.0)


@dataclass(eq=False)
class User:
    arrived: float
    queued_at: float
    asks_left: int = 5
    next_ask: float | None = None
    busy: bool = False


@dataclass(eq=False)
class Query:
    user: User
    issued: float
    work: float


@dataclass
class SurgeModel:
    """The stack; ``tick`` advances it by one step of 50 ms."""

    capacity: float
    users_a_second: float
    surge_ends: float
    seed: int = 1
    noise: float = 0.15
    pool_size: int = 10
    baseline: float = 1000.0
    now: float = 0.0
    cap: float = 1000.0
    waiting: deque[User] = field(default_factory=deque)
    active: list[User] = field(default_factory=list)
    pool_queue: deque[Query] = field(default_factory=deque)
    running: list[Query] = field(default_factory=list)
    ended: list[tuple[float, float]] = field(default_factory=list)  # (ended at, latency)
    issued: list[tuple[float, float]] = field(default_factory=list)  # (issued at, latency)
    pool_timeouts: int = 0
    gave_up: int = 0
    pending_each_second: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.speed = 1.0
        self.arrivals_owed = 0.0
        self.next_tick = 10.0
        self.next_refill = 0.0

    def tick(self) -> None:
        self.now = round(self.now + STEP, 6)
        self._arrive()
        self._give_up()
        self._admit()
        self._ask()
        self._serve()
        if abs(self.now - round(self.now)) < STEP / 2:
            self.pending_each_second.append((self.now, len(self.pool_queue)))
            drift = self.random.uniform(-self.noise, self.noise)
            self.speed = 0.7 * self.speed + 0.3 * (1 + drift)

    def set_cap(self, cap: float, put_back: bool) -> None:
        self.cap = cap
        while put_back and len(self.active) > cap:
            user = self.active.pop()
            user.queued_at = self.now
            self.waiting.appendleft(user)

    def run_for(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            self.tick()

    def facts(self, measured_from: float) -> Facts:
        """What the server's own metrics would say now, at one sample a second."""
        recent = [at for at, _ in self.ended if at > self.now - 10]
        window = max(1.0, min(30.0, float(int(self.now - measured_from))))
        in_window = [latency for at, latency in self.ended if at > self.now - window]
        calm = [pending for at, pending in self.pending_each_second if at > self.now - 5]
        return Facts(
            pending=len(self.pool_queue),
            pending_mean=sum(calm) / max(1, len(calm)),
            completions=len(recent) / 10,
            active=len(self.active),
            waiting=len(self.waiting),
            pool_size=self.pool_size,
            latency=quantile(0.95, in_window) if self.now > measured_from and in_window else None,
            requests=len(in_window) if self.now > measured_from else 0,
        )

    def _arrive(self) -> None:
        if self.now < self.surge_ends:
            self.arrivals_owed += self.users_a_second * STEP * self.random.uniform(0.5, 1.5)
        while self.arrivals_owed >= 1:
            self.arrivals_owed -= 1
            self.waiting.append(User(self.now, self.now))

    def _give_up(self) -> None:
        before = len(self.waiting)
        self.waiting = deque(user for user in self.waiting if self.now - user.queued_at < 30)
        self.gave_up += before - len(self.waiting)

    def _admit(self) -> None:
        room = 0
        if self.now >= self.next_tick:
            self.next_tick += 10
            room = 100
        elif self.cap < self.baseline and self.now >= self.next_refill:
            self.next_refill = self.now + 1
            room = len(self.waiting) if self.waiting else 0
        while room > 0 and self.waiting and len(self.active) < self.cap:
            room -= 1
            user = self.waiting.popleft()
            user.next_ask = user.next_ask or self.now + self.random.uniform(0, 3)
            self.active.append(user)

    def _ask(self) -> None:
        for user in list(self.active):
            if user.busy or user.next_ask is None or self.now < user.next_ask:
                continue
            user.busy = True
            work = self.random.uniform(0.8, 1.2)
            self.pool_queue.append(Query(user, self.now, work))

    def _serve(self) -> None:
        while self.pool_queue and self.now - self.pool_queue[0].issued > 30:
            self.pool_timeouts += 1
            self._answered(self.pool_queue.popleft())
        while self.pool_queue and len(self.running) < self.pool_size:
            self.running.append(self.pool_queue.popleft())
        share = self.capacity * self.speed * STEP / max(1, len(self.running))
        for query in list(self.running):
            query.work -= share
            if query.work <= 0:
                self.running.remove(query)
                self._answered(query)

    def _answered(self, query: Query) -> None:
        latency = self.now - query.issued
        self.ended.append((self.now, latency))
        self.issued.append((query.issued, latency))
        user = query.user
        user.busy = False
        user.asks_left -= 1
        user.next_ask = self.now + 1
        if user.asks_left == 0 and user in self.active:
            self.active.remove(user)


def quantile(q: float, values: list[float]) -> float:
    """As ``histogram_quantile`` over the service's buckets: linear inside the bucket."""
    rank = q * len(values)
    below = 0
    low = 0.0
    for edge in EDGES:
        count = sum(1 for value in values if low < value <= edge)
        if below + count >= rank and count:
            return low + (edge - low) * (rank - below) / count
        below += count
        low = edge
    return EDGES[-1]
