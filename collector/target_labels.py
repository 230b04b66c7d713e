"""Whose samples these are: job, instance and the target's own labels on every series, within limits."""

from collections.abc import Container
from dataclasses import dataclass
from operator import is_not

from collector.round import ErrorKind
from collector.source import ScrapeError
from metrics.values import Labels, label


@dataclass(frozen=True, slots=True)
class LabelLimits:
    """How many labels a series may have, and how many characters a value."""

    count: int
    value_length: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """Final label sets, and how many of them the last scrape did not have."""

    labels: tuple[Labels, ...]
    added: int


class TargetLabels:
    """Adds the target's labels to scraped ones; a scraped label in the way becomes ``exported_*``.

    While the series and their order are those of the last call, the very same tuple is returned.
    """

    def __init__(self, labels: Labels, limits: LabelLimits) -> None:
        self._labels = labels
        self._limits = limits
        self._scraped: tuple[Labels, ...] = ()
        self._final: tuple[Labels, ...] = ()
        self._known: dict[Labels, Labels] = {}

    def apply(self, scraped: tuple[Labels, ...]) -> Labelled:
        """The final label sets. Raises ScrapeError (limit) that names the label and the series."""
        if scraped is self._scraped:
            return Labelled(self._final, 0)
        known, fresh = self._known, {}
        final = []
        for labels in scraped:
            done = known.get(labels)
            if done is None:
                done = fresh[labels] = self._label(labels)
            final.append(done)
        if fresh or len(final) != len(known):
            self._known = dict(zip(scraped, final, strict=True))
        self._scraped = scraped
        if len(final) != len(self._final) or any(map(is_not, final, self._final)):
            self._final = tuple(final)
        return Labelled(self._final, len(fresh))

    def _label(self, scraped: Labels) -> Labels:
        # The pairs themselves are kept: most of them stand in many label sets.
        pairs = {pair[0]: pair for pair in scraped}
        for pair in self._labels:
            name = pair[0]
            if name in pairs:
                other = _free_name(name, pairs)
                pairs[other] = other, pairs[name][1]
            pairs[name] = pair
        final = tuple(sorted(pairs.values()))
        self._check(final, label(scraped, "__name__"))
        return final

    def _check(self, labels: Labels, metric: str) -> None:
        if len(labels) > self._limits.count:
            text = f"{len(labels)} labels on {metric}, over collector.label_limit ({self._limits.count})"
            raise ScrapeError(ErrorKind.LIMIT, text)
        longest, value = max(labels, key=lambda pair: len(pair[1]))
        if len(value) > self._limits.value_length:
            raise ScrapeError(
                ErrorKind.LIMIT,
                f'label "{longest}" of {metric} has a value of {len(value):,} characters, '
                f"over collector.label_value_length_limit ({self._limits.value_length:,})",
            )


def _free_name(name: str, taken: Container[str]) -> str:
    exported = f"exported_{name}"
    while exported in taken:
        exported = f"exported_{exported}"
    return exported
