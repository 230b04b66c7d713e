"""The Flask application factory: one blueprint per noun, the session check before every view."""

import secrets

import structlog
from flask import Flask, Response, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from web import alerts, health, incidents, now, own_metrics, runbooks, security, sign_in, switches, wording
from web.attempts import Attempts
from web.mirror import Mirror
from web.parts import ConsoleParts

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
    app.extensions["sign_in_attempts"] = Attempts(allowed=10, window=300.0)
    security.install(app)
    for module in (now, incidents, alerts, runbooks, switches, sign_in, health, own_metrics):
        app.register_blueprint(module.blueprint)
    app.jinja_env.globals.update(stack_name=parts.settings.name)
    app.jinja_env.filters.update(
        duration=wording.duration,
        iso=wording.iso,
        clock=wording.clock_time,
        tone=wording.tone,
    )
    app.register_error_handler(Exception, show_error)
    return app


def show_error(error: Exception) -> Response | tuple[Response | str, int]:
    """One sentence for the visitor; the log has the rest under the same id."""
    if isinstance(error, HTTPException):
        status, title, message = error.code or 500, error.name, str(error.description or error.name)
    else:
        error_id = secrets.token_hex(4)
        structlog.get_logger().exception("request failed", error_id=error_id, path=request.path)
        status, title = 500, "Something broke here"
        message = f"The console could not answer this. The log has the reason under {error_id}."
    g.setdefault("session", None)
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify({"error": message}), status
    return render_template("error.html", status=status, title=title, message=message), status
