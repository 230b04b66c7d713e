"""What the admission controller knows and remembers, and the two moves of every phase: hold and cut."""

from dataclasses import dataclass, replace
from enum import StrEnum

from runbooks.step import Action, Direction, StepReason, Unusable, Wish

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Law:
    """The numbers of the law; seconds, users, and fractions of ``objective``."""

    cut: float
    floor: float
    baseline: float
    objective: float
    period: float = 10.0
    lead: float = 1.5
    drained_for: float = 5.0
    drained_mean: float = 1.0
    up_below: float = 0.6
    down_above: float = 0.95
    lift_below: float = 0.35
    down_to: float = 0.9
    shed_above: float = 2.0
    shed_to: float = 0.7
    fewest_requests: int = 10
    nearly_nobody: float = 2.0
    quiet: float = 20.0
    ramp_factor: float = 2.0
    ramp_every: float = 3.0
    unit: str = "users"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of itself now.

    Attributes:
        pending: requests waiting for a connection; ``pending_mean``: their mean over the last 5 s.
        completions: connections given back, per second over the last 10 s.
        active, waiting: users admitted and still asking, and users in the waiting queue.
        pool_size: connections of the pool.
        latency: p95 in seconds of the requests issued since ``Control.measured_from``, None without any.
        requests: how many requests that is measured on.
    """

    pending: float
    pending_mean: float
    completions: float
    active: float
    waiting: float
    pool_size: float
    latency: float | None
    requests: float

    @property
    def backlog(self) -> float:
        """Seconds until those who wait now have been served; infinite when nothing completes."""
        if self.pending == 0:
            return 0.0
        return self.pending / self.completions if self.completions > 0 else float("inf")


class Phase(StrEnum):
    """Where the law stands."""

    DRAIN = "drain"
    STEER = "steer"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Control:
    """What the law remembers between steps; times are Unix seconds.

    Attributes:
        cap: the value set last.
        changed_at: when it was set.
        decided_at: when the last decision of the period fell.
        measured_from: requests issued since then count for the latency.
        bound_at: when the cap was last seen binding.
        forced: a person or an undo lets go: no condition is asked, and nothing cuts again.
        rising: direction of the last step while steering; ``reversals`` counts its changes.
    """

    phase: Phase
    cap: float
    changed_at: float
    decided_at: float
    measured_from: float
    bound_at: float
    forced: bool = False
    rising: bool | None = None
    reversals: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """What the law wants and what it will remember if that is done."""

    wish: Wish
    control: Control


def begin(cap: float, now: float) -> Control:
    """The control right after a cut to ``cap``, or on adopting a lever that stands there."""
    return Control(Phase.DRAIN, cap, changed_at=now, decided_at=now, measured_from=now, bound_at=now)


def let_go(control: Control) -> Control:
    """Release by ramp because somebody said so, whatever the demand is."""
    return replace(control, phase=Phase.RELEASE, forced=True)


def must_cut(facts: Facts | Unusable) -> bool:
    """The trigger: as many wait as the pool has connections."""
    return isinstance(facts, Facts) and facts.pending >= facts.pool_size > 0


def cut(law: Law, control: Control, facts: Facts, reason: StepReason, now: float) -> Decided:
    """To the floor at once, the excess back to the head of the queue; a cut never lets more in."""
    cap = min(law.cut, control.cap)
    text = (
        f"pool waiting {facts.pending:.0f}, backlog {facts.backlog:.1f} s: "
        f"{control.cap:g} -> {cap:g} {law.unit}, the excess back to the head of the queue"
    )
    return Decided(Wish(Action.SET, reason, text, cap, put_back_excess=True), begin(cap, now))


@dataclass(frozen=True, slots=True)
class View:
    """One tick: the law, what it remembers, usable facts and the time."""

    law: Law
    control: Control
    facts: Facts
    now: float

    @property
    def since_change(self) -> float:
        """Seconds since the cap was last changed."""
        return self.now - self.control.changed_at

    @property
    def binds(self) -> bool:
        """As many users are active as the cap lets in."""
        return self.facts.active >= self.control.cap

    def arrow(self, cap: float, why: str) -> str:
        """The change and its reason as one line."""
        return f"{self.control.cap:g} -> {cap:g} {self.law.unit}: {why}"


def hold(control: Control, reason: StepReason, text: str, next_at: float | None = None) -> Decided:
    """Leave the cap where it is, and say why."""
    releasing = control.phase is Phase.RELEASE
    direction = Direction.RELEASING if releasing else Direction.HOLDING
    return Decided(Wish(Action.HOLD, reason, text, direction=direction, next_at=next_at), control)
