"""The turn of the caller of a request."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import current_app, g, request

from web.parts import parts
from web.prometheus_api.gate import QueryGate


@contextmanager
def turn(timeout: float = math.inf) -> Iterator[Callable[[], bool]]:
    """Let the caller in for as long as the block lasts; see ``QueryGate.turn``.

    Args:
        timeout: seconds that the request asks for; the settings may allow less.
    """
    gate: QueryGate = current_app.extensions["query_gate"]
    caller = g.session.user if g.session else f"machine:{request.remote_addr}"
    with gate.turn(caller, min(timeout, parts().settings.metrics.query_timeout)) as goes_on:
        yield goes_on
