"""One target as the loop sees it."""

from dataclasses import dataclass

from collector.source import Source
from collector.target_labels import LabelLimits
from metrics.values import Labels


@dataclass(frozen=True, slots=True)
class Target:
    """What to look at, how often, and whose its samples are.

    Attributes:
        name: also the origin of its series.
        kind: of its source, as text.
        labels: job, instance and its own, on every series.
        interval, timeout: seconds.
    """

    name: str
    kind: str
    source: Source
    labels: Labels
    interval: float
    timeout: float
    limits: LabelLimits


def own_origin(target: str) -> str:
    """The origin of what the collector says of a target (``up``...); it is never down with the target."""
    return f"{target}#scrape"
