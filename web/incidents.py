"""Incidents: the list, and one incident with why, timeline, charts, levers and notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, flash, g, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from alerts import alert_store, incident_store, timeline_store, why_facts
from alerts.incident import Incident, IncidentState
from alerts.timeline import TimelineRow
from alerts.topology import Topology
from alerts.why import WhyCard
from runbooks import decision_store, lease_store, lever_store, run_store
from runbooks.decision_store import KnownDecision
from runbooks.lease import Lease
from runbooks.lever_store import KnownLever
from runbooks.run import ACTIVE, Run, RunState
from runbooks.why_not import WhyNotActing, why_not_in_incident
from settings.schema import Settings
from web import acting, charts, evidence
from web.acting import ShownAsk, ShownLease
from web.incident_alerts import ShownAlert, shown_alerts
from web.mirror import mirror
from web.now import may_act
from web.parts import ConsoleParts, parts
from web.security import responder

LISTED = 100
ROWS_ON_PAGE = 2000
NOTE_LENGTH = 4000

blueprint = Blueprint("incidents", __name__, url_prefix="/incidents")


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Everything on an incident's page, read at one time (Unix seconds); ``titles`` by component or lever."""

    at: float
    incident: Incident
    why: WhyCard | None
    alerts: tuple[ShownAlert, ...]
    runs: tuple[Run, ...]
    leases: tuple[ShownLease, ...]
    asks: tuple[ShownAsk, ...]
    levers: tuple[KnownLever, ...]
    rows: tuple[TimelineRow, ...]
    decisions: tuple[KnownDecision, ...]
    why_not: tuple[WhyNotActing, ...]
    titles: Mapping[str, str]

    @property
    def last_row(self) -> int:
        """The cursor from which the event stream goes on."""
        return self.rows[-1].id if self.rows else 0

    @property
    def lasted(self) -> float:
        """Seconds from opening to resolution, or to now."""
        return (self.incident.resolved_at or self.at) - self.incident.opened_at


def view(part: ConsoleParts, incident_id: int, rows_shown: int = 0) -> IncidentView | None:
    """Read one incident with so many of its timeline rows; None when there is no such incident."""
    now = part.clock()
    with part.database.reading() as connection:
        incident = incident_store.get(connection, incident_id)
        if incident is None:
            return None
        runs = tuple(run_store.for_incident(connection, incident_id))
        leases = [lease for lease in lease_store.held(connection) if lease.incident_id == incident_id]
        alerts = shown_alerts(alert_store.for_incident(connection, incident_id))
        levers = tuple(lever_store.readings(connection))
        rows = tuple(timeline_store.since(connection, 0, incident_id, rows_shown))
        decisions = tuple(decision_store.of_incident(connection, incident_id))
    return IncidentView(
        at=now,
        incident=incident,
        why=why_now(part, incident, leases, now),
        alerts=alerts,
        runs=runs,
        leases=tuple(acting.shown_lease(lease, part.settings, now) for lease in leases),
        asks=tuple(acting.shown_ask(run) for run in runs if run.state is RunState.ASKED),
        levers=levers,
        rows=rows,
        decisions=decisions,
        why_not=why_nobody_acts(part, incident, runs),
        titles=titles(part.settings),
    )


def why_nobody_acts(part: ConsoleParts, incident: Incident, runs: Sequence[Run]) -> tuple[WhyNotActing, ...]:
    """Why no runbook acts in an incident that is not over; empty while one does or not all were seen."""
    if incident.state is IncidentState.RESOLVED or any(run.state in ACTIVE for run in runs):
        return ()
    looks = tuple(mirror().looks().values())
    whole = len(looks) == len(part.onlooker.catalog.runbooks)
    return why_not_in_incident(looks, incident.id) if whole else ()


def titles(settings: Settings) -> Mapping[str, str]:
    """How people read the name of a component or a lever."""
    components = {component.name: component.title for component in settings.topology}
    return components | {lever.name: lever.title for lever in settings.levers}


def why_now(part: ConsoleParts, incident: Incident, leases: Sequence[Lease], now: float) -> WhyCard | None:
    """The card as it stands, our own actions on it; once resolved, the one frozen at the opening."""
    if incident.state is IncidentState.RESOLVED:
        return incident.why
    held = [lease_store.as_held(lease) for lease in leases]
    return why_facts.current_why(incident, part.asker, now, Topology.of(part.settings), held)


@blueprint.get("")
def listing() -> str:
    """Incidents, newest first."""
    part = parts()
    with part.database.reading() as connection:
        found = incident_store.recent(connection, LISTED)
    return render_template("incidents.html", incidents=found, now=part.clock())


@blueprint.get("/<int:incident_id>")
def page(incident_id: int) -> str:
    """One incident."""
    found = view(parts(), incident_id, ROWS_ON_PAGE)
    if found is None:
        abort(404, f"There is no incident {incident_id}.")
    takings = evidence.shown(parts(), incident_id)
    return render_template("incident.html", view=found, takings=takings, can_act=may_act())


@blueprint.get("/<int:incident_id>/charts.json")
def chart_data(incident_id: int) -> Response:
    """The incident's charts: series, and the bands in which an action held."""
    part = parts()
    with part.database.reading() as connection:
        incident = incident_store.get(connection, incident_id)
        runs = run_store.for_incident(connection, incident_id)
    if incident is None:
        abort(404, f"There is no incident {incident_id}.")
    return jsonify(charts.document(part.asker, incident, runs, part.clock(), part.long_range))


@blueprint.post("/<int:incident_id>/acknowledge")
@responder
def acknowledge(incident_id: int) -> Response:
    """Mark the incident as the signed-in user's."""
    part = parts()
    with part.database.transaction() as tx:
        done = incident_store.acknowledge(tx, incident_id, g.session.user, part.clock())
    flash("Acknowledged: it is yours." if done else "It is acknowledged already.", "done")
    return _back(incident_id)


@blueprint.post("/<int:incident_id>/notes")
@responder
def add_note(incident_id: int) -> Response:
    """Append a note to the timeline."""
    part = parts()
    text = request.form.get("text", "").strip()
    if len(text) > NOTE_LENGTH:
        flash(
            f"The note has {len(text)} characters; at most {NOTE_LENGTH} are kept. Nothing was saved.",
            "error",
        )
        return _back(incident_id)
    try:
        with part.database.transaction() as tx:
            incident_store.add_note(tx, incident_id, g.session.user, text, part.clock())
    except ValueError as error:
        flash(f"Nothing was saved: {error}.", "error")
    return _back(incident_id)


def _back(incident_id: int) -> Response:
    return redirect(url_for("incidents.page", incident_id=incident_id), 303)
