"""The folder where reports are kept: each an HTML page, and beside it a JSON file that says what is in it.

Schema of the JSON, version 1::

    {"format": "report/1", "title": ..., "verdict": ..., "conclusion": ..., "tone": "good|bad|unsure|plain",
     "at", "since", "until": Unix seconds, "first", "second": names of the two things compared,
     "headline": [{"title", "first", "second"}], "figures": whatever the report's maker says in numbers}

The name of a report is its time in UTC and its subject, e.g. ``20261122T160000Z-pool_exhaustion-comparison``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reports.document import Report, Tile, Tone
from reports.html import page

FORMAT = "report/1"
NAME = re.compile(r"\d{8}T\d{6}Z(-[a-z0-9_]+)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One report of the shelf; ``problem`` says why its JSON cannot be read, then there is only a name."""

    name: str
    title: str
    verdict: str = ""
    conclusion: str = ""
    tone: Tone = Tone.PLAIN
    at: float = 0.0
    since: float = 0.0
    until: float = 0.0
    first: str = ""
    second: str = ""
    headline: tuple[Tile, ...] = ()
    problem: str = ""

    def covers(self, at: float) -> bool:
        """Whether the report speaks of that instant (Unix seconds)."""
        return not self.problem and self.since <= at <= self.until


def name_of(at: float, subject: str) -> str:
    """The name of a report made at that time (Unix seconds)."""
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}-{subject}"


def keep(folder: Path, name: str, report: Report, figures: Mapping[str, Any]) -> Path:
    """Put a report on the shelf, whole or not at all; returns its page. One of that name is replaced.

    Raises:
        ValueError: that is no name for a report.
        OSError: the folder cannot be written to.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a report (want e.g. 20261122T160000Z-pool_exhaustion)")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    html = folder / f"{name}.html"
    _write(html, page(report))
    # The JSON last: what the console lists has its page.
    _write(folder / f"{name}.json", json.dumps(_summary(report, figures), ensure_ascii=False, indent=1))
    return html


def entries(folder: Path) -> Sequence[Entry]:
    """Every report, the newest first; one whose JSON is broken is listed with its problem."""
    names = (path.stem for path in folder.glob("*.html") if page_file(folder, path.stem))
    return [_entry(folder, name) for name in sorted(names, reverse=True)]


def page_file(folder: Path, name: str) -> Path | None:
    """The page of a report; None where the name is none or there is no such file in this very folder."""
    if not NAME.fullmatch(name):
        return None
    path = folder / f"{name}.html"
    return path if path.is_file() and not path.is_symlink() else None


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _summary(report: Report, figures: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "format": FORMAT,
        "title": report.title,
        "verdict": report.verdict,
        "conclusion": report.conclusion,
        "tone": report.tone.value,
        "at": report.at,
        "since": report.since,
        "until": report.until,
        "first": report.first,
        "second": report.second,
        "headline": [asdict(tile) for tile in report.tiles],
        "figures": figures,
    }


def _entry(folder: Path, name: str) -> Entry:
    path = folder / f"{name}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Entry(
            name=name,
            title=str(document["title"]),
            verdict=str(document["verdict"]),
            conclusion=str(document["conclusion"]),
            tone=Tone(document["tone"]),
            at=float(document["at"]),
            since=float(document["since"]),
            until=float(document["until"]),
            first=str(document["first"]),
            second=str(document["second"]),
            headline=tuple(
                Tile(str(tile["title"]), str(tile["first"]), str(tile["second"]))
                for tile in document["headline"]
            ),
        )
    except OSError as error:
        return Entry(name, name, problem=f"{path.name}: cannot be read: {error.strerror}")
    except (KeyError, TypeError, ValueError) as error:
        return Entry(name, name, problem=f"{path.name}: is not the summary of a report: {error!r}")
