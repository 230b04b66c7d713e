"""Looking at runbooks without a hand on anything: the decision that would be made now, and all behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerts import alert_store, incident_store
from alerts.clause import ClauseReading
from alerts.clause_facts import read_clauses
from database import Database
from metrics.errors import QueryError
from metrics.values import Asker
from runbooks import decision_store, kill_switch_store, laws, lease_store, lever_store, plan, run_store
from runbooks.catalog_files import Catalog
from runbooks.decision import decide
from runbooks.facts import FactReader
from runbooks.guards import Guard, GuardResult
from runbooks.lever_readings import LeverReadings
from runbooks.lever_store import KnownLever
from runbooks.limits import counted_since, limited, usage
from runbooks.parts import Parts
from runbooks.plan import Plan
from runbooks.remembered_lever import RememberedLever
from runbooks.run import Run
from runbooks.runbook import Runbook
from runbooks.runbook_look import Case, GuardLook, RunbookLook
from runbooks.situations import Situations
from runbooks.tick import Tick
from runbooks.trouble import IncidentReader, Trouble, concerns
from settings.schema import LeverSettings, RunbooksSettings

RUNS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Eyes:
    """What one look uses: the decision's own readers, over levers as they were last seen."""

    parts: Parts
    situations: Situations
    tick: Tick
    guards: tuple[GuardResult, ...]


class Onlooker:
    """Sees what the run loop sees and does nothing. Any thread may look.

    Args:
        settings: the ``runbooks`` section of the configuration.
        levers: their settings; what they say is read from the database.
    """

    def __init__(
        self,
        database: Database,
        settings: RunbooksSettings,
        *,
        catalog: Catalog,
        levers: Sequence[LeverSettings],
        asker: Asker,
        incidents: IncidentReader,
    ) -> None:
        self.catalog = catalog
        self._database = database
        self._settings = settings
        self._levers = tuple(levers)
        self._facts = FactReader(asker, settings.facts_stale_after)
        self._incidents = incidents

    def look(self, runbook: Runbook, now: float, lag: float) -> RunbookLook:
        """A runbook as it stands; a few questions for each guard.

        Args:
            lag: seconds that evaluation is late; over 0.5 facts count as stale, as they do for the run loop.
        """
        guards = self._facts.guards(runbook.guards, now, lag)
        troubles = self._incidents.unresolved()
        with self._database.reading() as connection:
            known = {lever.lever: lever for lever in lever_store.readings(connection)}
            tick = Tick(now, lag, kill_switch_store.read(connection))
            lately = run_store.of_runbook_since(connection, runbook.name, counted_since(runbook.limits, now))
            held = tuple(lease_store.held(connection))
            alerts = tuple(alert_store.active(connection))
            unresolved = tuple(incident.id for incident in incident_store.unresolved(connection))
            runs = tuple(run_store.newest_of_runbook(connection, runbook.name, RUNS_SHOWN))
        eyes = self._eyes(known, tick, guards)
        return RunbookLook(
            runbook=runbook,
            now=now,
            mode=eyes.parts.mode(runbook),
            kill_switch=tick.kill_switch,
            guards=tuple(
                GuardLook(result, guard.fresh, self._clauses(guard, now))
                for guard, result in zip(runbook.guards, guards, strict=True)
            ),
            usage=usage(runbook.limits, lately, now),
            limited=limited(runbook.limits, lately, now),
            levers=tuple(known[name] for name in runbook.levers if name in known),
            plan=_plan(runbook, eyes),
            cases=tuple(
                self._case(runbook, trouble, eyes) for trouble in troubles if concerns(runbook, trouble)
            ),
            anyway=decide(eyes.situations.of(runbook, None, tick, guards)),
            unresolved=unresolved,
            alerts=alerts,
            held=held,
            runs=runs,
        )

    def _eyes(self, known: dict[str, KnownLever], tick: Tick, guards: tuple[GuardResult, ...]) -> _Eyes:
        levers = {lever.name: RememberedLever(lever, known.get(lever.name)) for lever in self._levers}
        parts = Parts(
            self._database,
            self._settings,
            self.catalog,
            levers,
            self._facts,
            clock=lambda: tick.now,
            new_id=lambda: "",
            holder="",
        )
        return _Eyes(parts, Situations(parts, LeverReadings(levers, lambda: tick.now)), tick, guards)

    def _clauses(self, guard: Guard, now: float) -> tuple[ClauseReading, ...]:
        try:
            return read_clauses(guard.expr, self._facts.asker, now)
        except QueryError:
            return ()

    def _case(self, runbook: Runbook, trouble: Trouble, eyes: _Eyes) -> Case:
        situation = eyes.situations.of(runbook, trouble.incident_id, eyes.tick, eyes.guards)
        with self._database.reading() as connection:
            known = decision_store.get(connection, runbook.name, trouble.incident_id)
        last: Run | None = situation.earlier[-1] if situation.earlier else None
        return Case(trouble.incident_id, decide(situation), known, last, situation.busy)


def _plan(runbook: Runbook, eyes: _Eyes) -> Plan | None:
    known = eyes.situations.known_levers(runbook)
    if known is None:
        return None
    return plan.make(runbook, None, known, eyes.guards, laws.first_value(runbook))
