"""What the concert stack shows of itself, second by second, from a small model of its pool and database."""

from collections.abc import Iterator
from dataclasses import dataclass, field

EDGES = (0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 30.0)
DATE = "/api/v1/concert/{concertId}/date"
CONCERT = 'job="concert",instance="127.0.0.1:18081"'
POOL = f'{CONCERT},pool="HikariPool-1"'


@dataclass
class ConcertNumbers:
    """A line before a database that serves ``capacity`` queries a second, in the order of arrival.

    ``slow_start`` makes the first queries after the start slower, as a cold database does.
    """

    capacity: float = 4.8
    slow_start: float = 1.0
    errors: float = 0.0
    timeouts: float = 0.0
    inside: list[float] = field(default_factory=list)
    served: float = 0.0
    busy: float = 0.0
    admitted: float = 0.0
    failed: float = 0.0
    requests: float = 0.0
    buckets: dict[float, float] = field(default_factory=lambda: dict.fromkeys((*EDGES, float("inf")), 0.0))
    _room: float = 0.0
    _arriving: float = 0.0

    def second(self, now: float, users: float) -> None:
        """One second in which ``users`` users (five queries each) arrive."""
        self.admitted += users
        self._arriving += 5 * users
        while self._arriving >= 1:
            self.inside.append(now)
            self._arriving -= 1
        self._room = (
            min(self._room + self.capacity, self.capacity) if not self.inside else self._room + self.capacity
        )
        done = min(int(self._room), len(self.inside))
        self._room -= done
        for _ in range(done):
            self._finish(now - self.inside.pop(0) + 1 / self.capacity)
        self.busy += min(1.0, (done or len(self.inside)) / self.capacity)

    def _finish(self, seconds: float) -> None:
        took = seconds * (self.slow_start if self.served < 3 else 1.0)
        self.served += 1
        self.requests += 1
        self.failed += self.errors
        for edge in self.buckets:
            self.buckets[edge] += float(took <= edge)

    def shown(self) -> dict[str, float]:
        """The actuator page."""
        active = min(10, len(self.inside))
        return {
            f"hikaricp_connections_active{{{POOL}}}": float(active),
            f"hikaricp_connections_max{{{POOL}}}": 10.0,
            f"hikaricp_connections_pending{{{POOL}}}": float(len(self.inside) - active),
            f"hikaricp_connections_usage_seconds_count{{{POOL}}}": self.served,
            f"hikaricp_connections_timeout_total{{{POOL}}}": self.timeouts,
            f"queue_admitted_total{{{CONCERT}}}": self.admitted,
            **dict(self._requests()),
        }

    def boxes(self) -> dict[str, float]:
        """The containers."""
        shown = {}
        for name, busy in (("database", 0.95 * self.busy), ("concert", 0.05 * self.busy)):
            labels = f'{{job="containers",name="{name}"}}'
            shown[f"container_cpu_usage_seconds_total{labels}"] = busy
            shown[f"container_spec_cpu_quota{labels}"] = 100_000.0
            shown[f"container_spec_cpu_period{labels}"] = 100_000.0
        return shown

    def _requests(self) -> Iterator[tuple[str, float]]:
        for edge, count in self.buckets.items():
            le = "+Inf" if edge == float("inf") else str(edge)
            yield (
                f'http_server_requests_seconds_bucket{{{CONCERT},uri="{DATE}",status="200",le="{le}"}}',
                count,
            )
        for status, counted in (("200", self.requests - self.failed), ("503", self.failed)):
            yield f'http_server_requests_seconds_count{{{CONCERT},uri="{DATE}",status="{status}"}}', counted
