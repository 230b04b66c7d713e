"""From a view's data to the HTTP answer: the envelope, warnings, compression, errors."""

import gzip
from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec

from flask import Response, request

from metrics.errors import QueryError
from web.prometheus_api import encoding
from web.prometheus_api.failure import ApiError, of_query

SMALL_BYTES = 2048
COMPRESSION = 1
MOST_NOTES = 10
TRUNCATED = "results truncated due to limit"

Arguments = ParamSpec("Arguments")


def answered(view: Callable[Arguments, Response]) -> Callable[Arguments, Response]:
    """The view with its errors in Prometheus' form."""

    @wraps(view)
    def answering(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except ApiError as error:
            return failure(error)
        except QueryError as error:
            return failure(of_query(error))

    return answering


def success(data: object, warnings: Sequence[str] = ()) -> Response:
    """An answer whose data is plain JSON."""
    return written(encoding.written(data), warnings)


def written(data: str, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Response:
    """An answer whose data is JSON text already."""
    told = _told("warnings", _most(warnings, "warning")) + _told("infos", _most(infos, "info"))
    return _sent(f'{{"status":"success","data":{data}{told}}}', 200)


def nothing() -> Response:
    """An answer without any data."""
    return Response(status=204)


def failure(error: ApiError) -> Response:
    """An error in Prometheus' form."""
    body = {"status": "error", "errorType": error.kind.value, "error": error.text}
    answer = _sent(encoding.written(body), error.status)
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="showcall"'
    return answer


def _most(notes: Sequence[str], kind: str) -> list[str]:
    shown, left_out = list(notes[:MOST_NOTES]), len(notes) - MOST_NOTES
    return [*shown, f"{left_out} more {kind} annotations omitted"] if left_out > 0 else shown


def _told(key: str, notes: Sequence[str]) -> str:
    return f',"{key}":{encoding.written(notes)}' if notes else ""


def _sent(text: str, status: int) -> Response:
    body = text.encode("utf-8", "replace")
    answer = Response(body, status, content_type="application/json")
    answer.vary.add("Accept-Encoding")
    if len(body) > SMALL_BYTES and request.accept_encodings["gzip"] > 0:
        answer.set_data(gzip.compress(body, COMPRESSION))
        answer.headers["Content-Encoding"] = "gzip"
    return answer
