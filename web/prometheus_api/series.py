"""What series there are: /series, /labels, /label/NAME/values, /metadata."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from flask import Blueprint, Response

from metrics.errors import QueryError
from metrics.values import Metadata
from web.parts import SeriesBook, parts
from web.prometheus_api import encoding, parameters
from web.prometheus_api.answering import TRUNCATED, answered, success, written
from web.prometheus_api.failure import ApiError, ErrorType, invalid, of_query
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
    selectors = _selectors()
    if not selectors:
        raise ApiError(ErrorType.BAD_DATA, "no match[] parameter provided")
    most = parameters.limit()
    start, end = _span()
    found = _asked(lambda book: book.series(selectors, start, end))
    shown, warnings = _limited(found, most)
    return written(f"[{','.join(map(encoding.labels_json, shown))}]", warnings)


@blueprint.route("/labels", methods=GET_AND_POST)
@machine
@answered
def labels() -> Response:
    """Label names in use."""
    selectors, most = _selectors(), parameters.limit()
    _span()
    found = _asked(lambda book: book.label_names(selectors))
    shown, warnings = _limited(found, most)
    return success(list(shown), warnings)


@blueprint.get("/label/<name>/values")
@machine
@answered
def label_values(name: str) -> Response:
    """Values of one label."""
    selectors, most = _selectors(), parameters.limit()
    _span()
    wanted = unescaped(name)
    found = _asked(lambda book: book.label_values(wanted, selectors))
    shown, warnings = _limited(found, most)
    return success(list(shown), warnings)


@blueprint.get("/metadata")
@machine
@answered
def metadata() -> Response:
    """What expositions said of their metrics."""
    most, _ = parameters.limit(), parameters.whole("limit_per_metric")
    only = parameters.value("metric")
    found = _book().metadata()
    chosen = [name for name in sorted(found) if not only or name == only]
    return success({name: [_described(found[name])] for name in chosen[:most]})


def unescaped(name: str) -> str:
    """A label name as it is; ``U__`` begins one whose special characters are written as ``_hex_``."""
    if not _ESCAPED_NAME.fullmatch(name):
        return name
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "_", name.removeprefix("U__"))


def _described(found: Metadata) -> dict[str, str]:
    return {"type": found.type, "help": found.help, "unit": found.unit}


def _selectors() -> list[str]:
    return parameters.texts("match[]")


def _span() -> tuple[float, float]:
    start = parameters.time_of("start", 0.0)
    end = parameters.time_of("end", parts().clock())
    if end < start:
        raise invalid("end", "end timestamp must not be before start time")
    return start, end


def _book() -> SeriesBook:
    return parts().series


def _asked(ask: Callable[[SeriesBook], Sequence[Found]]) -> Sequence[Found]:
    try:
        return ask(_book())
    except QueryError as error:
        raise of_query(error, "match[]") from None


def _limited(found: Sequence[Found], most: int | None) -> tuple[Sequence[Found], list[str]]:
    return (found[:most], [TRUNCATED]) if most and len(found) > most else (found, [])
