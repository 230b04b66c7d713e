"""The Flask application factory: one blueprint per noun, the session check before every view."""

import secrets

import structlog
from flask import Flask, Response, current_app, g, jsonify, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from alerts.quantity import quantity
from web import (
    alerts,
    health,
    health_page,
    incidents,
    messages,
    now,
    own_metrics,
    report_pages,
    runbooks,
    security,
    sign_in,
    slack_interactions,
    switches,
    wording,
)
from web.attempts import Attempts
from web.database_trouble import DatabaseTrouble, reason
from web.mirror import Mirror
from web.parts import ConsoleParts
from web.prometheus_api import queries, series, state
from web.prometheus_api.answering import failure
from web.prometheus_api.failure import of_status
from web.prometheus_api.gate import QueryGate
from web.request_body import PROMETHEUS_PATH

MAX_BODY_BYTES = 2 * 1024 * 1024


def create_app(parts: ConsoleParts) -> Flask:
    """The console over the given parts. Nothing is read before the first request."""
    app = Flask(__name__, template_folder="templates", static_folder="static")
    app.config.update(
        # Only flashed messages live in Flask's own cookie; who is signed in is decided by our sessions.
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_COOKIE_NAME="showcall_flash",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        MAX_FORM_PARTS=50,
    )
    app.extensions["showcall"] = parts
    app.extensions["showcall_mirror"] = Mirror(parts)
    app.extensions["database_trouble"] = DatabaseTrouble()
    app.extensions["sign_in_attempts"] = Attempts(allowed=10, window=300.0)
    app.extensions["slack_seen"] = slack_interactions.SeenRequests()
    app.extensions["query_gate"] = QueryGate(give_way=parts.give_way)
    security.install(app)
    for module in (
        now,
        incidents,
        alerts,
        runbooks,
        switches,
        messages,
        slack_interactions,
        sign_in,
        health,
        health_page,
        own_metrics,
        report_pages,
        queries,
        series,
        state,
    ):
        app.register_blueprint(module.blueprint)
    app.jinja_env.globals.update(
        stack_name=parts.settings.name,
        mode=parts.settings.runbooks.mode.value,
        latest_report=report_pages.latest,
        reports_covering=report_pages.covering,
        troubles=lambda: troubles(parts),
        blocked_channels=messages.blocked_channels,
    )
    app.jinja_env.tests["moment"] = messages.is_moment
    app.jinja_env.filters.update(
        duration=wording.duration,
        iso=wording.iso,
        clock=wording.clock_time,
        tone=wording.tone,
        quantity=quantity,
    )
    app.register_error_handler(Exception, show_error)
    return app


def troubles(parts: ConsoleParts) -> tuple[str, ...]:
    """What every page says on top: the disk is full, the database takes nothing."""
    storage = parts.storage()
    return () if storage is None else storage.troubles


def show_error(error: Exception) -> Response | tuple[Response | str, int]:
    """One sentence for the visitor; the log has the rest under the same id."""
    if isinstance(error, HTTPException):
        status, title, message = error.code or 500, error.name, str(error.description or error.name)
    elif isinstance(error, SQLAlchemyError):
        trouble: DatabaseTrouble = current_app.extensions["database_trouble"]
        trouble.tell(error, request.path)
        status, title = 503, "The database does not answer"
        message = f"The database does not answer ({reason(error)}). Watching goes on; try again in a moment."
    else:
        error_id = secrets.token_hex(4)
        structlog.get_logger().exception("request failed", error_id=error_id, path=request.path)
        status, title = 500, "Something broke here"
        message = f"The console could not answer this. The log has the reason under {error_id}."
    g.setdefault("session", None)
    if request.path.startswith(PROMETHEUS_PATH):
        return failure(of_status(status, message))
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify({"error": message}), status
    return render_template("error.html", status=status, title=title, message=message), status
