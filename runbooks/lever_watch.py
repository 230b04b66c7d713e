"""Looking at every lever: its value published, strangers' leases shown, late writes of our own adopted."""

from dataclasses import dataclass, field, replace

from alerts import timeline_store
from alerts.timeline import NewTimelineRow, TimelineKind
from runbooks import laws, lever_store, run_changes, run_memory, run_store
from runbooks.lever import OWNER, Lever, LeverLease, LeverReading, LeverValue, ReadResult, worded
from runbooks.lever_readings import LeverReadings
from runbooks.lever_store import KnownLever
from runbooks.parts import Parts, baseline_of
from runbooks.run import ACTIVE, Run, RunState
from runbooks.run_rows import row
from runbooks.tick import Tick

PUBLISH_EVERY = 5.0
"""Seconds after which an unchanged value is published once more."""

ASK_AGAIN = 5.0
"""Seconds before a lever that could not be read is asked again just to show it."""


@dataclass
class LeverWatch:
    """What was published last, and which strangers were shown."""

    parts: Parts
    published: dict[str, KnownLever] = field(default_factory=dict)
    shown: set[tuple[str, str, str]] = field(default_factory=set)

    def remember(self) -> None:
        """What a Showcall before us published, of the levers that there still are."""
        with self.parts.database.transaction() as tx:
            lever_store.keep_only(tx, tuple(self.parts.levers))
            self.published = {known.lever: known for known in lever_store.readings(tx)}

    def look(self, readings: LeverReadings, tick: Tick) -> None:
        """Every lever once."""
        for name, lever in self.parts.levers.items():
            before = self.published.get(name)
            if name not in readings.known and _resting(before, tick.now):
                continue
            reading = readings.of(name)
            self._publish(name, _known(lever, reading, before, tick.now))
            if isinstance(reading, LeverReading) and reading.lease is not None:
                self._meet(name, reading, reading.lease, tick)

    def _publish(self, name: str, known: KnownLever) -> None:
        before = self.published.get(name)
        if before is not None and _same(before, known) and known.asked_at < before.asked_at + PUBLISH_EVERY:
            return
        with self.parts.database.transaction() as tx:
            lever_store.save(tx, known)
        self.published[name] = known

    def _meet(self, name: str, reading: LeverReading, lease: LeverLease, tick: Tick) -> None:
        """A lease is one of a run under way, one of ours that came late, or a stranger's."""
        with self.parts.database.reading() as connection:
            run = run_store.get(connection, lease.run_id) if lease.owner == OWNER else None
            taken = run_store.holding(connection, (name,))
        if run is None:
            self._show(name, reading, lease, tick)
        elif run.state not in ACTIVE and taken is None and lease.until > tick.now and not reading.ramping:
            self._adopt(run, reading, lease, tick)

    def _show(self, name: str, reading: LeverReading, lease: LeverLease, tick: Tick) -> None:
        stranger = (name, lease.owner, lease.run_id)
        if stranger in self.shown:
            return
        self.shown.add(stranger)
        text = (
            f"{name} is at {worded(reading.value)} under a lease that is not known here "
            f"({lease.owner}, run {lease.run_id}); it is left alone"
        )
        new = NewTimelineRow(
            tick.now, TimelineKind.LEVER_HELD, "unknown_lease", text, details={"lever": name}
        )
        with self.parts.database.transaction() as tx:
            timeline_store.append(tx, new)

    def _adopt(self, run: Run, reading: LeverReading, lease: LeverLease, tick: Tick) -> None:
        """A write of ours took effect after its run was over: the run goes on, so that somebody lets go."""
        memory = laws.adopted(run_memory.from_json(run.control), reading.value, tick.now)
        memory = replace(memory, until=lease.until)
        run = replace(run, state=RunState.HOLDING, reason="adopted", ended_at=None, holder=self.parts.holder)
        text = (
            f"{run.lever} is at {worded(reading.value)} by a write of run {run.key} that came late; adopted"
        )
        with self.parts.database.transaction() as tx:
            run_store.claim(tx, run.key, self.parts.holder)
            run_changes.save(tx, run_changes.remember(run, memory))
            timeline_store.append(tx, row(run, tick.now, TimelineKind.LEVER_HELD, "adopted", text))


def _resting(before: KnownLever | None, now: float) -> bool:
    return before is not None and before.error is not None and now < before.asked_at + ASK_AGAIN


def _known(lever: Lever, answer: ReadResult, before: KnownLever | None, now: float) -> KnownLever:
    settings = lever.settings
    reading = answer if isinstance(answer, LeverReading) else (before.reading if before else None)
    baseline = settings.baseline if reading is None else baseline_of(lever, reading)
    return KnownLever(
        lever=settings.name,
        title=settings.title,
        component=settings.component,
        unit=settings.unit,
        baseline=baseline,
        reading=reading,
        asked_at=now,
        error=None if isinstance(answer, LeverReading) else answer.text,
        away_since=_away_since(reading, baseline, before),
    )


def _away_since(
    reading: LeverReading | None, baseline: LeverValue, before: KnownLever | None
) -> float | None:
    if reading is None or reading.value == baseline:
        return None
    known = before.away_since if before is not None else None
    return reading.at if known is None else known


def _same(before: KnownLever, now: KnownLever) -> bool:
    """The same but for the times of asking."""
    if before.reading is None or now.reading is None:
        return before.error == now.error and before.reading is now.reading
    reading = replace(before.reading, at=now.reading.at)
    return replace(before, asked_at=now.asked_at, reading=reading) == now
