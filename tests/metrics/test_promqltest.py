"""Prometheus' own PromQL tests, each asked as written, with ``@`` on every selector, and as a range query."""

import sys

import pytest

from tests.metrics.promqltest_count import (
    CORE_PASSES,
    FOLDER,
    SCRIPTS,
    Outcomes,
    failures,
    outcomes,
    passed,
    summary,
)
from tests.metrics.promqltest_left_out import reason

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not SCRIPTS, reason=f"no public test data in CONFORMANCE_DIR ({FOLDER})"),
]


@pytest.fixture(scope="module")
def found() -> Outcomes:
    return outcomes()


def test_every_core_evaluation_of_prometheus_passes(found: Outcomes) -> None:
    assert failures(found) == []


def test_the_count_of_passes_does_not_fall(found: Outcomes) -> None:
    sys.stdout.write(f"\n{summary(found)}\n")
    assert passed(found) >= CORE_PASSES


def test_nothing_is_left_out_that_would_pass(found: Outcomes) -> None:
    listed = [
        f"{file}:{outcome.wanted.line}: {reason(file, outcome)}"
        for file, each in found.items()
        for outcome in each
        if not outcome.problem and reason(file, outcome)
    ]
    assert listed == []
