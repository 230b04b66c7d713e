"""Prints the figures of a saved drill beside their aims.

    .venv/bin/python benchmarks/first_light.py var/demo/20261122T160000Z/drill.json

``showcall demo`` ends with this command for the drill it has kept.

A ratio is value / aim: below 1 is better than asked for. Exit code 0 if every expectation held, 1 if one did
not, 2 if the file is no drill.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from stack.drills.expectation import Expectation  # noqa: E402 - the project is beside, not installed
from stack.drills.json_file import DrillFileError  # noqa: E402
from stack.drills.outcome import Outcome, compute_outcome  # noqa: E402
from stack.drills.result import DrillResult  # noqa: E402
from stack.drills.result_file import load  # noqa: E402
from stack.drills.table import value_text  # noqa: E402
from stack.drills.verdict import judge_drill  # noqa: E402


def main(arguments: list[str]) -> int:
    """Print the figures of the drill in the file named by the only argument."""
    if len(arguments) != 1:
        print("usage: .venv/bin/python benchmarks/first_light.py var/demo/<time>/drill.json", file=sys.stderr)
        return 2
    try:
        result = load(Path(arguments[0]))
    except DrillFileError as error:
        print(error, file=sys.stderr)
        return 2
    outcome = compute_outcome(result)
    verdict = judge_drill(result, outcome)
    for line in (
        *machine_lines(result),
        "",
        *figure_lines(verdict.expectations),
        "",
        *context_lines(outcome),
    ):
        print(line)
    return 0 if verdict.passed else 1


def machine_lines(result: DrillResult) -> Iterator[str]:
    """What the run was made on, without which the figures say little."""
    capacity, machine, generator = result.capacity, result.machine, result.generator
    yield f"capacity   {capacity.queries_per_second:.2f} queries/s with {capacity.seats} seats"
    yield f"machine    {machine.processors} processors, {machine.busy_percent:.1f} % busy"
    yield f"steal      {machine.steal_percent:.1f} %"
    late, latest = generator.lag_p99 * 1000, generator.lag_maximum * 1000
    yield f"generator  99 % of requests at most {late:.0f} ms late, the latest {latest:.0f} ms"
    yield f"samples    {len(result.samples)}, {len(result.sampling_failures)} not readable"


def figure_lines(expectations: tuple[Expectation, ...]) -> Iterator[str]:
    """One expectation a line: value, aim, ratio."""
    yield f"{'figure':<54} {'value':>16} {'aim':>19} {'ratio':>6}"
    for each in expectations:
        ratio = f"{each.found / each.limit:.2f}" if each.found is not None and each.limit else "-"
        mark = "" if each.passed else f"  FAILED {each.why}".rstrip()
        yield f"{each.title:<54} {value_text(each):>16} {each.wanted:>19} {ratio:>6}{mark}"


def context_lines(outcome: Outcome) -> Iterator[str]:
    """Figures without an aim that put the others into perspective."""
    instants = outcome.instants
    if instants.first_cut is not None and instants.backlog_gone is not None:
        yield f"backlog gone {instants.backlog_gone - instants.first_cut:.1f} s after the cut"
    for figures in outcome.columns:
        p50, p90, p95 = (
            "-" if value is None else f"{value:.2f}" for value in (figures.p50, figures.p90, figures.p95)
        )
        yield (
            f"{figures.window.name:<7} {figures.dates:>4} dates, p50/p90/p95 {p50}/{p90}/{p95} s, "
            f"{figures.served} served ({figures.within_objective} in time), {figures.gave_up} gave up"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
