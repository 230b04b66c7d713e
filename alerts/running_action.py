"""A lever that is held for an incident, as messages tell of it. Runbooks know; assembly injects."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunningAction:
    """One held lever.

    Attributes:
        title: how people read the lever's name.
        value, baseline: with their unit, e.g. ``8 users``.
        since, until: Unix seconds; at ``until`` the target lets go by itself unless the lease is renewed.
        doing: one line: what happens now and what it waits for.
    """

    lever: str
    title: str
    runbook: str
    incident_id: int | None
    value: str
    baseline: str
    since: float
    until: float
    doing: str


RunningActions = Callable[[], tuple[RunningAction, ...]]
"""Every held lever; asked when a message is made, must not go over the network."""
