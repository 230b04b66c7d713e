"""Writing the outcome of a request, and finding the run that it names."""

from sqlalchemy import Connection

from alerts import timeline_store
from alerts.timeline import NewTimelineRow, TimelineKind
from database import Database
from runbooks import request_store, run_store
from runbooks.request import Request, RequestKind, RequestOutcome
from runbooks.run import Run
from runbooks.run_rows import row


def answered(tx: Connection, request: Request, outcome: RequestOutcome, text: str, now: float) -> None:
    """Write the outcome together with what it changed; what was not done gets its own timeline row."""
    first = request_store.answer(tx, request.id, outcome, text, now)
    if first and outcome is not RequestOutcome.DONE:
        timeline_store.append(tx, _not_done(tx, request, outcome, text, now))


def answer(database: Database, request: Request, outcome: RequestOutcome, text: str, now: float) -> None:
    """Write the outcome of a request that changed nothing."""
    with database.transaction() as tx:
        answered(tx, request, outcome, text, now)


def _not_done(
    tx: Connection, request: Request, outcome: RequestOutcome, text: str, now: float
) -> NewTimelineRow:
    """People read the timeline: without this row they would never learn what became of their word."""
    run = run_store.get(tx, request.run_key) if request.run_key else None
    return NewTimelineRow(
        at=now,
        kind=TimelineKind.RUN_REFUSED,
        reason=outcome.value,
        text=f"{request.who} asked to {_ASKED[request.kind]}; not done: {text}",
        incident_id=run.incident_id if run else None,
        actor=f"user:{request.who}",
        run_key=run.key if run else None,
        details={"runbook": run.runbook, "lever": run.lever} if run else {},
    )


_ASKED = {
    RequestKind.APPROVE: "begin the run",
    RequestKind.REFUSE: "refuse the run",
    RequestKind.RELEASE: "release by ramp",
    RequestKind.STOP: "stop the run",
    RequestKind.KILL_SWITCH_ON: "turn the kill switch on",
    RequestKind.KILL_SWITCH_OFF: "turn the kill switch off",
}


def run_of(database: Database, request: Request, now: float) -> Run | None:
    """The run that a request names; None when there is none, and the request is answered."""
    with database.reading() as connection:
        run = run_store.get(connection, request.run_key or "")
    if run is None:
        text = f"there is no run {request.run_key!r}"
        answer(database, request, RequestOutcome.NO_SUCH_RUN, text, now)
    return run


def by_user(run: Run, request: Request, kind: TimelineKind, text: str, now: float) -> NewTimelineRow:
    """The timeline row of what a person did to a run."""
    return row(run, now, kind, "by_user", text, actor=f"user:{request.who}")
