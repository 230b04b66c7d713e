"""The levers' last known values as evidence: quick, for nobody is asked."""

from alerts.evidence import Asked, Captured, CaptureName, Cell, Column, Form, Pace, Table, Traits
from database import Database
from runbooks import lever_store
from runbooks.lever import worded
from runbooks.lever_store import KnownLever

_COLUMNS = (
    Column("Lever", Form.TEXT, "", "The knob."),
    Column("Value", Form.TEXT, "", "Where it stood when it was last read."),
    Column("Baseline", Form.TEXT, "", "Where it belongs when nobody holds it."),
    Column("Held by", Form.TEXT, "", "Who holds it away from there, and for which run."),
    Column("Until", Form.TIME, "", "When the target lets go by itself unless the hold is renewed."),
    Column("Read at", Form.TIME, "", "When it was last read."),
    Column("Trouble", Form.TEXT, "", "Why the last reading failed, if it did."),
)


class LeversCapture:
    """One row for each lever."""

    traits = Traits(CaptureName.LEVERS, "lever values", Pace.QUICK)

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, asked: Asked, seconds: float) -> Captured:  # noqa: ARG002 - it is in memory
        """Read what the levers said last."""
        with self._database.reading() as connection:
            known = lever_store.readings(connection)
        source = "the levers' last readings, kept by Showcall"
        if not known:
            return Captured(source, notes=("No lever has been read yet.",))
        return Captured(source, (Table("Levers", _COLUMNS, tuple(_row(each) for each in known)),))


def _row(known: KnownLever) -> tuple[Cell, ...]:
    reading = known.reading
    lease = reading.lease if reading else None
    return (
        known.title,
        worded(reading.value, known.unit) if reading else "unknown",
        worded(known.baseline, known.unit),
        f"{lease.owner}, run {lease.run_id}" if lease else "",
        lease.until if lease else None,
        reading.at if reading else None,
        known.error or "",
    )
