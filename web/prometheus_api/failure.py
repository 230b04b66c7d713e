"""What the API answers when it cannot answer, in Prometheus' form and words."""

from enum import StrEnum

from metrics.errors import ErrorKind, QueryError


class ErrorType(StrEnum):
    """``errorType`` of an answer."""

    BAD_DATA = "bad_data"
    EXECUTION = "execution"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    NOT_FOUND = "not_found"
    NOT_ACCEPTABLE = "not_acceptable"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    INTERNAL = "internal"


STATUSES = {
    ErrorType.BAD_DATA: 400,
    ErrorType.UNAUTHORIZED: 401,
    ErrorType.FORBIDDEN: 403,
    ErrorType.NOT_FOUND: 404,
    ErrorType.NOT_ACCEPTABLE: 406,
    ErrorType.EXECUTION: 422,
    ErrorType.INTERNAL: 500,
    ErrorType.TIMEOUT: 503,
    ErrorType.UNAVAILABLE: 503,
}

_OF_KIND = {
    ErrorKind.BAD_DATA: ErrorType.BAD_DATA,
    ErrorKind.UNSUPPORTED: ErrorType.BAD_DATA,
    ErrorKind.EXECUTION: ErrorType.EXECUTION,
    ErrorKind.TIMEOUT: ErrorType.TIMEOUT,
}

_OF_STATUS = {
    401: ErrorType.UNAUTHORIZED,
    403: ErrorType.FORBIDDEN,
    404: ErrorType.NOT_FOUND,
    500: ErrorType.INTERNAL,
    503: ErrorType.UNAVAILABLE,
}

TOO_LARGE = "the request is larger than 2 MB"

_WORDS = {404: "404 page not found", 405: "Method Not Allowed", 413: TOO_LARGE}
"""Clients look for the first two."""


class ApiError(Exception):
    """An answer with ``status: error``; the HTTP status follows from the type unless it is given."""

    def __init__(self, kind: ErrorType, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.status = status or STATUSES[kind]


def invalid(name: str, text: str) -> ApiError:
    """A parameter that cannot be used."""
    return ApiError(ErrorType.BAD_DATA, f'invalid parameter "{name}": {text}')


def of_query(error: QueryError) -> ApiError:
    """What Prometheus answers when a query fails, without saying which parameter it stands in."""
    return ApiError(_OF_KIND[error.kind], _placed(error))


def of_parameter(error: QueryError, name: str) -> ApiError:
    """The same, where a text that cannot be used is a bad parameter."""
    kind = _OF_KIND[error.kind]
    return invalid(name, _placed(error)) if kind is ErrorType.BAD_DATA else ApiError(kind, error.message)


def of_status(status: int, text: str) -> ApiError:
    """What HTTP itself refuses, such as a path or a method that is not there."""
    return ApiError(_OF_STATUS.get(status, ErrorType.BAD_DATA), _WORDS.get(status, text), status)


def _placed(error: QueryError) -> str:
    if error.position is None:
        return error.message
    line, column = error.position
    place = f"{line}:{column}" if error.text else "unknown position"
    return f"{place}: parse error: {error.message}"
