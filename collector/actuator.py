"""Exposition pages over HTTP: an actuator's /actuator/prometheus, or any exporter's /metrics."""

import base64
import http
from dataclasses import dataclass
from pathlib import Path

from collector.deadline import Deadline
from collector.exposition import Page, PageParser
from collector.exposition_grammar import PageFormat
from collector.http_fetch import HttpAnswer, HttpFetcher, HttpRequest
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.secret_file import read_secret
from collector.source import Scraped, ScrapeError

ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Where a page is and what may be on it.

    ``fallback`` is the format of an answer without Content-Type; None refuses it.
    """

    url: str
    user: str | None
    password_file: Path | None
    ca_file: Path | None
    body_limit: int
    sample_limit: int
    fallback: PageFormat | None


class ActuatorSource:
    """One exposition page."""

    def __init__(self, settings: PageSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._parser = PageParser(settings.sample_limit)
        request = HttpRequest(settings.url, settings.body_limit, REDIRECTS)
        self._fetcher = HttpFetcher(request, resolver, settings.ca_file)

    def fetch(self, at: float, deadline: Deadline) -> Scraped:
        """Ask for the page and parse it within one deadline."""
        headers = {"Accept": ACCEPT} | authorization(self._settings.user, self._settings.password_file)
        answer = self._fetcher.get(headers, deadline)
        refuse_status(answer)
        form = page_format(answer.content_type, self._settings.fallback)
        try:
            page = self._parser.parse(answer.body, form, at, deadline)
            deadline.left()
        except TimeoutError:
            text = (
                f"a page of {len(answer.body):,} bytes was not fetched and parsed within {deadline.given:g} s"
            )
            raise ScrapeError(ErrorKind.TIMEOUT, text) from None
        return Scraped(page.labels, page.values, page.metadata, notes=_notes(page), seen=page.seen)

    def close(self) -> None:
        """Drop the kept connection."""
        self._fetcher.close()


def authorization(user: str | None, password_file: Path | None) -> dict[str, str]:
    """The header of basic authentication, if there is a user. Raises ScrapeError (auth)."""
    if user is None:
        return {}
    pair = f"{user}:{read_secret(password_file) or ''}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}


def refuse_status(answer: HttpAnswer) -> None:
    """Anything but 200 is a failed scrape. Raises ScrapeError (auth, http_status)."""
    if answer.status == http.HTTPStatus.OK:
        return
    found = f"answered {answer.status} {answer.reason}".rstrip()
    if answer.status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        raise ScrapeError(ErrorKind.AUTH, f"{found} (want 200; check user and password_file)")
    raise ScrapeError(ErrorKind.HTTP_STATUS, f"{found} (want 200)")


def page_format(content_type: str, fallback: PageFormat | None) -> PageFormat:
    """The format that an answer says it has. Raises ScrapeError (bad_content_type)."""
    media = content_type.partition(";")[0].strip().lower()
    if media == "application/openmetrics-text":
        return PageFormat.OPENMETRICS
    if media == "text/plain":
        return PageFormat.TEXT
    if not media and fallback is not None:
        return fallback
    if not media:
        text = "no Content-Type (set collector.fallback_scrape_protocol to accept it)"
    elif media == "text/html":
        text = "text/html (a login page?)"
    else:
        text = f"{media} (want text/plain or application/openmetrics-text)"
    raise ScrapeError(ErrorKind.BAD_CONTENT_TYPE, text)


def _notes(page: Page) -> tuple[str, ...]:
    found = (
        (page.seen == 0, "the page has no samples"),
        (page.duplicates, f"{page.duplicates} samples of a series that the page already had were dropped"),
        (
            page.out_of_bounds,
            f"{page.out_of_bounds} samples with a time too old or too far ahead were dropped",
        ),
    )
    return tuple(text for wrong, text in found if wrong)
