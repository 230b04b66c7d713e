"""What series there are: /series, /labels, /label/NAME/values, /metadata."""

import math
import re
import sys
from collections.abc import Sequence
from typing import TypeVar

from flask import Blueprint, Response

from metrics.errors import QueryError
from metrics.promql.literals import quoted
from metrics.values import Metadata
from web.parts import parts
from web.prometheus_api import encoding, parameters
from web.prometheus_api.answering import TRUNCATED, answered, success, written
from web.prometheus_api.failure import ApiError, ErrorType, of_parameter
from web.prometheus_api.turns import turn
from web.security import machine

GET_AND_POST = ("GET", "POST")
Found = TypeVar("Found")

_ESCAPED_NAME = re.compile(r"U__(?:[^_]|_[0-9a-fA-F]{1,6}_|__)*")
_ESCAPE = re.compile(r"__|_([0-9a-fA-F]{1,6})_")

blueprint = Blueprint("prometheus_series", __name__, url_prefix="/api/v1")


@blueprint.route("/series", methods=GET_AND_POST)
@machine
@answered
def series() -> Response:
    """Label sets of series with a sample in the time asked for."""
    selectors = parameters.texts("match[]")
    if not selectors:
        raise ApiError(ErrorType.BAD_DATA, "no match[] parameter provided")
    most = parameters.limit()
    start, end = _span()
    with turn() as goes_on:
        try:
            found = parts().series.series(selectors, start, end, goes_on)
        except QueryError as error:
            raise of_parameter(error, "match[]") from None
        shown, warnings = _limited(found, most)
        text = encoding.label_sets(shown, goes_on)
    return written(text, warnings)


@blueprint.route("/labels", methods=GET_AND_POST)
@machine
@answered
def labels() -> Response:
    """Label names in use."""
    most = parameters.limit()
    start, end = _span()
    with turn() as goes_on:
        found = parts().series.label_names(parameters.texts("match[]"), start, end, goes_on)
    shown, warnings = _limited(found, most)
    return success(list(shown), warnings)


@blueprint.get("/label/<name>/values")
@machine
@answered
def label_values(name: str) -> Response:
    """Values of one label."""
    wanted = unescaped(name)
    if not wanted:
        raise ApiError(ErrorType.BAD_DATA, f"invalid label name: {quoted(wanted)}")
    most = parameters.limit()
    start, end = _span()
    with turn() as goes_on:
        found = parts().series.label_values(wanted, parameters.texts("match[]"), start, end, goes_on)
    shown, warnings = _limited(found, most)
    return success(list(shown), warnings)


@blueprint.get("/metadata")
@machine
@answered
def metadata() -> Response:
    """What expositions said of their metrics, each once."""
    most = _number("limit")
    _number("limit_per_metric")
    only = parameters.value("metric")
    found = parts().series.metadata()
    chosen = [name for name in sorted(found) if not only or name == only]
    shown = chosen if most is None or most < 0 else chosen[:most]
    return success({name: [_described(found[name])] for name in shown})


def unescaped(name: str) -> str:
    """A label name as it is; ``U__`` begins one whose special characters are written as ``_hex_``."""
    if not _ESCAPED_NAME.fullmatch(name):
        return name
    codes = [int(code, 16) for code in _ESCAPE.findall(name.removeprefix("U__")) if code]
    if any(code > sys.maxunicode or 0xD800 <= code < 0xE000 for code in codes):
        return name
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "_", name.removeprefix("U__"))


def _number(name: str) -> int | None:
    text = parameters.value(name)
    if text and parameters.not_whole(text):
        raise ApiError(ErrorType.BAD_DATA, f"{name} must be a number")
    return int(text) if text else None


def _described(found: Metadata) -> dict[str, str]:
    return {"type": found.type, "help": found.help, "unit": found.unit}


def _span() -> tuple[float, float]:
    return parameters.time_or("start", -math.inf), parameters.time_or("end", math.inf)


def _limited(found: Sequence[Found], most: int | None) -> tuple[Sequence[Found], list[str]]:
    return (found[:most], [TRUNCATED]) if most and len(found) > most else (found, [])
