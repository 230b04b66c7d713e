"""What the machine is doing, as pages show it: held levers and questions that wait for a person."""

from dataclasses import dataclass

from runbooks.lease import Lease
from runbooks.lever import worded
from runbooks.run import Run
from settings.schema import Settings


@dataclass(frozen=True, slots=True)
class ShownLease:
    """A held lever. Times are Unix seconds, ``next_in`` seconds from now."""

    lever: str
    title: str
    value: str
    baseline: str
    unit: str
    phase: str
    doing: str
    until: float
    next_at: float | None
    next_in: float | None
    run_key: str
    runbook: str
    incident_id: int | None


@dataclass(frozen=True, slots=True)
class ShownAsk:
    """A run that waits for a person."""

    key: str
    runbook: str
    summary: str
    plan_hash: str
    expires_at: float
    incident_id: int | None


def shown_lease(lease: Lease, settings: Settings, now: float) -> ShownLease:
    """A lease in words."""
    titles = {lever.name: lever.title for lever in settings.levers}
    return ShownLease(
        lever=lease.lever,
        title=titles.get(lease.lever, lease.lever),
        value=worded(lease.value),
        baseline=worded(lease.baseline),
        unit=lease.unit,
        phase=lease.phase.value,
        doing=lease.doing,
        until=lease.until,
        next_at=lease.next_at,
        next_in=None if lease.next_at is None else max(0.0, lease.next_at - now),
        run_key=lease.run_key,
        runbook=lease.runbook,
        incident_id=lease.incident_id,
    )


def shown_ask(run: Run) -> ShownAsk:
    """A waiting run in words."""
    return ShownAsk(
        key=run.key,
        runbook=run.runbook,
        summary=run.plan.text,
        plan_hash=run.plan.hash,
        expires_at=run.expires_at or run.created_at,
        incident_id=run.incident_id,
    )
