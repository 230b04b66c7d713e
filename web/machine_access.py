"""Machines at the HTTP API of Prometheus: a token from a file, as bearer or as password of basic auth."""

import hmac
from ipaddress import ip_address

import structlog
from flask import Response, request

from settings.schema import WebSettings
from web.prometheus_api.answering import failure
from web.prometheus_api.failure import ApiError, ErrorType

WANTED = "a bearer token is wanted (web.api_token_file), or a session of the console"


def refusal(web: WebSettings) -> Response | None:
    """What to answer a machine that may not ask; None when it may."""
    if web.api_without_token and _is_from_here():
        return None
    token = _token(web)
    offered = _offered()
    if token and offered and hmac.compare_digest(offered.encode(), token.encode()):
        return None
    return failure(ApiError(ErrorType.UNAUTHORIZED, WANTED))


def _offered() -> str:
    given = request.authorization
    if given is None:
        return ""
    return (given.token if given.type == "bearer" else given.password) or ""


def _token(web: WebSettings) -> str:
    """Read anew each time: whoever replaces the file replaces the token."""
    if web.api_token_file is None:
        return ""
    try:
        return web.api_token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        structlog.get_logger().error("web.api_token_file cannot be read", reason=reason)
        return ""


def _is_from_here() -> bool:
    """Whether the request came over loopback and not through a proxy there."""
    if request.headers.get("X-Forwarded-For") or request.headers.get("Forwarded"):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
