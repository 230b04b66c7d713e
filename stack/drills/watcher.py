"""Follows the platform under test: new timeline rows handed on as they happen, incidents kept up to date."""

import asyncio
from collections.abc import Callable

from stack.drills.observer import ObservedEvent, ObservedIncident, Observer
from stack.drills.result import SeenEvent
from stack.load.steady_clock import Clock

EVERY = 0.25


class Watcher:
    """Looks a few times a second; what was there before ``begin`` belongs to earlier drills."""

    def __init__(self, observer: Observer, clock: Clock, on_event: Callable[[ObservedEvent], None]) -> None:
        self._observer, self._clock, self._on_event = observer, clock, on_event
        self._earlier: frozenset[int] = frozenset()
        self.events: list[SeenEvent] = []
        self.incidents: tuple[ObservedIncident, ...] = ()

    async def begin(self) -> tuple[ObservedIncident, ...]:
        """Set aside everything so far; returns the incidents that are still unresolved."""
        await asyncio.to_thread(self._observer.events)
        known = await asyncio.to_thread(self._observer.incidents)
        self._earlier = frozenset(incident.id for incident in known)
        return tuple(incident for incident in known if incident.resolved_at is None)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Take over what is new."""
        # Reading a database may take a moment that the load generator on this loop does not have.
        events = await asyncio.to_thread(self._observer.events)
        seen_at = self._clock()
        for event in events:
            self.events.append(SeenEvent(event, seen_at))
            self._on_event(event)
        known = {incident.id: incident for incident in self.incidents}
        for incident in await asyncio.to_thread(self._observer.incidents):
            if incident.id not in self._earlier:
                known[incident.id] = incident
        self.incidents = tuple(known[number] for number in sorted(known))

    @property
    def all_resolved(self) -> bool:
        """No incident of this drill is open or mitigated."""
        return all(incident.resolved_at is not None for incident in self.incidents)
