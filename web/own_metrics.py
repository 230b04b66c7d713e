"""/metrics: Showcall's own numbers in Prometheus' text form."""

from flask import Blueprint, Response

from web.parts import parts
from web.security import public

blueprint = Blueprint("own_metrics", __name__)


@blueprint.get("/metrics")
@public
def page() -> Response:
    """Nothing here carries user data; bind the console to a private address to keep it private."""
    return Response(parts().own_metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")
