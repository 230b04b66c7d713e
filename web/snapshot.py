"""What the Now page shows, as one frozen value computed at one time."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts import incident_store, timeline_store
from alerts.incident import Incident, IncidentState
from alerts.timeline import TimelineRow
from collector.round import TargetReport
from runbooks import kill_switch_store, lease_store, lever_store, run_store
from runbooks.kill_switch import KillSwitch
from runbooks.lever import worded
from runbooks.lever_store import KnownLever
from runbooks.run import RunState
from settings.schema import Settings, TargetKind
from web import acting, journey, wording
from web.acting import ShownAsk, ShownLease
from web.journey import STALE_AFTER_SECONDS, ShownComponent
from web.parts import ConsoleParts, LoopHealth

ROWS_SHOWN = 12


class Health(StrEnum):
    """The stack in one word."""

    OK = "ok"
    DEGRADED = "degraded"
    INCIDENT = "incident"
    ACTING = "acting"


@dataclass(frozen=True, slots=True)
class ShownTarget:
    """A target with the age of its data in seconds (None: never any)."""

    name: str
    up: bool
    age: float | None
    error: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole of the Now page. ``unwell``: what is wrong with Showcall itself, a line each."""

    at: float
    health: Health
    headline: str
    subline: str
    mode: str
    components: tuple[ShownComponent, ...]
    incidents: tuple[Incident, ...]
    leases: tuple[ShownLease, ...]
    asks: tuple[ShownAsk, ...]
    targets: tuple[ShownTarget, ...]
    unwell: tuple[str, ...]
    astray: tuple[str, ...]
    kill_switch: KillSwitch
    rows: tuple[TimelineRow, ...]


def take(parts: ConsoleParts) -> Snapshot:
    """Look at everything once."""
    now = parts.clock()
    with parts.database.reading() as connection:
        incidents = tuple(reversed(incident_store.unresolved(connection)))
        held = lease_store.held(connection)
        asks = tuple(acting.shown_ask(run) for run in run_store.in_state(connection, RunState.ASKED))
        kill_switch = kill_switch_store.read(connection)
        rows = tuple(timeline_store.latest(connection, ROWS_SHOWN))
        levers = lever_store.readings(connection)
    leases = tuple(acting.shown_lease(lease, parts.settings, now) for lease in held)
    ours = {lease.lever for lease in leases}
    runs = {lease.run_key for lease in leases}
    astray = tuple(astray_line(known) for known in levers if is_astray(known, runs))
    moved = any(known.at_baseline is False and known.lever not in ours for known in levers)
    targets = tuple(shown_target(report, parts.settings, now) for report in parts.targets())
    unwell = tuple(unwell_line(loop) for loop in parts.loops() if loop.note or not loop.alive)
    storage = parts.storage()
    unwell += () if storage is None else storage.troubles
    blind = bool(unwell) or any(known.error is not None for known in levers)
    health = judge(incidents, bool(leases) or moved, targets, blind)
    return Snapshot(
        at=now,
        health=health,
        headline=headline(health, incidents, targets, unwell),
        subline=subline(incidents, leases, now),
        mode=parts.settings.runbooks.mode.value,
        components=journey.components(parts.asker, parts.settings.topology, now),
        incidents=incidents,
        leases=leases,
        asks=asks,
        targets=targets,
        unwell=unwell,
        astray=astray,
        kill_switch=kill_switch,
        rows=rows,
    )


def unwell_line(loop: LoopHealth) -> str:
    """A loop that does not turn, or not always."""
    state = "turns again after an error" if loop.alive else "does not turn"
    return f"{loop.name} {state}" + (f": {loop.note}" if loop.note else "")


def is_astray(known: KnownLever, runs: Container[str]) -> bool:
    """Whether a lever is away from its baseline, or not known to be there, and no lease shown tells of it."""
    if known.error is not None or known.reading is None:
        return True
    lease = known.reading.lease
    return known.at_baseline is not True and (lease is None or lease.run_id not in runs)


def astray_line(known: KnownLever) -> str:
    """A lever that is away from its baseline, or of which that is not known."""
    if known.error is not None or known.reading is None:
        return f"{known.title}: cannot be read ({known.error or 'not asked yet'})"
    now, home = worded(known.reading.value), worded(known.baseline, known.unit)
    owner = f", held by {known.reading.lease.owner}" if known.reading.lease else ", nobody holds it"
    return f"{known.title}: {now} instead of {home}{owner}"


def judge(
    incidents: Sequence[Incident], levers_moved: bool, targets: Sequence[ShownTarget], blind: bool
) -> Health:
    """The worst thing that is true: an open incident, then acting, then what keeps us from knowing."""
    if any(incident.state is IncidentState.OPEN for incident in incidents):
        return Health.INCIDENT
    if incidents or levers_moved:
        return Health.ACTING
    if blind or not targets or any(not target.up or is_old(target) for target in targets):
        return Health.DEGRADED
    return Health.OK


def is_old(target: ShownTarget) -> bool:
    """Whether a target's newest data is too old to speak of now."""
    return target.age is None or target.age > STALE_AFTER_SECONDS


def headline(
    health: Health, incidents: Sequence[Incident], targets: Sequence[ShownTarget], unwell: Sequence[str]
) -> str:
    """The state in one sentence."""
    if incidents:
        return incidents[0].title
    if health is Health.ACTING:
        return "A lever is away from its baseline"
    if unwell:
        return "Showcall itself is not well"
    if health is Health.DEGRADED:
        blind = [target.name for target in targets if not target.up or is_old(target)]
        return f"No current data from {', '.join(blind)}" if blind else "Waiting for the first data"
    return "All quiet: visitors get through"


def subline(incidents: Sequence[Incident], leases: Sequence[ShownLease], now: float) -> str:
    """What is being done about it, since when."""
    if not incidents:
        return "No incident is open."
    incident = incidents[0]
    owner = (
        f"owned by {incident.acknowledged_by}" if incident.acknowledged_by else "nobody has acknowledged it"
    )
    acting = "; ".join(f"{lease.title} at {lease.value} {lease.unit}" for lease in leases) or "no lever moved"
    since = wording.duration(now - incident.opened_at)
    return f"{incident.state.value} for {since} · {acting} · {owner}"


def shown_target(report: TargetReport, settings: Settings, now: float) -> ShownTarget:
    """A target's last report in words."""
    simulated = any(
        target.name == report.target and target.kind is TargetKind.LOCAL_PROCESSES
        for target in settings.collector.targets
    )
    return ShownTarget(
        name=report.target,
        up=report.up and report.error_kind is None,
        age=None if report.last_up_at is None else max(0.0, now - report.last_up_at),
        error=report.error or "",
        simulated=simulated,
    )
