"""Prometheus' own PromQL tests, each asked as written, with ``@`` on every selector, and as a range query."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.metrics.promqltest_left_out import reason
from tests.metrics.promqltest_run import Outcome, run

CORE_PASSES = 854
"""So many evaluations passed when this was written; it may only grow."""

_FOLDER = Path(os.environ.get("CONFORMANCE_DIR", Path(__file__).parents[3] / "shared" / "conformance"))
_SCRIPTS = sorted((_FOLDER / "promqltest").glob("*.test"))

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not _SCRIPTS, reason=f"no public test data in CONFORMANCE_DIR ({_FOLDER})"),
]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[Outcome]]:
    return {script.name: list(run(script.read_text())) for script in _SCRIPTS}


def test_every_core_evaluation_of_prometheus_passes(outcomes: dict[str, list[Outcome]]) -> None:
    problems = [
        f"{file}:{outcome.wanted.line}: {outcome.wanted.expr}: {outcome.problem}"
        for file, found in outcomes.items()
        for outcome in found
        if outcome.problem and reason(file, outcome) is None
    ]
    assert problems == []


def test_the_count_of_passes_does_not_fall(outcomes: dict[str, list[Outcome]]) -> None:
    passed: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for file, found in outcomes.items():
        for outcome in found:
            why = reason(file, outcome)
            if why is None:
                passed[file] += 1
            else:
                left_out[f"{file}: {why}"] += 1
    lines = [f"{sum(passed.values())} core evaluations passed of {sum(map(len, outcomes.values()))}"]
    lines += [f"  left out {number:4d}  {why}" for why, number in sorted(left_out.items())]
    sys.stdout.write("\n".join(["", *lines, ""]))
    assert sum(passed.values()) >= CORE_PASSES


def test_nothing_is_left_out_that_would_pass(outcomes: dict[str, list[Outcome]]) -> None:
    listed = [
        f"{file}:{outcome.wanted.line}: {reason(file, outcome)}"
        for file, found in outcomes.items()
        for outcome in found
        if not outcome.problem and not outcome.wanted.annotated and reason(file, outcome)
    ]
    assert listed == []
