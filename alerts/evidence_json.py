"""What a capture gave as JSON, for its row."""

import json
import math
from dataclasses import asdict
from typing import Any

from alerts.evidence import Captured, Cell, Column, Form, LineGroup, Lines, Piece, Table, Words

_KINDS: dict[type[Piece], str] = {Table: "table", Lines: "lines", Words: "text"}


def to_json(captured: Captured) -> str:
    """Source, pieces and notes as one JSON text; numbers that JSON does not have become null."""
    pieces = [{"kind": _KINDS[type(piece)], **_plain(piece)} for piece in captured.pieces]
    whole = {"source": captured.source, "pieces": pieces, "notes": list(captured.notes)}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Captured:
    """What ``to_json`` wrote."""
    found: dict[str, Any] = json.loads(text)
    return Captured(
        source=found["source"],
        pieces=tuple(_piece(piece) for piece in found["pieces"]),
        notes=tuple(found["notes"]),
    )


def _plain(piece: Piece) -> dict[str, Any]:
    if not isinstance(piece, Table):
        return asdict(piece)
    return {**asdict(piece), "rows": [[_finite(cell) for cell in row] for row in piece.rows]}


def _finite(cell: Cell) -> Cell:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _piece(found: dict[str, Any]) -> Piece:
    match found["kind"]:
        case "table":
            columns = (Column(**{**each, "form": Form(each["form"])}) for each in found["columns"])
            rows = (tuple(row) for row in found["rows"])
            return Table(found["title"], tuple(columns), tuple(rows), found["upright"], found["note"])
        case "lines":
            groups = (LineGroup(**{**each, "lines": tuple(each["lines"])}) for each in found["groups"])
            return Lines(found["title"], tuple(groups), found["note"])
    return Words(found["title"], found["text"], found["note"])
