"""A run: one plan being carried out, and the states it goes through.

    asked -> acting -> holding <-> releasing -> succeeded
                          |            |
                          +-> target_ramp -> let_go, undone or stopped

Final states never change, save that a late write of our own that shows up at the target is adopted again.
"""

from dataclasses import dataclass
from enum import StrEnum

from runbooks.plan import Plan
from settings.schema import RunbookMode


class RunState(StrEnum):
    """Where a run stands."""

    ASKED = "asked"
    ACTING = "acting"
    HOLDING = "holding"
    RELEASING = "releasing"
    TARGET_RAMP = "target_ramp"
    SUCCEEDED = "succeeded"  # the lever was let go when it was no longer needed
    LET_GO = "let_go"  # the target put the lever back before we did
    UNDONE = "undone"  # verification found harm, or no effect
    FAILED = "failed"  # the lever could not be moved
    NEEDS_PERSON = "needs_person"  # somebody else holds the lever now
    STOPPED = "stopped"  # a person ended it
    DECLINED = "declined"  # a person said no
    EXPIRED = "expired"  # nobody answered, or it was no longer needed


ACTIVE = frozenset({RunState.ACTING, RunState.HOLDING, RunState.RELEASING, RunState.TARGET_RAMP})
"""States in which a run holds its levers."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        key: unique; ``<runbook>-<incident>-<count>``. It is also the ``runId`` in the target's lease.
        reason: the machine-readable reason of the present state.
        decided_by: ``showcall`` in auto mode, else ``user:<name>`` who approved or declined.
        asked_at, expires_at: set when a person is asked.
        undone_at: when verification asked for the lever back.
        control: where the run stands, as JSON of ``runbooks.run_memory.RunMemory``.
        holder: which run loop carries it out; a loop that finds another here lets go of the run.
    """

    key: str
    runbook: str
    incident_id: int | None
    lever: str
    state: RunState
    reason: str
    mode: RunbookMode
    plan: Plan
    created_at: float
    asked_at: float | None = None
    expires_at: float | None = None
    decided_by: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    undone_at: float | None = None
    control: str = "{}"
    holder: str = ""
