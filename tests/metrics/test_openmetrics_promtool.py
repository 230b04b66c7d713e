"""What we export, ``promtool`` makes blocks of, and a real Prometheus gives back to the bit."""

from pathlib import Path

import pytest

from metrics.values import labels_of
from tests.metrics.openmetrics_store import Samples, bits, lived, page
from tests.metrics.real_prometheus import Prometheus, blocks, missing, running

pytestmark = pytest.mark.xdist_group("prometheus")


def given_back(server: Prometheus, last: int) -> Samples:
    """Every sample that the server has in the day until ``last`` milliseconds."""
    found = server.instant('{__name__=~".+"}[1d]', last)
    assert found.error is None
    return {labels_of(labels): {at: bits(value) for at, value in samples} for labels, samples in found.rows}


@pytest.mark.parametrize("which", ["stable", "3.5"])
def test_promtool_takes_an_export_and_prometheus_gives_the_same_samples(tmp_path: Path, which: str) -> None:
    reason = missing(which)
    if reason is not None:
        pytest.skip(reason)
    folder = tmp_path / "ours"
    folder.mkdir()
    said = lived(folder)
    with running(which, tmp_path / "server", blocks(tmp_path, page(folder))) as server:
        assert given_back(server, max(at for samples in said.values() for at in samples)) == said
