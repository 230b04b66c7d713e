"""What alerts need to know of levers that are away from their baseline. Runbooks implement it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lever that is not (yet) back: leased, ramping, or known to be away from its baseline.

    Attributes:
        lever: the lever's name, e.g. ``active_users_cap``.
        component: the component of the topology that the lever acts on.
        incident_id: the incident it is held for; None when a person or another tool holds it.
        value: where it is now, in ``unit``; a state's name for state levers.
        baseline: where it belongs.
        since: Unix seconds of the moment it left its baseline.
    """

    lever: str
    component: str
    incident_id: int | None
    value: float | str
    baseline: float | str
    unit: str
    since: float


class HeldLeases(Protocol):
    """Asked once per evaluation, so it must be cheap and must not go over the network."""

    def held(self) -> tuple[HeldLease, ...]:
        """Every lever away from its baseline; empty means that all of them are at baseline."""
