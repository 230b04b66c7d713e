"""Every query of the dashboard has data in what was recorded of a demo (``benchmarks/record_demo.py``)."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from dashboards.naming import Naming
from dashboards.overview import overview
from metrics import Store
from metrics.values import Batch, labels_of
from tests.dashboards.recording import Recording, load, recording_of
from tests.dashboards.substitution import substituted

RECORDED = Path(__file__).parent / "recorded_demo.npz"
QUERIES = dict(overview(Naming("concert"), "http://127.0.0.1:18300", own_source=True).queries)

STEP_SECONDS = 5.0

NOT_IN_THE_DEMO = {
    "container_cpu_cfs_": "only the control group of a real container is throttled",
    "container_network_": "local processes that stand in for containers share the machine's network",
}
"""Series that a demo need not have; a query may be empty only where it asks for one of them."""


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return load(RECORDED)


@pytest.fixture(scope="module")
def store(recorded: Recording) -> Store:
    return recorded.replayed()


def has_data(store: Store, recording: Recording, expr: str) -> bool:
    """Whether a number is answered at any time within the recording."""
    asked = substituted(expr, recording.end - recording.start, interval=STEP_SECONDS)
    answer = store.query_range(asked, recording.start, recording.end, STEP_SECONDS)
    return any(math.isfinite(value) for points in answer.series for value in points.values.tolist())


def may_be_empty(recording: Recording, expr: str) -> bool:
    """Whether it asks for series that a demo need not have, and this one has not."""
    absent = [
        prefix
        for prefix in NOT_IN_THE_DEMO
        if not any(name.startswith(prefix) for name in recording.metric_names)
    ]
    return any(re.search(rf"\b{prefix}", expr) for prefix in absent)


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_has_data_in_the_recorded_demo(store: Store, recorded: Recording, name: str) -> None:
    expr = QUERIES[name].expr
    if not has_data(store, recorded, expr):
        assert may_be_empty(recorded, expr), expr


def test_the_recording_shows_an_incident_from_before_it_to_after_it(
    store: Store, recorded: Recording
) -> None:
    assert recorded.end - recorded.start > 120
    pending = store.query_range(
        "sum(hikaricp_connections_pending)", recorded.start, recorded.end, STEP_SECONDS
    )
    values = pending.series[0].values
    assert values[0] == 0
    assert values.max() >= 10
    assert values[-1] == 0
    # At one look in five seconds the pool is seen exhausted once, and its rule wants to see it twice.
    assert has_data(store, recorded, 'ALERTS{alertname="PoolExhausted"}')
    assert has_data(store, recorded, 'ALERTS{alertstate="firing"}')


def test_what_may_be_empty_is_asked_for() -> None:
    asked = " ".join(query.expr for query in QUERIES.values())
    assert [prefix for prefix in NOT_IN_THE_DEMO if not re.search(rf"\b{prefix}", asked)] == []


def test_the_recording_is_small() -> None:
    assert RECORDED.stat().st_size < 400_000


def test_a_query_without_data_is_found() -> None:
    series = labels_of({"__name__": "queue_waiting", "job": "concert"})
    times = [1000.0 + STEP_SECONDS * tick for tick in range(12)]
    recording = recording_of([Batch("concert", at, (series,), np.array([at])) for at in times])
    found = {name for name, query in QUERIES.items() if has_data(recording.replayed(), recording, query.expr)}
    assert {"At a glance / Waiting users / waiting", "Waiting queue / Users / waiting"} <= found
    assert "Waiting queue / Users / active" not in found
    assert not may_be_empty(recording, "sum(queue_active)")
    assert may_be_empty(recording, "rate(container_network_receive_bytes_total[5m])")
