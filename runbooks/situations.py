"""Gathering what a decision looks at."""

from collections.abc import Mapping, Sequence

from runbooks import laws, run_store
from runbooks.decision import Situation
from runbooks.guards import GuardResult
from runbooks.lever import LeverReading
from runbooks.lever_readings import LeverReadings
from runbooks.limits import counted_since, limited
from runbooks.parts import Parts, baseline_of
from runbooks.plan import Known
from runbooks.runbook import Runbook, VerifyDirection
from runbooks.tick import Tick


class Situations:
    """Reads the database, the levers and the facts for one decision."""

    def __init__(self, parts: Parts, readings: LeverReadings) -> None:
        self._parts = parts
        self._readings = readings

    def of(
        self,
        runbook: Runbook,
        incident_id: int | None,
        tick: Tick,
        judged: Sequence[GuardResult] | None = None,
    ) -> Situation:
        """How things stand for one runbook in one incident.

        Args:
            judged: its guards where somebody has judged them just now.
        """
        now = tick.now
        with self._parts.database.reading() as connection:
            busy = run_store.holding(connection, runbook.levers)
            earlier = run_store.of_runbook_in(connection, runbook.name, incident_id)
            lately = run_store.of_runbook_since(connection, runbook.name, counted_since(runbook.limits, now))
        lever, reading = self._parts.levers[runbook.lever], self._readings.of(runbook.lever)
        baseline = lever.settings.baseline
        if isinstance(reading, LeverReading):
            baseline = baseline_of(lever, reading)
        # Who is busy already needs no guards: the questions cost a query each.
        if judged is None:
            judged = () if busy else self._parts.facts.guards(runbook.guards, now, tick.lag)
        return Situation(
            runbook=runbook.name,
            mode=self._parts.mode(runbook),
            kill_switch=tick.kill_switch,
            busy=busy,
            earlier=earlier,
            limited=limited(runbook.limits, lately, now),
            reading=reading,
            baseline=baseline,
            target=laws.first_value(runbook),
            unit=lever.settings.unit,
            guards=judged,
            protects=lever.settings.safe_direction
            if runbook.verify.direction is VerifyDirection.SAFE
            else None,
        )

    def known_levers(self, runbook: Runbook) -> Mapping[str, Known] | None:
        """Every lever that the runbook reserves; None when the one it moves cannot be read."""
        found = {}
        for name in runbook.levers:
            lever, reading = self._parts.levers[name], self._readings.of(name)
            settings = lever.settings
            if isinstance(reading, LeverReading):
                baseline = baseline_of(lever, reading)
                value, version = reading.value, reading.version
            elif name == runbook.lever:
                return None
            else:
                value, baseline, version = settings.baseline, settings.baseline, None
            found[name] = Known(settings.title, settings.unit, value, baseline, version)
        return found
