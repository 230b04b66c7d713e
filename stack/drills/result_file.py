"""A drill as a JSON file.

Schema, version 1::

    {"format": "drill/1",
     "result":   DrillResult as an object, field by field (times in Unix seconds), without its requests,
     "requests": {"columns": ["issued_at", "latency", "kind", "name", "phase", "user", "status"],
                  "rows": [[0.123, 1.204, "ok", "date", "surge", 17, 200], ...]},
     "outcome":  Outcome, "verdict": Verdict: as computed when it was saved}

A log without the mark ``lever_changed`` is an older drill's: its cut is timed by the timeline.

``issued_at`` in a row counts from ``result.started_at``; all seconds are rounded to 0.1 ms. ``outcome`` and
``verdict`` are for readers that do not want to compute; ``load`` ignores them.
"""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from stack.drills import json_file
from stack.drills.outcome import Outcome, compute_outcome
from stack.drills.result import DrillResult
from stack.drills.verdict import Verdict, judge_drill
from stack.load.load_log import RequestRecord

FORMAT = "drill/1"
COLUMNS = ("issued_at", "latency", "kind", "name", "phase", "user", "status")

_DIGITS = 4


def save(result: DrillResult, path: Path) -> None:
    """Write the drill, its outcome and its verdict; an existing file is replaced whole or not at all."""
    json_file.write(to_json(result), path)


def load(path: Path) -> DrillResult:
    """Read a saved drill.

    Raises:
        DrillFileError: it cannot be read or is not one.
    """
    return json_file.read(path, f"drill of format {FORMAT!r}", from_json)


def to_json(result: DrillResult) -> dict[str, Any]:
    """The document of the schema above."""
    outcome = compute_outcome(result)
    verdict = judge_drill(result, outcome)
    return {
        "format": FORMAT,
        "result": TypeAdapter(DrillResult).dump_python(result, mode="json", exclude={"requests"}),
        "requests": {"columns": COLUMNS, "rows": [_row(each, result.started_at) for each in result.requests]},
        "outcome": TypeAdapter(Outcome).dump_python(outcome, mode="json"),
        "verdict": TypeAdapter(Verdict).dump_python(verdict, mode="json"),
    }


def from_json(document: Any) -> DrillResult:
    """The drill in a document.

    Raises:
        ValidationError, KeyError, TypeError, ValueError: it is not of that schema.
    """
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}")
    raw = document["result"]
    columns = document["requests"]["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in document["requests"]["rows"]]
    for row in rows:
        row["issued_at"] += raw["started_at"]
    return TypeAdapter(DrillResult).validate_python({**raw, "requests": rows})


def _row(record: RequestRecord, started_at: float) -> list[object]:
    return [
        round(record.issued_at - started_at, _DIGITS),
        round(record.latency, _DIGITS),
        record.kind.value,
        record.name,
        record.phase,
        record.user,
        record.status,
    ]
