"""Asking: /query, /query_range, /parse_query, /format_query, /query_exemplars."""

import math
from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, Response

from metrics.errors import QueryError
from metrics.promql import printer
from metrics.promql.ast import Expr, VectorSelector
from metrics.promql.limits import Limits, check_steps
from metrics.promql.parser import parse
from metrics.promql.tree import children
from metrics.values import Answer, Matrix, QueryResult, Terms, Vector
from web.parts import parts
from web.prometheus_api import encoding, parameters, syntax_tree
from web.prometheus_api.answering import TRUNCATED, answered, nothing, success, written
from web.prometheus_api.failure import ApiError, ErrorType, invalid, of_parameter
from web.prometheus_api.turns import turn
from web.security import machine

GET_AND_POST = ("GET", "POST")

Found = TypeVar("Found")

blueprint = Blueprint("prometheus_queries", __name__, url_prefix="/api/v1")


@blueprint.route("/query", methods=GET_AND_POST)
@machine
@answered
def query() -> Response:
    """An instant query."""
    part = parts()
    most = parameters.limit()
    at = parameters.time_or("time", part.clock())
    return _asked(lambda terms: part.far_asker.ask(parameters.value("query"), at, terms), most)


@blueprint.route("/query_range", methods=GET_AND_POST)
@machine
@answered
def query_range() -> Response:
    """A range query."""
    part = parts()
    most = parameters.limit()
    start, end = parameters.time_of("start"), parameters.time_of("end")
    if end < start:
        raise invalid("end", "end timestamp must not be before start time")
    step = parameters.duration_of("step")
    if step <= 0:
        text = "zero or negative query resolution step widths are not accepted. Try a positive integer"
        raise invalid("step", text)
    check_steps(int((end - start) // step), Limits(max_steps=part.settings.metrics.max_steps))
    text = parameters.value("query")
    return _asked(lambda terms: part.far_asker.ask_range(text, start, end, step, terms), most)


@blueprint.route("/parse_query", methods=GET_AND_POST)
@machine
@answered
def parse_query() -> Response:
    """The syntax tree of a query."""
    return success(syntax_tree.document(_parsed("query"), parameters.value("query")))


@blueprint.route("/format_query", methods=GET_AND_POST)
@machine
@answered
def format_query() -> Response:
    """A query in its canonical form."""
    return success(printer.to_text(_parsed("query")))


@blueprint.route("/query_exemplars", methods=GET_AND_POST)
@machine
@answered
def query_exemplars() -> Response:
    """No exemplars are kept; what is asked is checked all the same."""
    start, end = parameters.time_or("start", -math.inf), parameters.time_or("end", math.inf)
    if end < start:
        raise ApiError(ErrorType.BAD_DATA, "end timestamp must not be before start timestamp")
    return success([]) if _has_selector(parse(parameters.value("query"))) else nothing()


def _parsed(name: str) -> Expr:
    return _of(name, lambda: parse(parameters.value(name)))


def _of(name: str, work: Callable[[], Found]) -> Found:
    try:
        return work()
    except QueryError as error:
        raise of_parameter(error, name) from None


def _asked(ask: Callable[[Terms], Answer[Matrix] | Answer[QueryResult]], most: int | None) -> Response:
    timeout = parameters.positive_duration_of("timeout") or math.inf
    lookback = parameters.lookback()
    with turn(timeout) as goes_on:
        answer = _of("query", lambda: ask(Terms(lookback, goes_on)))
        shown, truncated = _limited(answer.result, most)
        text = encoding.result(shown, goes_on)
    return written(text, (*truncated, *answer.warnings), answer.infos)


def _limited(found: QueryResult, most: int | None) -> tuple[QueryResult, list[str]]:
    match found:
        case Vector(samples=samples) if most and len(samples) > most:
            return Vector(samples[:most]), [TRUNCATED]
        case Matrix(series=series) if most and len(series) > most:
            return Matrix(series[:most]), [TRUNCATED]
    return found, []


def _has_selector(expr: Expr) -> bool:
    return isinstance(expr, VectorSelector) or any(map(_has_selector, children(expr)))
