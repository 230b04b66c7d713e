"""Writing the outcome of a request, and finding the run that it names."""

from sqlalchemy import Connection

from alerts.timeline import NewTimelineRow, TimelineKind
from database import Database
from runbooks import request_store, run_store
from runbooks.request import Request, RequestOutcome
from runbooks.run import Run
from runbooks.run_rows import row


def answered(tx: Connection, request: Request, outcome: RequestOutcome, text: str, now: float) -> None:
    """Write the outcome together with what it changed."""
    request_store.answer(tx, request.id, outcome, text, now)


def answer(database: Database, request: Request, outcome: RequestOutcome, text: str, now: float) -> None:
    """Write the outcome of a request that changed nothing."""
    with database.transaction() as tx:
        request_store.answer(tx, request.id, outcome, text, now)


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
