"""Remote write against real servers: what they have read back, an outage, a kill at the worst moment."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrics.remote.sender import Pace
from metrics.values import Labels
from tests.metrics.remote_rows import Origin, series, written
from tests.metrics.remote_servers import (
    PROMETHEUS,
    PROMETHEUS_35,
    VICTORIA,
    RealServer,
    eventually,
    real_server,
)

ROOT = Path(__file__).parents[2]

KINDS = [
    pytest.param(
        "prometheus",
        marks=pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here (make test-deps)"),
    ),
    pytest.param(
        "prometheus-3.5",
        marks=pytest.mark.skipif(PROMETHEUS_35 is None, reason="no Prometheus 3.5 here (make test-deps)"),
    ),
    pytest.param(
        "victoria-metrics",
        marks=pytest.mark.skipif(VICTORIA is None, reason="no victoria-metrics here (make test-deps)"),
    ),
]


@pytest.fixture(name="server", params=KINDS, scope="module")
def _server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with real_server(tmp_path_factory.mktemp("server"), request.param) as server:
        yield server


def beginning() -> int:
    """A minute ago, 137 ms after the second: no server refuses it, and no window ends on it."""
    return int(datetime.now(UTC).timestamp() - 60) * 1000 + 137


def all_of(server: RealServer, job: str, start: int) -> dict[Labels, list[tuple[int, float]]]:
    server.flush()
    found = server.raw(f'{{job="{job}"}}', start / 1000 - 10, start / 1000 + 100)
    return dict(sorted(found.items()))


def same(found: list[tuple[int, float]], wanted: list[tuple[int, float]], tolerance: float = 0.0) -> bool:
    return [at for at, _ in found] == [at for at, _ in wanted] and all(
        math.isclose(left, right, rel_tol=tolerance) or (math.isnan(left) and math.isnan(right))
        for (_, left), (_, right) in zip(found, wanted, strict=True)
    )


def test_what_was_written_is_read_back_equal(server: RealServer, tmp_path: Path) -> None:
    start, origin = beginning(), Origin("equal")
    remote = written(server.url, tmp_path)
    remote.start()
    wanted = [0.1, -0.0, 1e-300, 12.5, math.inf, -math.inf, 1 / 3, 7.0]
    for second, value in enumerate(wanted):
        found = {"whole": float(second), "special": value, "ends": 1.0}
        if second >= 4:
            del found["ends"]
        remote.write(*origin.row(start + second * 1000, found))
    eventually(lambda: remote.status().sent == 3 * 4 + 2 * 4 + 1)
    remote.stop(5)
    assert remote.status().lost == dict.fromkeys(remote.status().lost, 0)
    tolerance = 0.0
    if server.kind == "victoria-metrics":
        # It keeps decimals: none so small, and twelve digits of 1/3.
        wanted[2], tolerance = 0.0, 1e-11
    found_there = all_of(server, "equal", start)
    times = [start + second * 1000 for second in range(8)]
    assert same(found_there[series("special", "equal")], list(zip(times, wanted, strict=True)), tolerance)
    assert same(found_there[series("whole", "equal")], [(at, float(n)) for n, at in enumerate(times)])
    ends = [(at, value) for at, value in found_there[series("ends", "equal")] if not math.isnan(value)]
    assert same(ends, [(at, 1.0) for at in times[:4]])


@pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here (make test-deps)")
def test_prometheus_keeps_nan_as_a_value_and_ends_a_series_at_its_marker(tmp_path: Path) -> None:
    start, origin = beginning(), Origin("nan")
    with real_server(tmp_path / "server", "prometheus") as server:
        remote = written(server.url, tmp_path / "queue")
        remote.start()
        for second, values in enumerate([{"x": math.nan, "y": 1.0}, {"x": 2.0, "y": 1.0}, {"x": 3.0}]):
            remote.write(*origin.row(start + second * 1000, values))
        eventually(lambda: remote.status().sent == 6)
        remote.stop(5)
        assert same(
            all_of(server, "nan", start)[series("x", "nan")],
            [(start, math.nan), (start + 1000, 2.0), (start + 2000, 3.0)],
        )
        assert [at for at, _ in all_of(server, "nan", start)[series("y", "nan")]] == [start, start + 1000]
        # Two seconds later the series is gone at once, not only after the lookback of five minutes.
        document = server._get("/api/v1/query", query='{job="nan"}', time=f"{start / 1000 + 4:.3f}")
        assert '"__name__":"x"' in document
        assert '"__name__":"y"' not in document


def test_an_outage_is_caught_up(server: RealServer, tmp_path: Path) -> None:
    start, origin = beginning(), Origin("outage")
    remote = written(server.url, tmp_path, pace=Pace(20, 0.05))
    remote.start()
    for second in range(5):
        remote.write(*origin.row(start + second * 1000, {"x": float(second)}))
    eventually(lambda: remote.status().sent == 5)
    server.kill()
    for second in range(5, 45):
        remote.write(*origin.row(start + second * 1000, {"x": float(second)}))
    eventually(lambda: "connection refused" in remote.status().trouble)
    assert remote.status().since is not None
    server.start()
    eventually(lambda: remote.status().queue_bytes == 0, 20)
    remote.stop(5)
    assert remote.status().trouble == ""
    wanted = [(start + second * 1000, float(second)) for second in range(45)]
    assert same(all_of(server, "outage", start)[series("x", "outage")], wanted)


def test_a_kill_between_answer_and_receipt_leaves_no_hole(server: RealServer, tmp_path: Path) -> None:
    start = beginning()
    command = [sys.executable, "-m", "tests.metrics.remote_writer_process", server.url, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*command, str(start), "10"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline().startswith("answered 20")
        writer.send_signal(signal.SIGKILL)
    assert not (tmp_path / "sent").exists()
    remote, origin = written(server.url, tmp_path), Origin("killed")
    remote.start()
    for second in range(10, 15):
        row = origin.row(start + second * 1000, {"a": float(second), "b": second / 7})
        remote.write(*row)
    eventually(lambda: remote.acknowledged_until() == (start + 14_000) / 1000, 20)
    remote.stop(5)
    found = all_of(server, "killed", start)
    for name, slope in (("a", 1.0), ("b", 1 / 7)):
        samples = sorted(set(found[series(name, "killed")]))
        assert [at for at, _ in samples] == [start + second * 1000 for second in range(15)]
        assert [value for _, value in samples] == pytest.approx([second * slope for second in range(15)])
