"""One look at one target: fetch, label, append, and what is said of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import structlog

from collector.deadline import Deadline
from collector.round import ErrorKind, TargetReport
from collector.source import AsksAhead, Scraped, ScrapeError, gauges, measured
from collector.stamps import parted
from collector.target import Target, own_origin
from collector.target_labels import LabelLimits, TargetLabels
from collector.together import Arrival
from metrics.values import Appended, Batch, Labels, Pushed

Append = Callable[[Batch], Appended]
Push = Callable[[Pushed], Appended]

UNLIMITED = LabelLimits(count=1_000_000, value_length=1_000_000_000)

METADATA = gauges(
    {
        "up": "Whether the last look at this target worked.",
        "scrape_duration_seconds": "How long it took.",
        "scrape_samples_scraped": "Samples that the target gave.",
        "scrape_samples_post_metric_relabeling": "Samples that were left to be stored.",
        "scrape_series_added": "Series that the look before did not have.",
        "showcall_scrape_error": "1 with the kind of what is wrong with the target now.",
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fetch came to. ``began`` is Unix seconds, ``begun`` the same on the monotonic clock."""

    began: float
    begun: float
    scraped: Scraped | None
    error: ScrapeError | None


class TargetScrape:
    """Looks at one target. ``fetch`` may take its time; ``publish`` is quick, one thread at a time.

    ``push`` takes samples with times of their own.
    """

    def __init__(self, target: Target, append: Append, push: Push) -> None:
        self._target = target
        self._append = append
        self._push = push
        self._labels = TargetLabels(target.labels, target.limits)
        self._own_labels = TargetLabels(target.labels, UNLIMITED)
        self._last_up_at: float | None = None
        self._asked_at: float | None = None
        self._ahead = target.source if isinstance(target.source, AsksAhead) else None

    @property
    def asks_ahead(self) -> bool:
        """Whether ``ask`` may be of use."""
        return self._ahead is not None

    def ask(self, deadline: Deadline) -> int | None:
        """Send the question ahead of ``fetch``; the descriptor that the answer comes by, None for none."""
        if self._ahead is None:
            return None
        begun = time.monotonic()
        try:
            descriptor = self._ahead.ask(deadline)
        except Exception:  # the look itself will say what is wrong, and moves no other that shares its thread
            return None
        self._asked_at = None if descriptor is None else begun
        return descriptor

    def arrived(self) -> Arrival:
        """How much is there of the answer to what was asked ahead."""
        try:
            return Arrival.OTHER if self._ahead is None else self._ahead.arrived()
        except Exception:  # as above
            return Arrival.OTHER

    def fetch(self, at: float, deadline: Deadline) -> Outcome:
        """Ask the source; whatever goes wrong is in the outcome."""
        begun, self._asked_at = self._asked_at or time.monotonic(), None
        try:
            scraped = self._target.source.fetch(at, deadline)
            deadline.left()
            return Outcome(at, begun, scraped, None)
        except ScrapeError as error:
            return Outcome(at, begun, None, error)
        except TimeoutError:
            return Outcome(at, begun, None, too_late(deadline.given))
        except Exception as error:  # a fault of ours must not end a worker
            structlog.get_logger().exception("scrape.fault", target=self._target.name)
            text = f"fault in Showcall: {type(error).__name__} (see its log)"
            return Outcome(at, begun, None, ScrapeError(ErrorKind.INTERNAL, text))

    def publish(self, outcome: Outcome) -> TargetReport:
        """Append the samples, or nothing so that the target's series go stale, and what we say of it."""
        scraped, error = outcome.scraped, outcome.error
        added, notes = 0, scraped.notes if scraped else ()
        try:
            added, more = self._append_samples(outcome.began, scraped)
            notes += more
        except ScrapeError as limit:
            error = limit
            self._append_samples(outcome.began, None)
        duration = time.monotonic() - outcome.begun
        report = self._report(outcome.began, duration, scraped, error, notes)
        self._append_own(report, scraped, error, added)
        return report

    def faulted(self, at: float) -> TargetReport:
        """What is said of a look whose samples could not be stored."""
        error = ScrapeError(ErrorKind.INTERNAL, "the samples could not be stored (see Showcall's log)")
        return self._report(at, 0.0, None, error, ())

    def _append_samples(self, at: float, scraped: Scraped | None) -> tuple[int, tuple[str, ...]]:
        """Series that are new, and what the store says. Raises ScrapeError (limit) with nothing kept."""
        if scraped is None:
            self._append(Batch(self._target.name, at, (), np.empty(0)))
            return 0, ()
        labelled = self._labels.apply(scraped.labels)
        batch, pushed = parted(self._target.name, at, labelled.labels, scraped)
        appended = [self._append(batch)]
        if pushed is not None:
            appended.append(self._push(pushed))
        return labelled.added, _store_notes(appended)

    def _report(
        self,
        at: float,
        duration: float,
        scraped: Scraped | None,
        error: ScrapeError | None,
        notes: tuple[str, ...],
    ) -> TargetReport:
        if error is None:
            self._last_up_at = at
        wrong = error or (scraped.finding if scraped else None)
        return TargetReport(
            target=self._target.name,
            kind=self._target.kind,
            at=at,
            duration=duration,
            up=error is None,
            samples=len(scraped.values) if scraped and error is None else 0,
            error_kind=wrong.kind if wrong else None,
            error=wrong.text if wrong else None,
            last_up_at=self._last_up_at,
            notes=notes,
        )

    def _append_own(
        self, report: TargetReport, scraped: Scraped | None, error: ScrapeError | None, added: int
    ) -> None:
        said = scraped.verdict if scraped else error.verdict if error else ()
        raw = own_labels(report.error_kind)
        if said:
            raw += tuple(labels for labels, _ in said)
        values = np.array([*own_values(report, _seen(scraped), added), *(value for _, value in said)])
        labels = self._own_labels.apply(raw).labels
        self._append(Batch(own_origin(report.target), report.at, labels, values, METADATA))


def too_late(given: float, since: str = "") -> ScrapeError:
    """No whole answer within the time given."""
    return ScrapeError(ErrorKind.TIMEOUT, f"no whole answer within {given:g} s{since}")


@cache
def own_labels(error: ErrorKind | None) -> tuple[Labels, ...]:
    """Prometheus' series about a scrape, and the kind of error in one of our own: one tuple each."""
    names = (
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
    )
    wrong = [] if error is None else [measured("showcall_scrape_error", 1.0, kind=error)]
    return tuple(labels for labels, _ in (*(measured(name, 0.0) for name in names), *wrong))


def own_values(report: TargetReport, seen: int, added: int) -> tuple[float, ...]:
    """The values of ``own_labels``, in its order."""
    wrong = () if report.error_kind is None else (1.0,)
    return float(report.up), report.duration, float(seen), float(report.samples), float(added), *wrong


def _seen(scraped: Scraped | None) -> int:
    if scraped is None:
        return 0
    return len(scraped.values) if scraped.seen is None else scraped.seen


def _store_notes(appended: Sequence[Appended]) -> tuple[str, ...]:
    rows, *pushed = appended
    elsewhere = sum(each.claimed_elsewhere for each in appended)
    late, far = sum(each.out_of_order for each in pushed), sum(each.out_of_bounds for each in pushed)
    found = (
        (elsewhere, "series that another target brought first were dropped"),
        (rows.out_of_order, "samples older than the last ones were refused"),
        (late, "samples more than ten minutes late were refused"),
        (far, "samples with a time too old or too far ahead were refused"),
        (sum(each.duplicates for each in pushed), "samples with another value at the same time were refused"),
    )
    return tuple(f"{count} {text}" for count, text in found if count)
