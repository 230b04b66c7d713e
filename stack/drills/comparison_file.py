"""Both runs of a comparison as one JSON file, so that everything said of them can be computed again.

Schema, version 1::

    {"format": "comparison/1", "too_fast": 6.3333,
     "made": {"at": Unix seconds, "version": "0.1.0", "command": "showcall drill ..."},
     "left_alone": a drill as in ``result_file``, "acting": another}
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stack.drills import json_file
from stack.drills.comparison import Comparison
from stack.drills.result_file import from_json, to_json

FORMAT = "comparison/1"


@dataclass(frozen=True, slots=True)
class Made:
    """Where a comparison comes from: when (Unix seconds), which version, which command line."""

    at: float
    version: str
    command: str


def save(comparison: Comparison, made: Made, path: Path) -> None:
    """Write both runs; an existing file is replaced whole or not at all."""
    document = {
        "format": FORMAT,
        "too_fast": comparison.too_fast,
        "made": asdict(made),
        "left_alone": to_json(comparison.left_alone),
        "acting": to_json(comparison.acting),
    }
    json_file.write(document, path)


def load(path: Path) -> tuple[Comparison, Made]:
    """Read both runs and where they come from.

    Raises:
        DrillFileError: the file cannot be read or is no comparison.
    """
    return json_file.read(path, f"comparison of format {FORMAT!r}", _parsed)


def _parsed(document: Any) -> tuple[Comparison, Made]:
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}")
    runs = from_json(document["left_alone"]), from_json(document["acting"])
    return Comparison(*runs, float(document["too_fast"])), Made(**document["made"])
