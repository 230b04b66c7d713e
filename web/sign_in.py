"""Signing in with a one-time code (or a password, once the user has set one), and signing out."""

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Blueprint, current_app, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from database import Database
from web import session_store
from web.attempts import Attempts
from web.parts import parts
from web.security import COOKIE, SECURE_COOKIE, public, same_site_path
from web.session_store import Role

CODE_LIFETIME_SECONDS = 900.0
PASSWORD_LENGTH = (12, 256)

blueprint = Blueprint("sign_in", __name__)
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# A flood of sign-ins must not take the processor from the scrape loop.
_hashing = threading.BoundedSemaphore(2)
# Of no password anybody has: an unknown name must cost as much time as a wrong password.
_NOBODYS_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$pw0Wba+WDAZCfcyg9o3TaXh0rFnGu/+tAtq47HgtTzE"
)


def new_code(database: Database, user: str, now: float, role: Role | None = None) -> str:
    """A one-time sign-in code for a user, valid for 15 minutes.

    A new user becomes a responder unless a role is given; an existing one keeps theirs.
    """
    code = secrets.token_urlsafe(32)
    with database.transaction() as tx:
        session_store.ensure_user(tx, user, role)
        session_store.add_code(tx, code, user, now + CODE_LIFETIME_SECONDS)
    return code


@blueprint.get("/sign-in")
@public
def form() -> str:
    """The sign-in page; a code in the address' fragment never reaches the server's logs."""
    return render_template("sign_in.html", next=same_site_path(request.args.get("next", "/")))


@blueprint.post("/sign-in")
@public
def sign_in() -> Response | tuple[str, int]:
    """Open a session for a valid code or password."""
    now = parts().clock()
    address = request.remote_addr or "unknown"
    attempts: Attempts = current_app.extensions["sign_in_attempts"]
    if not attempts.allow(address, now):
        return _again("Too many tries from this address; wait five minutes.", 429)
    user = _user_of_form(now)
    if user is None:
        attempts.failed(address, now)
        return _again("That did not work: the code is unknown, used or older than 15 minutes, "
                      "or the name and password do not match.", 401)  # fmt: skip
    return _open_session(user, now)


def _again(message: str, status: int) -> tuple[str, int]:
    flash(message, "error")
    return render_template("sign_in.html", next=same_site_path(request.form.get("next", "/"))), status


def _user_of_form(now: float) -> str | None:
    code = request.form.get("code", "").strip()
    if code:
        with parts().database.transaction() as tx:
            return session_store.take_code(tx, code, now)
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    return name if name and _password_matches(name, password) else None


def _password_matches(name: str, password: str) -> bool:
    with parts().database.reading() as connection:
        stored = session_store.password_hash(connection, name)
    with _hashing:
        try:
            return _hasher.verify(stored or _NOBODYS_HASH, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def _open_session(user: str, now: float) -> Response:
    session_id = secrets.token_urlsafe(32)
    web = parts().settings.web
    with parts().database.transaction() as tx:
        session_store.drop_expired(tx, now - web.session_idle, now - web.session_absolute)
        session_store.open_session(tx, session_id, user, secrets.token_urlsafe(24), now)
    response = redirect(same_site_path(request.form.get("next", "/")), 303)
    response.set_cookie(
        SECURE_COOKIE if request.is_secure else COOKIE,
        session_id,
        max_age=int(web.session_absolute),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return response


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End this session, on the server too."""
    name = SECURE_COOKIE if request.is_secure else COOKIE
    with parts().database.transaction() as tx:
        session_store.close_session(tx, request.cookies.get(name, ""))
    response = redirect(url_for("sign_in.form"), 303)
    response.delete_cookie(name, path="/")
    return response


@blueprint.post("/password")
def set_password() -> Response:
    """Set the signed-in user's password; every session of theirs ends."""
    password = request.form.get("password", "")
    low, high = PASSWORD_LENGTH
    if not low <= len(password) <= high:
        flash(f"The password has {len(password)} characters; {low} to {high} are wanted.", "error")
        return redirect(url_for("sign_in.account"), 303)
    with _hashing:
        hashed = _hasher.hash(password)
    with parts().database.transaction() as tx:
        session_store.set_password_hash(tx, g.session.user, hashed)
    flash("Password set: sign in with it.", "done")
    return redirect(url_for("sign_in.form"), 303)


@blueprint.get("/account")
def account() -> str:
    """The signed-in user's own page."""
    return render_template("account.html")
