"""The Docker SDK's client, held to reading: GET alone, bounded bodies, one deadline for an answer.

Imported only where a Docker daemon is watched: the SDK brings requests and urllib3 along.
"""

import io
import time
from collections.abc import Mapping, Sequence
from typing import Any

from docker import APIClient
from docker.errors import APIError, DockerException
from requests import PreparedRequest, RequestException, Response
from urllib3.exceptions import HTTPError

from collector.docker_containers import Inspected, Listed, parse_inspection, parse_list
from collector.docker_endpoint import REFUSALS
from collector.round import ErrorKind
from collector.source import ScrapeError

TIMEOUT_SECONDS = 5
BODY_LIMIT = 32 * 1024 * 1024
PIECE_BYTES = 64 * 1024


class ReadingClient(APIClient):
    """Refuses whatever is not a GET, and reads every body whole, within its limits."""

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """One request and its whole answer. Raises ScrapeError beside requests' own errors."""
        if request.method != "GET":
            raise ScrapeError(ErrorKind.INTERNAL, f"refused to {request.method} {request.path_url}")
        until = time.monotonic() + TIMEOUT_SECONDS
        response = super().send(request, **{**kwargs, "stream": True, "allow_redirects": False})
        try:
            response.raw = io.BytesIO(_whole(response, str(request.path_url).partition("?")[0], until))
        except BaseException:
            response.close()
            raise
        return response


def _whole(response: Response, path: str, until: float) -> bytes:
    parts, size = [], 0
    for part in response.raw.stream(PIECE_BYTES, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > BODY_LIMIT:
            raise ScrapeError(ErrorKind.TOO_LARGE, f"{path}: body over {BODY_LIMIT >> 20} MiB")
        if time.monotonic() > until:
            raise ScrapeError(ErrorKind.TIMEOUT, f"{path}: no whole answer within {TIMEOUT_SECONDS} s")
    return b"".join(parts)


class DockerDaemon:
    """What is asked of a daemon now and then, in our own values. Every method raises ScrapeError.

    Args:
        base_url: ``unix://...`` or ``tcp://...``.
        version: of the Engine API.
        labels: which containers, ``key=value`` each; all without any.

    Raises:
        ScrapeError: the SDK cannot use its configuration or the daemon's version.
    """

    def __init__(self, base_url: str, version: str, labels: Sequence[str]) -> None:
        try:
            self._client = ReadingClient(base_url, version=version, timeout=TIMEOUT_SECONDS)
        except DockerException as error:  # the SDK reads the user's own Docker configuration
            raise ScrapeError(ErrorKind.INTERNAL, f"the Docker SDK refuses to start: {error}") from None
        self._client.trust_env = False  # no proxy, no .netrc: the daemon is where it was said to be
        self._filters: Mapping[str, list[str]] = {"label": list(labels)} if labels else {}

    def containers(self) -> dict[str, Listed]:
        """Every container, by id, running or not."""
        try:
            return parse_list(self._client.containers(all=True, filters=self._filters))
        except _ERRORS as error:
            raise _explained(error, "/containers/json") from error

    def inspect(self, container: str) -> Inspected | None:
        """One container; None when it is gone."""
        try:
            return parse_inspection(self._client.inspect_container(container))
        except _ERRORS as error:
            if isinstance(error, APIError) and error.status_code == 404:
                return None
            raise _explained(error, f"/containers/{container[:12]}/json") from error

    def close(self) -> None:
        """Drop connections."""
        self._client.close()


_ERRORS = (DockerException, RequestException, HTTPError, ValueError)


def _explained(error: Exception, path: str) -> ScrapeError:
    """In kinds and in words; the SDK's own texts are long and name its own URL."""
    if isinstance(error, APIError):
        status = error.status_code or 0
        text = f"{path} was answered with {status}: {str(error.explanation or '')[:160]}"
        return ScrapeError(REFUSALS.get(status, ErrorKind.HTTP_STATUS), text)
    if isinstance(error, RequestException | HTTPError) and "timed out" in str(error).lower():
        return ScrapeError(ErrorKind.TIMEOUT, f"{path}: no answer within {TIMEOUT_SECONDS} s")
    if isinstance(error, ValueError) and not isinstance(error, RequestException):
        return ScrapeError(ErrorKind.BAD_FORMAT, f"{path}: {str(error)[:160]}")
    if type(error).__name__ == "JSONDecodeError":
        return ScrapeError(ErrorKind.BAD_FORMAT, f"{path}: the answer is not JSON ({str(error)[:80]})")
    return ScrapeError(ErrorKind.RESET, f"{path}: no whole answer ({type(error).__name__})")
