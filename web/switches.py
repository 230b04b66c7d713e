"""The buttons that ask the run loop for something. They write a request row; the loop acts."""

from flask import Blueprint, flash, g, redirect, request, url_for
from werkzeug.wrappers import Response

from runbooks import request_store
from runbooks.request import NewRequest, RequestKind
from web.parts import parts
from web.security import responder, same_site_path

blueprint = Blueprint("switches", __name__)


@blueprint.post("/kill-switch/on")
@responder
def kill_switch_on() -> Response:
    """Stop all acting; levers stay where they are."""
    return _ask(RequestKind.KILL_SWITCH_ON, "Kill switch: asked for. Levers stay where they are.")


@blueprint.post("/kill-switch/off")
@responder
def kill_switch_off() -> Response:
    """Let runbooks act again."""
    return _ask(RequestKind.KILL_SWITCH_OFF, "Runbooks may act again.")


@blueprint.post("/leases/release")
@responder
def release() -> Response:
    """Let a held lever go now, by ramp."""
    return _ask(RequestKind.RELEASE, "Release asked for: the lever goes back by ramp.")


@blueprint.post("/runs/approve")
@responder
def approve() -> Response:
    """Approve exactly the plan that the page showed."""
    return _ask(RequestKind.APPROVE, "Approved: the run starts if its guards still hold.")


@blueprint.post("/runs/refuse")
@responder
def refuse() -> Response:
    """Decline a waiting run."""
    return _ask(RequestKind.REFUSE, "Declined.")


def _ask(kind: RequestKind, said: str) -> Response:
    part = parts()
    asked = NewRequest(
        kind=kind,
        who=g.session.user,
        at=part.clock(),
        run_key=request.form.get("run_key"),
        plan_hash=request.form.get("plan_hash"),
    )
    with part.database.transaction() as tx:
        request_store.add(tx, asked)
    flash(said, "done")
    return redirect(same_site_path(request.form.get("back", url_for("now.page"))), 303)
