"""Takes evidence: quick captures at once, slow ones on threads of their own, all of it into SQL.

What is to be taken follows from what SQL knows (``evidence_due``), so that a kill at any point loses nothing:
the next Showcall takes what is missing and says how long after the opening that was.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from sqlalchemy import Connection

from alerts import alert_store, evidence_store, incident_store, timeline_store
from alerts.evaluator import Evaluation
from alerts.evidence import Asked, Capture, Captured, CaptureError, Evidence, EvidenceState, Pace
from alerts.evidence_due import Chooser, Due, Past, due, triggers
from alerts.evidence_rows import taken_row
from alerts.incident import Incident, IncidentState
from alerts.timeline import TimelineKind
from database import Database

QUICK_SECONDS = 0.1
"""What all quick captures of a taking may take: acting waits for them."""

SLOW_SECONDS = 5.0
GRACE_SECONDS = 1.0
"""After its deadline a slow capture has this long to say itself why it failed."""


@dataclass
class _Followed:
    """An unresolved incident, when its rules came in, and what was taken for it."""

    incident: Incident
    joined: dict[str, float]
    past: Past = field(default_factory=Past)


@dataclass(frozen=True, slots=True)
class _Job:
    """A slow capture under way, and when (on ``elapsed``) it counts as hung."""

    capture: Capture
    evidence: Evidence
    hung_at: float


class EvidenceTaking:
    """Called by evaluation after every round, before anyone acts on it.

    Args:
        captures: by their keys; quick ones must not use the network.
        choose: which rule wants what.
        clock: Unix seconds.
        elapsed: a clock for durations only.
    """

    def __init__(
        self,
        captures: Sequence[Capture],
        choose: Chooser,
        *,
        database: Database,
        clock: Callable[[], float],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._captures: Mapping[str, Capture] = {capture.traits.key: capture for capture in captures}
        self._choose = choose
        self._database = database
        self._clock = clock
        self._elapsed = elapsed
        self._followed: dict[int, _Followed] | None = None
        self._lock = threading.Lock()
        self._jobs: dict[int, _Job] = {}
        self._lanes: set[str] = set()
        self._first = True
        self._stopped = False

    def follow(self, evaluation: Evaluation) -> None:
        """Take what this evaluation makes due. Never raises: evidence is lost before an action is."""
        try:
            self._end_hung()
            followed = self._followed = self._now_followed(evaluation)
            for each in followed.values():
                self._take_due(each, evaluation.at)
        except Exception:
            self._followed = None
            structlog.get_logger().exception("evidence_not_taken", at=evaluation.at)

    def forget(self) -> None:
        """Another Showcall may have taken evidence meanwhile: begin as after a start."""
        self._followed, self._first = None, True

    def stop(self, within: float) -> None:
        """What is still being taken is left to the next Showcall; wait a little for what is nearly there."""
        end = self._elapsed() + within
        while self._jobs and self._elapsed() < end:
            time.sleep(0.02)
        with self._lock:
            self._stopped = True

    def _now_followed(self, evaluation: Evaluation) -> dict[int, _Followed]:
        followed = self._recalled() if self._followed is None else self._followed
        for incident in (*evaluation.opened, *(step.after for step in evaluation.incidents)):
            known = followed.setdefault(incident.id, _Followed(incident, {}))
            known.incident = incident
            for rule in incident.rules:
                known.joined.setdefault(rule, evaluation.at)
        return {
            number: each
            for number, each in followed.items()
            if each.incident.state is not IncidentState.RESOLVED
        }

    def _recalled(self) -> dict[int, _Followed]:
        """What SQL knows. At a start, what another Showcall was taking is marked as interrupted."""
        if self._first:
            with self._database.transaction() as tx:
                evidence_store.interrupt_all(tx)
            self._first = False
        followed = {}
        with self._database.reading() as connection:
            for incident in incident_store.unresolved(connection):
                joined: dict[str, float] = {}
                for alert in alert_store.for_incident(connection, incident.id):
                    joined.setdefault(alert.rule, alert.fired_at or alert.active_at)
                past = evidence_store.past(connection, incident.id)
                followed[incident.id] = _Followed(incident, joined, past)
        return followed

    def _take_due(self, each: _Followed, at: float) -> None:
        offered = [capture.traits for capture in self._captures.values()]
        story = triggers(each.incident, each.joined)
        found = due(offered, story, each.past, choose=self._choose, incident=each.incident, at=at)
        if found is None:
            return
        new = self._begun(found, each, at)
        each.past = Past(
            takings=each.past.takings + 1,
            last={**each.past.last, **{traits.key: at for traits in found.captures}},
        )
        self._start_slow(new, Asked(each.incident, at))

    def _begun(self, found: Due, each: _Followed, at: float) -> list[Evidence]:
        """Take the quick ones, then store them with their row, and the slow ones as about to be taken."""
        asked = Asked(each.incident, at)
        number = each.past.takings + 1
        evidence = [
            Evidence(each.incident.id, number, found.occasion, found.because, traits, at)
            for traits in found.captures
        ]
        quick = self._quick([new for new in evidence if new.traits.pace is Pace.QUICK], asked)
        slow = [new for new in evidence if new.traits.pace is Pace.SLOW]
        with self._database.transaction() as tx:
            ids = evidence_store.add_all(tx, [*quick, *slow])
            if quick:
                action_at = _first_action_at(tx, each.incident.id)
                row = taken_row(quick, each.incident.opened_at, action_at, self._clock())
                timeline_store.append(tx, row)
        return [replace(new, id=row_id) for new, row_id in zip(slow, ids[len(quick) :], strict=True)]

    def _quick(self, evidence: Sequence[Evidence], asked: Asked) -> list[Evidence]:
        end = self._elapsed() + QUICK_SECONDS
        taken = []
        for new in evidence:
            left = end - self._elapsed()
            if left > 0:
                taken.append(self._tried(self._captures[new.traits.key], new, asked, left))
            else:
                why = f"left out: those before it took all of {QUICK_SECONDS * 1000:g} ms"
                taken.append(replace(new, state=EvidenceState.FAILED, error=why))
        return taken

    def _start_slow(self, evidence: Sequence[Evidence], asked: Asked) -> None:
        end = self._elapsed() + SLOW_SECONDS
        lanes: dict[str, list[_Job]] = {}
        for new in evidence:
            job = _Job(self._captures[new.traits.key], new, end + GRACE_SECONDS)
            lanes.setdefault(new.traits.lane or new.traits.key, []).append(job)
        for lane, jobs in lanes.items():
            with self._lock:
                busy = lane in self._lanes
                self._lanes.add(lane)
                self._jobs |= {} if busy else {job.evidence.id: job for job in jobs}
            if busy:
                self._leave_out(jobs)
            else:
                work = (lane, jobs, asked, end)
                threading.Thread(
                    target=self._run_lane, args=work, name=f"evidence-{lane}", daemon=True
                ).start()

    def _leave_out(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            why = "left out: an earlier look over the same connection has not ended"
            self._store(replace(job.evidence, state=EvidenceState.FAILED, error=why))

    def _run_lane(self, lane: str, jobs: Sequence[_Job], asked: Asked, end: float) -> None:
        try:
            for job in jobs:
                self._run(job, asked, end)
        except Exception:
            if not self._stopped:
                structlog.get_logger().exception("evidence_not_stored", lane=lane)
        finally:
            with self._lock:
                self._lanes.discard(lane)

    def _run(self, job: _Job, asked: Asked, end: float) -> None:
        left = end - self._elapsed()
        if left > 0:
            ended = self._tried(job.capture, job.evidence, asked, left)
        else:
            why = f"not begun: those before it on the same connection took all of {SLOW_SECONDS:g} s"
            ended = replace(job.evidence, state=EvidenceState.FAILED, error=why)
        with self._lock:
            if self._stopped:
                return
        self._store(ended)
        with self._lock:
            self._jobs.pop(job.evidence.id, None)

    def _tried(self, capture: Capture, new: Evidence, asked: Asked, seconds: float) -> Evidence:
        began, start = self._clock(), self._elapsed()
        captured, error = _attempt(capture, asked, seconds)
        return replace(
            new,
            state=EvidenceState.TAKEN if error is None else EvidenceState.FAILED,
            began_at=began,
            seconds=self._elapsed() - start,
            captured=captured,
            error=error,
        )

    def _end_hung(self) -> None:
        """A capture that does not come back is given up; its thread keeps its lane until it does."""
        with self._lock:
            hung = [job for job in self._jobs.values() if self._elapsed() > job.hung_at]
        for job in hung:
            why = f"no answer within {SLOW_SECONDS:g} s"
            self._store(replace(job.evidence, state=EvidenceState.FAILED, error=why))
            with self._lock:
                self._jobs.pop(job.evidence.id, None)

    def _store(self, ended: Evidence) -> None:
        """How a slow capture ended; with the last one of its taking goes the row of all of them."""
        with self._database.transaction() as tx:
            if not evidence_store.finish(tx, ended):
                return
            together = evidence_store.of_taking(tx, ended.incident_id, ended.taking, Pace.SLOW)
            incident = incident_store.get(tx, ended.incident_id)
            if incident is None or any(each.state is EvidenceState.TAKING for each in together):
                return
            action_at = _first_action_at(tx, ended.incident_id)
            row = taken_row(together, incident.opened_at, action_at, self._clock())
            timeline_store.append(tx, row)


def _first_action_at(connection: Connection, incident_id: int) -> float | None:
    first = timeline_store.first_of_kind(connection, incident_id, TimelineKind.LEVER_SET)
    return None if first is None else first.at


def _attempt(capture: Capture, asked: Asked, seconds: float) -> tuple[Captured, str | None]:
    try:
        return capture.take(asked, seconds), None
    except CaptureError as error:
        return Captured(""), str(error)
    except Exception as error:
        structlog.get_logger().exception("capture_failed", capture=capture.traits.key)
        text = next(iter(str(error).splitlines()), "")
        return Captured(""), f"a fault of Showcall's own ({type(error).__name__}: {text})"
