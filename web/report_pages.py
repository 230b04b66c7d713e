"""Reports: the list, each report's own page, and which report speaks of a moment."""

from collections.abc import Sequence

from flask import Blueprint, Response, abort, render_template

from reports import shelf
from reports.shelf import Entry
from web.parts import parts

FOLDER = "reports"
# A report is a document, not a part of the console: it can run nothing, load nothing and reach nothing.
DOCUMENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

blueprint = Blueprint("reports", __name__, url_prefix="/reports")


@blueprint.get("")
def listing() -> str:
    """All reports, newest first."""
    return render_template("reports.html", reports=kept())


@blueprint.get("/<name>")
def document(name: str) -> Response:
    """A report as it was kept."""
    found = shelf.page_file(parts().settings.data_dir / FOLDER, name)
    if found is None:
        abort(404, "There is no such report.")
    answer = Response(found.read_bytes(), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = DOCUMENT_POLICY
    return answer


def kept() -> Sequence[Entry]:
    """The reports in the data directory."""
    return shelf.entries(parts().settings.data_dir / FOLDER)


def latest() -> Entry | None:
    """The newest report that can be read."""
    return next((entry for entry in kept() if not entry.problem), None)


def covering(at: float) -> Sequence[Entry]:
    """Reports that speak of a moment (Unix seconds)."""
    return [entry for entry in kept() if entry.covers(at)]
