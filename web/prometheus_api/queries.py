"""Asking: /query, /query_range, /parse_query, /format_query, /query_exemplars."""

from contextlib import AbstractContextManager

from flask import Blueprint, Response, current_app, g, request

from metrics.promql import printer
from metrics.promql.parser import parse
from metrics.values import Matrix, QueryResult, Vector
from web.parts import parts
from web.prometheus_api import encoding, parameters, syntax_tree
from web.prometheus_api.answering import TRUNCATED, answered, success, written
from web.prometheus_api.failure import invalid
from web.prometheus_api.gate import QueryGate
from web.security import machine

GET_AND_POST = ("GET", "POST")

blueprint = Blueprint("prometheus_queries", __name__, url_prefix="/api/v1")


@blueprint.route("/query", methods=GET_AND_POST)
@machine
@answered
def query() -> Response:
    """An instant query."""
    part = parts()
    most = parameters.limit()
    at = parameters.time_of("time", part.clock())
    with _turn():
        answer = part.asker.ask(parameters.value("query"), at)
    shown, truncated = _limited(answer.result, most)
    return written(encoding.result(shown), (*truncated, *answer.warnings), answer.infos)


@blueprint.route("/query_range", methods=GET_AND_POST)
@machine
@answered
def query_range() -> Response:
    """A range query."""
    most = parameters.limit()
    start, end = parameters.time_of("start"), parameters.time_of("end")
    if end < start:
        raise invalid("end", "end timestamp must not be before start time")
    step = parameters.duration_of("step")
    if step <= 0:
        text = "zero or negative query resolution step widths are not accepted. Try a positive integer"
        raise invalid("step", text)
    with _turn():
        answer = parts().asker.ask_range(parameters.value("query"), start, end, step)
    shown, truncated = _limited(answer.result, most)
    return written(encoding.result(shown), (*truncated, *answer.warnings), answer.infos)


@blueprint.route("/parse_query", methods=GET_AND_POST)
@machine
@answered
def parse_query() -> Response:
    """The syntax tree of a query."""
    return success(syntax_tree.document(parse(parameters.value("query"))))


@blueprint.route("/format_query", methods=GET_AND_POST)
@machine
@answered
def format_query() -> Response:
    """A query in its canonical form."""
    return success(printer.to_text(parse(parameters.value("query"))))


@blueprint.route("/query_exemplars", methods=GET_AND_POST)
@machine
@answered
def query_exemplars() -> Response:
    """No exemplars are kept; what is asked is checked all the same."""
    start, end = parameters.time_of("start"), parameters.time_of("end")
    if end < start:
        raise invalid("end", "end timestamp must not be before start timestamp")
    parse(parameters.value("query"))
    return success([])


def _turn() -> AbstractContextManager[None]:
    gate: QueryGate = current_app.extensions["query_gate"]
    caller = g.session.user if g.session else f"machine:{request.remote_addr}"
    return gate.turn(caller, parameters.positive_duration_of("timeout"))


def _limited(found: QueryResult, most: int | None) -> tuple[QueryResult, list[str]]:
    match found:
        case Vector(samples=samples) if most and len(samples) > most:
            return Vector(samples[:most]), [TRUNCATED]
        case Matrix(series=series) if most and len(series) > most:
            return Matrix(series[:most]), [TRUNCATED]
    return found, []
