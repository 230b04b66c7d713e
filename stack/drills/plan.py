"""The numbers of the pool-exhaustion drill: who comes when, what they do, and what must follow.

Where a number comes from is said beside it; the reasons behind the law of the load are measured ones: a cap
that admits up to 100 users at a time onto a pool of 10 exhausts it within the first admission of the surge.
"""

from dataclasses import dataclass, field

from stack.load.stages import Stage
from stack.load.virtual_user import Patience
from stack.local.state import Capacity

HEALTHY, SURGE, TAIL = "healthy", "surge", "tail"


@dataclass(frozen=True, slots=True)
class LeverPath:
    """A lever that the drill reads for itself; ``path`` on the management port."""

    name: str
    path: str


LEVERS = (
    LeverPath("active_users_cap", "/actuator/active-users"),
    LeverPath("admission_rate", "/actuator/admission"),
    LeverPath("circuit_breaker", "/actuator/circuitbreakers/database"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must follow (seconds, counts, queries per second).

    Attributes:
        alert_within: from the log stamp of the wait that makes the rule true to the firing alert.
        act_within: from firing to the lever set.
        recover_within: from the first cut to recovery, while the surge goes on.
        objective: p90 and p95 of date requests issued after recovery; published with the scenario.
        cap_reversals: changes of direction of the cap after recovery.
        release_pending: requests waiting for a connection while the levers ramp back; fewer than this.
        capacity_from: lowest measured capacity for which the objective can be met at all.
        capacity_to: highest one at which the drill is the published incident.
    """

    alert_within: float = 3.0
    act_within: float = 1.0
    recover_within: float = 60.0
    objective: float = 2.5
    cap_reversals: int = 2
    release_pending: int = 10
    capacity_from: float = 4.5
    capacity_to: float = 5.2


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """The pool-exhaustion drill.

    Attributes:
        alert: name of the alert whose firing is timed.
        exhaustion_alerts: names of the alerts that say that the pool is exhausted.
        concert_id: whose dates everybody asks for; ``queries`` times, ``think`` seconds after each answer.
        ask_every: seconds between two looks at the waiting number.
        waiting_patience: seconds a user waits, each time, before giving up.
        healthy_seconds: the start with few users, ``healthy_rate`` a second.
        surge_rate: users a second; None takes the measured queries a second, which with five queries a user
            is a fivefold overload.
        tail_seconds: at most so long after the surge, at ``tail_rate``; it ends early when all is over.
        linger: seconds to go on watching when all is over, for a second incident that must not come.
        watch_after: None ends the drill when all is over. Seconds end it that long after the surge, however
            things stand, and send everybody home: for a stack left alone, which is not over for minutes.
        settle: seconds after recovery that belong to nobody's figures.
        period: seconds of one admission period, the window of "recovered".
        recovered_pending: mean of waiting requests below which a period counts as recovered.
        sample_every: seconds between two looks at the management port.
        members: user ids are 1 to this.
        cap_lever: the lever whose reversals are counted.
    """

    name: str = "pool_exhaustion"
    alert: str = "PoolExhausted"
    exhaustion_alerts: tuple[str, ...] = ("PoolExhausted", "PoolBacklog")
    concert_id: int = 451
    queries: int = 5
    think: float = 1.0
    ask_every: float = 3.0
    waiting_patience: float = 30.0
    patience: Patience = field(default_factory=Patience)
    healthy_seconds: float = 20.0
    healthy_rate: float = 0.3
    surge_seconds: float = 80.0
    surge_rate: float | None = None
    tail_seconds: float = 120.0
    tail_rate: float = 0.2
    linger: float = 5.0
    watch_after: float | None = None
    settle: float = 10.0
    period: float = 10.0
    recovered_pending: float = 1.0
    sample_every: float = 0.5
    members: int = 30_000
    seed: int = 451
    cap_lever: str = "active_users_cap"
    levers: tuple[LeverPath, ...] = LEVERS
    wanted: Wanted = field(default_factory=Wanted)

    def surge_users(self, capacity: Capacity) -> float:
        """Users a second in the surge."""
        return capacity.queries_per_second if self.surge_rate is None else self.surge_rate

    def stages(self, capacity: Capacity) -> tuple[Stage, ...]:
        """The load: a level, a jump, a level, a jump, a level."""
        surge = self.surge_users(capacity)
        return (
            Stage(0, self.healthy_rate, HEALTHY),
            Stage(self.healthy_seconds, self.healthy_rate, HEALTHY),
            Stage(0, surge, SURGE),
            Stage(self.surge_seconds, surge, SURGE),
            Stage(0, self.tail_rate, TAIL),
            Stage(self.tail_seconds, self.tail_rate, TAIL),
        )
