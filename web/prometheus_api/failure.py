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


class ApiError(Exception):
    """An answer with ``status: error``."""

    def __init__(self, kind: ErrorType, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUSES[self.kind]


def invalid(name: str, text: str) -> ApiError:
    """A parameter that cannot be used."""
    return ApiError(ErrorType.BAD_DATA, f'invalid parameter "{name}": {text}')


def of_query(error: QueryError, parameter: str = "query") -> ApiError:
    """What Prometheus answers when a query fails; a text that cannot be parsed is a bad parameter."""
    kind = _OF_KIND[error.kind]
    if kind is not ErrorType.BAD_DATA:
        return ApiError(kind, error.message)
    if error.position is None:
        return ApiError(kind, error.message)
    line, column = error.position
    return invalid(parameter, f"{line}:{column}: parse error: {error.message}")
