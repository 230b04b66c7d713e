"""Samples that carry the time at which they were measured, where a target's own times are taken."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from collector.source import Scraped
from metrics.values import Batch, Floats, Labels, Pushed

Bools = npt.NDArray[np.bool_]


def stamps_of(count: int, found: Mapping[int, float]) -> Floats:
    """The time of each sample in Unix seconds, NaN for those that carry none; ``found`` by position."""
    stamps = np.full(count, np.nan)
    stamps[list(found)] = list(found.values())
    return stamps


def told_once(labels: Sequence[Labels], stamps: Floats) -> list[int]:
    """Which samples of a page are kept: those of a series with times of its own, the first of any other.

    A series that has both kinds on one page is what its first sample is.
    """
    kinds: dict[Labels, bool] = {}
    kept = []
    for place, (series, stamped) in enumerate(zip(labels, (~np.isnan(stamps)).tolist(), strict=True)):
        first = series not in kinds
        if first or (stamped and kinds[series]):
            kept.append(place)
        kinds.setdefault(series, stamped)
    return kept


def parted(
    origin: str, at: float, labels: tuple[Labels, ...], scraped: Scraped
) -> tuple[Batch, Pushed | None]:
    """What is stored of a look: rows at the look's time ``at``, and samples at theirs if there are any."""
    stamps = scraped.stamps
    if stamps is None:
        return Batch(origin, at, labels, scraped.values, scraped.metadata), None
    own = ~np.isnan(stamps)
    rest = Batch(origin, at, _picked(labels, ~own), scraped.values[~own], scraped.metadata)
    return rest, Pushed(origin, at, _picked(labels, own), stamps[own], scraped.values[own])


def _picked(labels: tuple[Labels, ...], which: Bools) -> tuple[Labels, ...]:
    return tuple([labels[place] for place in np.flatnonzero(which)])
