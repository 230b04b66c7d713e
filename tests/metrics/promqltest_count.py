"""``make promqltest``: how many of Prometheus' own PromQL evaluations pass, and what is left out and why.

Counted is every ``eval`` of the scripts that is not left out. Each instant one passes only if it does in all
three ways: as written; with ``@`` on every selector, asked at other times; each of these as a range query.
"""

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.metrics.promqltest_left_out import reason
from tests.metrics.promqltest_run import Outcome, run

CORE_PASSES = 866
"""So many evaluations passed when this was written; it may only grow."""

FOLDER = Path(os.environ.get("CONFORMANCE_DIR", Path(__file__).parents[3] / "shared" / "conformance"))
SCRIPTS = sorted((FOLDER / "promqltest").glob("*.test"))

Outcomes = Mapping[str, Sequence[Outcome]]


def outcomes() -> Outcomes:
    """What became of every evaluation, by file."""
    return {script.name: list(run(script.read_text(encoding="utf-8"))) for script in SCRIPTS}


def failures(found: Outcomes) -> list[str]:
    """Evaluations that are not left out and do not pass."""
    return [
        f"{file}:{outcome.wanted.line}: {outcome.wanted.expr}: {outcome.problem}"
        for file, each in found.items()
        for outcome in each
        if outcome.problem and reason(file, outcome) is None
    ]


def passed(found: Outcomes) -> int:
    """How many evaluations count and pass."""
    return sum(
        not outcome.problem and reason(file, outcome) is None
        for file, each in found.items()
        for outcome in each
    )


def summary(found: Outcomes) -> str:
    """The count, and what is left out by reason and file."""
    left_out: dict[str, Counter[str]] = {}
    for file, each in found.items():
        for outcome in each:
            why = reason(file, outcome)
            if why is not None:
                left_out.setdefault(why, Counter())[file] += 1
    lines = [f"{passed(found)} core evaluations passed of {sum(map(len, found.values()))}"]
    for why, files in left_out.items():
        lines.append(f"  {files.total()} left out: {why}")
        lines += [f"    {number:4d}  {file}" for file, number in sorted(files.items())]
    return "\n".join(lines)


def main() -> int:
    """Print the count; 1 where it fell or something fails."""
    if not SCRIPTS:
        sys.stderr.write(f"no public test data at {FOLDER}: set CONFORMANCE_DIR\n")
        return 1
    found = outcomes()
    failed = failures(found)
    sys.stdout.write("\n".join([*failed, summary(found), ""]))
    if passed(found) < CORE_PASSES:
        sys.stdout.write(f"fewer than the {CORE_PASSES} that passed before\n")
    return 1 if failed or passed(found) < CORE_PASSES else 0


if __name__ == "__main__":
    sys.exit(main())
