"""One run of the metrics benchmark: what was asked for, and readings of several servers at one time."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from benchmarks.metrics_servers import Server, Site, served

TARGETS, SERIES = 20, 1000
SETTLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Run:
    """What to measure, and for how long samples are taken."""

    lines: frozenset[str]
    quick: bool
    minutes: float
    console: Console

    def say(self, text: str) -> None:
        """Tell what goes on now."""
        self.console.print(f"{text} ...", highlight=False)


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds of one server over a while, and the samples that it was given meanwhile."""

    cpu: float
    samples: int
    seconds: float

    @property
    def per_sample(self) -> float:
        """Microseconds."""
        return 1e6 * self.cpu / self.samples if self.samples else float("nan")

    @property
    def core_percent(self) -> float:
        """Per cent of one core."""
        return 100.0 * self.cpu / self.seconds


def watched(found: Mapping[str, Server], site: Site, seconds: float) -> dict[str, Cost]:
    """What each of them spends while this many seconds pass."""
    began, samples = time.monotonic(), served(site)
    cpu = {name: server.cpu() for name, server in found.items()}
    time.sleep(seconds)
    after, lasted = served(site), time.monotonic() - began
    return {
        name: Cost(server.cpu() - cpu[name], after[name] - samples[name], lasted)
        for name, server in found.items()
    }
