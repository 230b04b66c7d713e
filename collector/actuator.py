"""Exposition pages over HTTP: an actuator's /actuator/prometheus, or any exporter's /metrics."""

import http
from dataclasses import dataclass
from types import MappingProxyType

from collector.deadline import Deadline
from collector.exposition import Page, PageParser
from collector.exposition_grammar import PageFormat
from collector.http_fetch import HttpAnswer, HttpFetcher
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.site import Site
from collector.source import Scraped, ScrapeError
from collector.together import Arrival

ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
"""What Prometheus 3.5 sends, so that targets write for us what they write for it: names as they are."""
REDIRECTS = 3
_HEADERS = MappingProxyType({"Accept": ACCEPT})


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Where a page is and what may be on it.

    ``fallback`` is the format of an answer without Content-Type; None refuses it. With ``honor_timestamps``
    samples keep the time that they carry.
    """

    site: Site
    sample_limit: int
    fallback: PageFormat | None
    honor_timestamps: bool = False


class ActuatorSource:
    """One exposition page."""

    def __init__(self, settings: PageSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._parser = PageParser(settings.sample_limit, settings.honor_timestamps)
        self._fetcher = HttpFetcher(settings.site, resolver, REDIRECTS)

    def fetch(self, at: float, deadline: Deadline) -> Scraped:
        """Ask for the page and parse it within one deadline."""
        answer = self._fetcher.get(_HEADERS, deadline)
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
        notes, stamps = _notes(page), page.stamps
        return Scraped(page.labels, page.values, page.metadata, notes=notes, seen=page.seen, stamps=stamps)

    def ask(self, deadline: Deadline) -> int | None:
        """As in ``AsksAhead``."""
        return self._fetcher.ask(_HEADERS, deadline)

    def arrived(self) -> Arrival:
        """As in ``AsksAhead``."""
        return self._fetcher.arrived()

    def close(self) -> None:
        """Drop the kept connection."""
        self._fetcher.close()


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
