"""Timeline rows into deliveries: what is new since the channel's cursor, grouped by subject."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts import incident_store, outbox_channel_store, outbox_store, severity, timeline_store
from alerts.delivery import CRITICAL, Wanted
from alerts.incident import Incident
from alerts.notification import URGENT
from alerts.outbox import Channel
from alerts.outbox_channel_store import ChannelRow
from alerts.timeline import TimelineRow
from database import Database

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes rows over. The cursor moves in the transaction that stores what the rows ask for."""

    database: Database
    channel: Channel

    def take_over(self) -> ChannelRow:
        """Everything that is new; the channel as it stands now."""
        while True:
            with self.database.reading() as connection:
                row = outbox_channel_store.channel(connection, self.channel.name)
                assert row is not None  # noqa: S101 - the worker registers before its first turn
                rows = timeline_store.since(connection, row.cursor, limit=ROWS_AT_ONCE)
                severities = _severities(incident_store.unresolved(connection)) if rows else {}
            if not rows:
                return row
            wanted = subjects([each for each in rows if self.channel.wants(each)], severities)
            with self.database.transaction() as tx:
                outbox_channel_store.advance(tx, self.channel.name, rows[-1].id)
                outbox_store.add(tx, self.channel.name, wanted)


def _severities(incidents: Iterable[Incident]) -> Mapping[int, str]:
    return {incident.id: incident.severity for incident in incidents}


def subjects(rows: Sequence[TimelineRow], severities: Mapping[int, str]) -> tuple[Wanted, ...]:
    """One per incident, one per row without an incident; in the order of their first rows."""
    found: dict[str, Wanted] = {}
    for row in rows:
        subject = f"row:{row.id}" if row.incident_id is None else f"incident:{row.incident_id}"
        known = found.get(subject)
        if known is not None:
            found[subject] = replace(known, newest=row.id)
            continue
        found[subject] = Wanted(
            subject, row.incident_id, row.id, row.id, row.at, _importance(row, severities)
        )
    return tuple(found.values())


def _importance(row: TimelineRow, severities: Mapping[int, str]) -> int:
    """By severity; what is over already counts as a warning: it does not go before what is not."""
    if row.incident_id is None:
        return CRITICAL if row.kind in URGENT else 0
    return severity.rank(severities.get(row.incident_id, severity.DEFAULT))
