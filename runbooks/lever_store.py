"""The last known value of each lever, for people to look at. Decisions read the lever itself."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, Connection, Float, RowMapping, String, Table, Text, select

import database
from runbooks.lever import LeverLease, LeverReading, LeverValue

lever_readings = Table(
    "lever_readings",
    database.metadata,
    Column("lever", String(80), primary_key=True),
    Column("title", String(120), nullable=False),
    Column("component", String(80), nullable=False),
    Column("unit", String(40), nullable=False),
    Column("value", Text),
    Column("baseline", Text, nullable=False),
    Column("target_baseline", Text),
    Column("version", database.Whole),
    Column("ramping", Boolean, nullable=False),
    Column("owner", String(120)),
    Column("run_id", String(120)),
    Column("until", Float),
    Column("read_at", Float),
    Column("asked_at", Float, nullable=False),
    Column("error", Text),
    Column("away_since", Float),
)


@dataclass(frozen=True, slots=True)
class KnownLever:
    """A lever as last seen.

    Attributes:
        baseline: where it belongs, as the target says, else as the configuration does.
        reading: the last clear answer, None when there was never one.
        asked_at: when it was last asked (Unix seconds).
        error: why the last question had no clear answer, None when it had one.
        away_since: since when it was seen away from its baseline, None while it is there.
    """

    lever: str
    title: str
    component: str
    unit: str
    baseline: LeverValue
    reading: LeverReading | None
    asked_at: float
    error: str | None
    away_since: float | None = None

    @property
    def at_baseline(self) -> bool | None:
        """Whether it stands at its baseline; None when that is not known."""
        if self.reading is None or self.error is not None:
            return None
        return self.reading.value == self.baseline


def readings(connection: Connection) -> Sequence[KnownLever]:
    """Every lever as last seen, by name."""
    query = select(lever_readings).order_by(lever_readings.c.lever)
    return [_known(found) for found in connection.execute(query).mappings()]


def save(tx: Connection, known: KnownLever) -> None:
    """Write what a lever said, in place of what it said before."""
    tx.execute(lever_readings.delete().where(lever_readings.c.lever == known.lever))
    tx.execute(lever_readings.insert().values(**_columns(known)))


def keep_only(tx: Connection, levers: Sequence[str]) -> None:
    """Forget levers that left the configuration: nobody will ever see them back at their baseline."""
    tx.execute(lever_readings.delete().where(lever_readings.c.lever.not_in(levers)))


def _columns(known: KnownLever) -> dict[str, object]:
    reading = known.reading
    lease = reading.lease if reading else None
    return {
        "lever": known.lever,
        "title": known.title,
        "component": known.component,
        "unit": known.unit,
        "value": json.dumps(reading.value) if reading else None,
        "baseline": json.dumps(known.baseline),
        "target_baseline": json.dumps(reading.baseline) if reading else None,
        "version": reading.version if reading else None,
        "ramping": bool(reading and reading.ramping),
        "owner": lease.owner if lease else None,
        "run_id": lease.run_id if lease else None,
        "until": lease.until if lease else None,
        "read_at": reading.at if reading else None,
        "asked_at": known.asked_at,
        "error": known.error,
        "away_since": known.away_since,
    }


def _known(found: RowMapping) -> KnownLever:
    return KnownLever(
        lever=found["lever"],
        title=found["title"],
        component=found["component"],
        unit=found["unit"],
        baseline=json.loads(found["baseline"]),
        reading=_reading(found),
        asked_at=found["asked_at"],
        error=found["error"],
        away_since=found["away_since"],
    )


def _reading(found: RowMapping) -> LeverReading | None:
    if found["value"] is None:
        return None
    lease = None
    if found["owner"] is not None:
        lease = LeverLease(found["owner"], found["run_id"], found["until"])
    return LeverReading(
        value=json.loads(found["value"]),
        baseline=json.loads(found["target_baseline"]),
        version=found["version"],
        lease=lease,
        at=found["read_at"],
        ramping=found["ramping"],
    )
