"""What every source gives and how it fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from collector.deadline import Deadline
from collector.round import ErrorKind
from collector.together import Arrival
from metrics.values import Floats, Labels, Metadata, labels_of

Measured = tuple[Labels, float]
"""One sample without its time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong that a look found although it worked, e.g. a site that answers 503."""

    kind: ErrorKind
    text: str


@dataclass(frozen=True, slots=True)
class Scraped:
    """What one look at a target gave.

    Attributes:
        labels: one label set per value, without job and instance; the same tuple object as last time when
            nothing changed (nothing is looked up again then).
        values: float64, the same length.
        metadata: by metric name.
        verdict: what the source says of the look itself (``redis_up``, ``pg_up``, ``probe_success``...),
            kept apart from the target's own series, so that it stands while the target is down.
        finding: what the look found wrong, if anything.
        notes: oddities that did no harm.
        seen: samples in the answer, duplicates and refused ones included; None means ``len(values)``.
        stamps: the samples' own times, Unix seconds, NaN for those of the look; None for none at all.
    """

    labels: tuple[Labels, ...]
    values: Floats
    metadata: Mapping[str, Metadata] = field(default_factory=dict)
    verdict: tuple[Measured, ...] = ()
    finding: Finding | None = None
    notes: tuple[str, ...] = ()
    seen: int | None = None
    stamps: Floats | None = None


class ScrapeError(Exception):
    """A look that failed: its kind, a text for a person, and the source's verdict if it has one."""

    def __init__(self, kind: ErrorKind, text: str, verdict: tuple[Measured, ...] = ()) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text
        self.verdict = verdict

    def with_verdict(self, verdict: tuple[Measured, ...]) -> "ScrapeError":
        """The same error with what the source says of it."""
        return ScrapeError(self.kind, self.text, verdict)


class Source(Protocol):
    """One thing to look at. Never called twice at the same time."""

    def fetch(self, at: float, deadline: Deadline) -> Scraped:
        """Look once. ``at`` is Unix seconds, the time of the samples.

        Raises ScrapeError; any other exception counts as a fault of ours. Must not outlive the deadline.
        """

    def close(self) -> None:
        """Drop connections. The source may be asked again afterwards."""


@runtime_checkable
class AsksAhead(Protocol):
    """A source that can send its question before anybody waits for the answer."""

    def ask(self, deadline: Deadline) -> int | None:
        """Send the question of the next ``fetch``; the descriptor to wait on, None where ``fetch`` must.

        Raises ScrapeError and what a socket raises; ``fetch`` will say what is wrong.
        """

    def arrived(self) -> Arrival:
        """Take what has come, without waiting; when it is whole, ``fetch`` waits for nothing."""


def measured(metric: str, value: float, /, **labels: str) -> Measured:
    """One sample of a metric."""
    return labels_of({"__name__": metric, **labels}), value


def gauges(texts: Mapping[str, str]) -> dict[str, Metadata]:
    """Metadata of metrics that are all gauges, from their help texts."""
    return {name: Metadata("gauge", text) for name, text in texts.items()}


def scraped(
    samples: list[Measured],
    metadata: Mapping[str, Metadata],
    verdict: tuple[Measured, ...] = (),
    finding: Finding | None = None,
) -> Scraped:
    """The samples of a small source as columns."""
    values = np.array([value for _, value in samples], dtype=np.float64)
    return Scraped(tuple(labels for labels, _ in samples), values, metadata, verdict, finding)
