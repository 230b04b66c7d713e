"""The Now page: is the journey healthy, what is saturated, what is the machine doing."""

from flask import Blueprint, g, render_template

from web import snapshot
from web.parts import parts
from web.session_store import Role

blueprint = Blueprint("now", __name__)


@blueprint.get("/")
def page() -> str:
    """The page as it stands now; the event stream keeps it so."""
    return render_template("now.html", shot=snapshot.take(parts()), can_act=may_act())


def may_act() -> bool:
    """Whether the signed-in user sees the buttons that act."""
    return g.session is not None and g.session.role is Role.RESPONDER
