"""The fake stack's numbers: users want in, the cap lets some in, ten connections serve, the rest wait."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

DATES = "/api/v1/concert/{concertId}/date"
BUCKETS = (1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 30.0, 35.0, 60.0)
POOL = 'pool="HikariPool-1"'


@dataclass
class FakeJourney:
    """Numbers of one moment, and counters that grow with time.

    Attributes:
        cap, breaker: the levers' present values; an open breaker lets nobody wait for a connection.
        demand: users who want in.
        pool_size: connections; ``serves``: requests answered per second while anybody is active.
        latency: seconds that every answer takes; ``failing``: part of the answers that are 500.
    """

    cap: Callable[[], int]
    breaker: Callable[[], str]
    demand: int = 0
    pool_size: int = 10
    serves: float = 5.0
    latency: float = 0.8
    failing: float = 0.0
    _seen: float | None = None
    _good: float = 0.0
    _bad: float = 0.0
    _admitted: float = 0.0
    _slow: dict[float, float] = field(default_factory=lambda: dict.fromkeys(BUCKETS, 0.0))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def active(self) -> int:
        return min(self.demand, self.cap())

    @property
    def waiting(self) -> int:
        return self.demand - self.active

    @property
    def pending(self) -> int:
        return 0 if self.breaker() == "FORCED_OPEN" else max(0, self.active - self.pool_size)

    def advance(self, now: float) -> None:
        """Count what happened since the last call."""
        with self._lock:
            passed = 0.0 if self._seen is None else max(now - self._seen, 0.0)
            self._seen = now
            served = passed * self.serves if self.active else 0.0
            self._good += served * (1 - self.failing)
            self._bad += served * self.failing
            self._admitted += served / 5
            for edge in BUCKETS:
                self._slow[edge] += served * (1 - self.failing) if self.latency <= edge else 0.0

    def page(self, now: float) -> str:
        """The actuator's page."""
        self.advance(now)
        with self._lock:
            return "\n".join([*self._pool(), *self._queue(), *self._breaker(), *self._requests(), ""])

    def _pool(self) -> Iterator[str]:
        used = min(self.active, self.pool_size)
        yield f"hikaricp_connections{{{POOL}}} {self.pool_size}"
        yield f"hikaricp_connections_max{{{POOL}}} {self.pool_size}"
        yield f"hikaricp_connections_active{{{POOL}}} {used}"
        yield f"hikaricp_connections_idle{{{POOL}}} {self.pool_size - used}"
        yield f"hikaricp_connections_pending{{{POOL}}} {self.pending}"
        yield f"hikaricp_connections_usage_seconds_count{{{POOL}}} {self._good + self._bad:.6f}"
        yield f"hikaricp_connections_usage_seconds_sum{{{POOL}}} {(self._good + self._bad) * 2:.6f}"
        yield f"hikaricp_connections_timeout_total{{{POOL}}} 0"

    def _queue(self) -> Iterator[str]:
        yield f"queue_active {self.active}"
        yield f"queue_waiting {self.waiting}"
        yield f"queue_active_cap {self.cap()}"
        yield "queue_admission_limit 100"
        yield f"queue_admitted_total {self._admitted:.6f}"

    def _breaker(self) -> Iterator[str]:
        name = "resilience4j_circuitbreaker_state"
        for state in ("metrics_only", "closed", "forced_open"):
            yield f'{name}{{name="database",state="{state}"}} {int(state == self.breaker().lower())}'

    def _requests(self) -> Iterator[str]:
        name, good = "http_server_requests_seconds", f'method="GET",uri="{DATES}",status="200"'
        for edge in BUCKETS:
            yield f'{name}_bucket{{{good},le="{edge:g}"}} {self._slow[edge]:.6f}'
        yield f'{name}_bucket{{{good},le="+Inf"}} {self._good:.6f}'
        yield f"{name}_count{{{good}}} {self._good:.6f}"
        yield f"{name}_sum{{{good}}} {self._good * self.latency:.6f}"
        bad = f'method="GET",uri="{DATES}",status="500"'
        yield f'{name}_bucket{{{bad},le="+Inf"}} {self._bad:.6f}'
        yield f"{name}_count{{{bad}}} {self._bad:.6f}"
        yield f"{name}_sum{{{bad}}} {self._bad:.6f}"
