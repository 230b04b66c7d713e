"""How a request ended, in one word; failures are counted by it."""

from enum import StrEnum


class OutcomeKind(StrEnum):
    """The end of one request as its user saw it."""

    OK = "ok"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    UNREACHABLE = "unreachable"
    GENERATOR = "generator"
    BAD_RESPONSE = "bad_response"
    BAD_BODY = "bad_body"
    HTTP_3XX = "http_3xx"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    HTTP_4XX = "http_4xx"
    HTTP_429 = "http_429"
    HTTP_503 = "http_503"
    HTTP_5XX = "http_5xx"
    UNFINISHED = "unfinished"

    @property
    def failed(self) -> bool:
        """True for everything that is neither an answer nor a request cut off by the end of the run."""
        return self not in (OutcomeKind.OK, OutcomeKind.UNFINISHED)

    @property
    def worth_retrying(self) -> bool:
        """A failure that may pass; a client's own mistake or a lost token stays what it is."""
        return self.failed and self not in (OutcomeKind.HTTP_403, OutcomeKind.HTTP_404, OutcomeKind.HTTP_4XX)


_NAMED = {
    403: OutcomeKind.HTTP_403,
    404: OutcomeKind.HTTP_404,
    429: OutcomeKind.HTTP_429,
    503: OutcomeKind.HTTP_503,
}
_CLASSES = {3: OutcomeKind.HTTP_3XX, 4: OutcomeKind.HTTP_4XX, 5: OutcomeKind.HTTP_5XX}


def of_unexpected_status(status: int) -> OutcomeKind:
    """The kind of a complete answer whose status the user did not expect."""
    return _NAMED.get(status) or _CLASSES.get(status // 100, OutcomeKind.BAD_RESPONSE)
