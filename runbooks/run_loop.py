"""The run loop: answers people, begins runs, carries them on, looks at the levers; a step per evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection

from alerts import timeline_store
from alerts.timeline import TimelineKind
from database import Database, Mark
from metrics.values import Asker
from runbooks import kill_switch_store, request_store, run_changes, run_store
from runbooks.catalog_files import Catalog
from runbooks.facts import FactReader
from runbooks.isolation import isolated
from runbooks.kill_switch import KillSwitch
from runbooks.letting_go import LettingGo
from runbooks.lever import Lever
from runbooks.lever_readings import LeverReadings
from runbooks.lever_watch import LeverWatch
from runbooks.lever_writer import LeverWriter
from runbooks.parts import Parts
from runbooks.request_desk import RequestDesk
from runbooks.run import ACTIVE, Run, RunState
from runbooks.run_changes import Ending
from runbooks.run_keeper import RunKeeper
from runbooks.run_rows import row
from runbooks.starter import Starter
from runbooks.tick import Tick
from runbooks.trouble import IncidentReader, Trouble, concerns
from settings.schema import RunbooksSettings


@dataclass(frozen=True, slots=True)
class Rest:
    """No request, no question and no run waits for a step, for as long as the database has this mark."""

    mark: Mark
    kill_switch: KillSwitch


class RunLoop:
    """Acting. Everything it knows is in the database and at the levers, so it can be killed at any time.

    Args:
        settings: the ``runbooks`` section of the configuration.
        levers: by name; the only handles on the stack.
        asker: where facts come from.
        incidents: what is wrong at the moment.
        clock: Unix seconds, to stamp what calls to levers took.
        new_id: fresh ids for requests.
    """

    def __init__(
        self,
        database: Database,
        settings: RunbooksSettings,
        *,
        catalog: Catalog,
        levers: Mapping[str, Lever],
        asker: Asker,
        incidents: IncidentReader,
        clock: Callable[[], float],
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        facts = FactReader(asker, settings.facts_stale_after)
        holder = new_id()
        self._parts = Parts(database, settings, catalog, levers, facts, clock, new_id, holder)
        self._incidents = incidents
        self._watch = LeverWatch(self._parts)
        self._claimed = False
        self._rest: Rest | None = None

    def step(self, now: float, lag: float) -> None:
        """One step; call it after every evaluation, always from the same thread.

        Args:
            now: the evaluation's time (Unix seconds).
            lag: seconds that the loop was late; over 0.5 the facts count as stale.
        """
        if not self._claimed:
            self._take_over(now)
        database, parts = self._parts.database, self._parts
        readings, rest = LeverReadings(parts.levers, parts.clock), self._rest
        mark = database.mark()
        if rest is not None and rest.mark == mark and not self._incidents.unresolved():
            self._watch.look(readings, Tick(now, lag, rest.kill_switch))
            return
        with database.reading() as connection:
            tick = Tick(now, lag, kill_switch_store.read(connection))
            self._rest = _rest(connection, mark, tick.kill_switch)
        writer = LeverWriter(parts, readings, now)
        starter = Starter(parts, readings, writer)
        tick = RequestDesk(parts, readings, starter, LettingGo(parts, writer)).answer_all(tick)
        troubles = self._incidents.unresolved()
        self._expire(troubles, tick)
        starter.consider_all(troubles, tick)
        self._carry_on(RunKeeper(parts, readings, writer), troubles, tick)
        self._watch.look(readings, tick)

    def forget(self) -> None:
        """Another loop may have acted meanwhile: the next step takes over what it left, as after a start."""
        self._claimed = False

    def _take_over(self, now: float) -> None:
        """Runs that a loop before us left unfinished are ours now."""
        with self._parts.database.transaction() as tx:
            run_store.claim_all(tx, self._parts.holder)
            for run in run_store.active(tx):
                text = f"Showcall started while run {run.key} was {run.state}; it goes on from there"
                timeline_store.append(tx, row(run, now, TimelineKind.SHOWCALL, "taken_over", text))
        self._watch.remember()
        self._claimed = True

    def _carry_on(self, keeper: RunKeeper, troubles: Sequence[Trouble], tick: Tick) -> None:
        with self._parts.database.reading() as connection:
            active = run_store.active(connection)
        for run in active:
            if run.holder != self._parts.holder or run.started_at == tick.now:
                continue
            with isolated("run_failed", run=run.key):
                keeper.carry_on(run, tick, self._firing(run, troubles))

    def _firing(self, run: Run, troubles: Sequence[Trouble]) -> bool:
        runbook = self._parts.catalog.get(run.runbook)
        return runbook is not None and any(
            trouble.incident_id == run.incident_id and concerns(runbook, trouble) for trouble in troubles
        )

    def _expire(self, troubles: Sequence[Trouble], tick: Tick) -> None:
        """Questions that nobody answered in time, or whose incident is over, are withdrawn."""
        with self._parts.database.reading() as connection:
            asked = run_store.in_state(connection, RunState.ASKED)
        for run in asked:
            ending = _withdrawn(run, {trouble.incident_id for trouble in troubles}, tick.now)
            if ending is not None:
                with self._parts.database.transaction() as tx:
                    run_changes.end(tx, run, ending, tick.now)


def _rest(connection: Connection, mark: Mark | None, kill_switch: KillSwitch) -> Rest | None:
    """``mark`` was read before; what is committed since then changes it."""
    if mark is None or request_store.open_requests(connection):
        return None
    waiting = run_store.in_state(connection, RunState.ASKED, *sorted(ACTIVE))
    return None if waiting else Rest(mark, kill_switch)


def _withdrawn(run: Run, unresolved: set[int], now: float) -> Ending | None:
    if run.expires_at is not None and now >= run.expires_at:
        return Ending(RunState.EXPIRED, "expired", f"nobody answered {run.plan.text}")
    if run.incident_id not in unresolved:
        return Ending(RunState.EXPIRED, "incident_over", f"the incident is over: no need for {run.plan.text}")
    return None
