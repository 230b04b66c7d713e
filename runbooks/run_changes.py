"""Changes of a run's state, each with its lease and its timeline rows inside the caller's transaction."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from alerts import timeline_store
from alerts.timeline import TimelineKind
from runbooks import lease_store, run_memory, run_store
from runbooks.lease import Lease
from runbooks.run import Run, RunState
from runbooks.run_memory import RunMemory
from runbooks.run_rows import row


class LostRunError(RuntimeError):
    """Another run loop carries this run out by now; nothing was written or sent."""


def save(tx: Connection, run: Run) -> None:
    """Store a run that we hold.

    Raises:
        LostRunError: another loop holds it; the transaction is rolled back.
    """
    if not run_store.save(tx, run):
        raise LostRunError(f"run {run.key} is carried out by another run loop")


def remember(run: Run, memory: RunMemory) -> Run:
    """The run with this memory."""
    return replace(run, control=run_memory.to_json(memory))


def keep_lease(tx: Connection, lease: Lease) -> None:
    """Store the lease where it says something new."""
    if lease_store.of_run(tx, lease.run_key) != lease:
        lease_store.save(tx, lease)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run will have been: the state, the reason, and a sentence."""

    state: RunState
    reason: str
    text: str


def end(tx: Connection, run: Run, ending: Ending, at: float) -> Run:
    """The run is over: it holds nothing any more."""
    run = replace(run, state=ending.state, reason=ending.reason, ended_at=at)
    save(tx, run)
    lease_store.end(tx, run.lever, run.key)
    details = {"state": ending.state.value}
    ended = row(run, at, TimelineKind.RUN_ENDED, ending.reason, ending.text, details=details)
    timeline_store.append(tx, ended)
    return run
