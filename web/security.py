"""The session check, the form check and the headers. A route is closed unless it says that it is public."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.wrappers import Response as BaseResponse

from database import Database
from settings.schema import WebSettings
from web import machine_access, session_store
from web.parts import parts
from web.session_store import Role, Session

COOKIE = "showcall_session"
SECURE_COOKIE = "__Host-showcall_session"
TOUCH_EVERY_SECONDS = 60.0

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

View = TypeVar("View", bound=Callable[..., object])


def public(view: View) -> View:
    """Mark a view as open to everyone."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def machine(view: View) -> View:
    """Mark a view as one that machines may read with a token; it must not change anything."""
    view.is_for_machines = True  # type: ignore[attr-defined]
    return view


def responder(view: View) -> View:
    """Mark a view as one that needs the role responder."""
    view.needs_role = Role.RESPONDER  # type: ignore[attr-defined]
    return view


def install(app: Flask) -> None:
    """Check every request before its view and put the headers on every answer."""
    app.before_request(check_request)
    app.after_request(add_headers)


def check_request() -> BaseResponse | None:
    """Let the request pass, send the visitor to the sign-in page, or refuse."""
    g.session = None
    if request.endpoint is None or request.endpoint == "static":
        return None
    view = _current_view()
    if getattr(view, "is_for_machines", False):
        return _check_machine()
    _check_origin()
    if getattr(view, "is_public", False):
        # What is for everybody, such as health, is also for those whose session cannot be looked up now.
        with suppress(SQLAlchemyError):
            g.session = current_session()
        return None
    g.session = current_session()
    if g.session is None:
        return _sign_in_first()
    _check_role_and_form(view, g.session)
    return None


def _check_machine() -> Response | None:
    """A browser sends its session by itself, so only that needs to come from our own pages."""
    request.max_form_memory_size = current_app.config["MAX_CONTENT_LENGTH"]
    g.session = current_session()
    if g.session is None:
        return machine_access.refusal(parts().settings.web)
    _check_origin()
    return None


def _current_view() -> Callable[..., object]:
    return current_app.view_functions[request.endpoint or ""]


def _sign_in_first() -> BaseResponse:
    if request.method == "GET" and request.accept_mimetypes.accept_html:
        return redirect(url_for("sign_in.form", next=request.full_path.rstrip("?")))
    raise Unauthorized("sign in first")


def _check_role_and_form(view: Callable[..., object], session: Session) -> None:
    needed = getattr(view, "needs_role", None)
    if needed is Role.RESPONDER and session.role is not Role.RESPONDER:
        raise Forbidden(f"the role responder is needed; {session.user} is a {session.role.value}")
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        sent = request.form.get("csrf_token") or request.headers.get("X-CSRF-Token", "")
        if not secrets.compare_digest(sent.encode(), session.csrf_token.encode()):
            raise Forbidden("this form is out of date: reload the page and try again")


def _check_origin() -> None:
    """A form may come only from our own pages (where the browser says where it comes from)."""
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    # Under our referrer policy browsers send "Origin: null" with our own forms: their word on it counts.
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if site not in {"same-origin", "none"} if site is not None else foreign:
        raise Forbidden("a form from another site is not accepted")


def current_session() -> Session | None:
    """The valid session of this request's cookie, noted as used."""
    session_id = request.cookies.get(SECURE_COOKIE if request.is_secure else COOKIE, "")
    part = parts()
    return valid_session(part.database, part.settings.web, session_id, part.clock())


def valid_session(database: Database, web: WebSettings, session_id: str, now: float) -> Session | None:
    """The session with this id if it is neither idle for too long nor too old."""
    if not session_id:
        return None
    with database.reading() as connection:
        session = session_store.find_session(connection, session_id)
    if session is None or expired(session, web, now):
        return None
    if now - session.seen_at > TOUCH_EVERY_SECONDS:
        # Who is signed in keeps looking while nothing can be written: the console says what is wrong.
        with suppress(SQLAlchemyError), database.transaction() as tx:
            session_store.touch_session(tx, session_id, now)
    return session


def expired(session: Session, web: WebSettings, now: float) -> bool:
    """Whether a session was idle for too long or is too old."""
    return now - session.seen_at > web.session_idle or now - session.created_at > web.session_absolute


def add_headers(response: Response) -> Response:
    """Security headers on every answer; pages are never kept by a cache."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return response


def same_site_path(wanted: str) -> str:
    """A path of ours to go on to after signing in; anything else becomes the first page."""
    split = urlsplit(wanted)
    plain = not split.scheme and not split.netloc and "\\" not in wanted
    return wanted if plain and wanted.startswith("/") and not wanted.startswith("//") else "/"
