"""What the metrics store costs beside Prometheus and VictoriaMetrics: same targets, same samples, one run.

    .venv/bin/python benchmarks/metrics.py [--only cpu,query] [--quick] [--minutes 30]

Starts Debian's `prometheus` (3.5 where it was unpacked) and `victoria-metrics` beside a Showcall; a generator
serves 20 targets of 1,000 series whose values move every second. Processor time is the operating system's own
account of each process, all threads. Exit code 0 when no aim is missed, 1 when one is.

Lines: cpu, memory (one run of a realistic mix, for --minutes), query, range (20,000 buckets), rules, growth,
churn, disk, blocks, restart.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402 - the project is beside, not installed

from benchmarks.metrics_asking import asked, ruled  # noqa: E402
from benchmarks.metrics_blocks import merged  # noqa: E402
from benchmarks.metrics_figures import Figure, Noise, printed  # noqa: E402
from benchmarks.metrics_growing import churned, grown  # noqa: E402
from benchmarks.metrics_keeping import kept, restarted  # noqa: E402
from benchmarks.metrics_run import Run  # noqa: E402
from benchmarks.metrics_taking import taken  # noqa: E402

Stage = Callable[[Run], list[Figure]]

STAGES: Mapping[str, tuple[tuple[str, ...], Stage]] = MappingProxyType(
    {
        "taking": (("cpu", "memory"), taken),
        "asking": (("query", "range"), asked),
        "rules": (("rules",), ruled),
        "growth": (("growth",), grown),
        "churn": (("churn",), churned),
        "disk": (("disk",), kept),
        "blocks": (("blocks",), merged),
        "restart": (("restart",), restarted),
    }
)
"""What is started together, and the lines that come of it."""
LINES = tuple(line for lines, _ in STAGES.values() for line in lines)


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(LINES), help="lines, separated by commas")
    parser.add_argument("--quick", action="store_true", help="a minute or so each: figures are rougher")
    parser.add_argument("--minutes", type=float, help="how long samples are taken (5; quick: 2, the least)")
    given = parser.parse_args(arguments)
    wanted = frozenset(given.only.split(","))
    if wrong := wanted - set(LINES):
        parser.error(f"no line {', '.join(sorted(wrong))} (there are {', '.join(LINES)})")
    console, noise, figures = Console(), Noise.now(), []
    run = Run(wanted, given.quick, max(given.minutes or (2.0 if given.quick else 5.0), 2.0), console)
    for lines, stage in STAGES.values():
        if wanted & set(lines):
            figures += stage(run)
    return printed(figures, noise, console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
