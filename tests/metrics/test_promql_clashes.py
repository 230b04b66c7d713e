"""Two series of one label set in a range evaluated in pieces: refused where a real Prometheus refuses."""

from collections.abc import Iterator

import pytest

from metrics.promql import pieces
from metrics.values import Labels, labels_of
from tests.metrics.agreement import Ours, difference
from tests.metrics.real_prometheus import Prometheus, blocks, missing, running

pytestmark = pytest.mark.xdist_group("prometheus")

BEGIN_MS = 1_700_000_100_137
MINUTE = 60_000

QUERIES = r"""
-{__name__=~"early|late"}
-{__name__=~"early|briefly"}
rate({__name__=~"early|late"}[1m])
rate({__name__=~"early_total|late_total"}[1m])
avg_over_time({__name__=~"early|briefly"}[2m])
last_over_time({__name__=~"early|late"}[1m])
quantile_over_time(0.5, {__name__=~"early|late"}[1m])
predict_linear({__name__=~"early|late"}[1m], 60)
abs({__name__=~"early|late"})
abs({__name__=~"early|throughout"})
{__name__=~"early|late"} + 1
{__name__=~"early|late"} > bool 3
label_replace({__name__=~"early|late"}, "__name__", "one", "", "")
label_replace({__name__=~"early|late"}, "other", "one", "", "")
label_join({__name__=~"early|late"}, "__name__", "-", "place")
sum(rate({__name__=~"early|late"}[1m]))
sum by (place) (-{__name__=~"early|late"})
max_over_time((-{__name__=~"early|late"})[1m:30s])
max_over_time((-{__name__=~"early|briefly"})[30s:15s])
max_over_time(rate({__name__=~"early|briefly"}[45s])[30s:15s])
max_over_time(sum_over_time((-{__name__=~"early|briefly"})[15s:15s])[30s:15s])
max_over_time((-{__name__=~"early|briefly"})[30s:15s] offset 7m)
max_over_time((-{__name__=~"early|briefly"})[30s:15s] @ end())
-count_values("__name__", {__name__=~"early|late"})
-count_values by (place) ("__name__", throughout)
-(early or late)
-({__name__=~"early|late"} > 20)
-({__name__=~"early|late"} < 20)
-label_replace(early, "__name__", "late", "", "")
(-early) or (-late)
timestamp({__name__=~"early|late"})
"""


def series() -> dict[Labels, tuple[tuple[int, float], ...]]:
    """Two hours, a sample every 15 s: one series early, one late, one for a minute, one all the time."""
    spans = {"early": (0, 50), "late": (70, 120), "briefly": (70, 71), "throughout": (0, 120)}
    spans |= {f"{name}_total": spans[name] for name in ("early", "late")}
    return {
        labels_of({"__name__": name, "place": "hall"}): tuple(
            (BEGIN_MS + at, float(at // MINUTE)) for at in range(first * MINUTE, last * MINUTE, 15_000)
        )
        for name, (first, last) in spans.items()
    }


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    reason = missing("3.5")
    if reason is not None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("clashes")
    with running("3.5", folder / "server", blocks(folder, page())) as server:
        yield server


def page() -> str:
    lines = [
        f'{dict(labels)["__name__"]}{{place="hall"}} {value!r} {at / 1000:.3f}'
        for labels, samples in series().items()
        for at, value in samples
    ]
    return "\n".join((*lines, "# EOF", ""))


@pytest.fixture(scope="module")
def ours() -> Ours:
    return Ours.with_series(series())


@pytest.mark.parametrize("query", QUERIES.strip().split("\n"))
def test_what_prometheus_refuses_for_the_whole_range_is_refused_in_pieces(
    ours: Ours, theirs: Prometheus, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for step in (MINUTE, 15_000, 7 * MINUTE):
        asked = (query, BEGIN_MS + 311, BEGIN_MS + 120 * MINUTE + 311, step)
        answer = theirs.over_range(*asked)
        for cells in (10**9, 60, 14, 1):
            monkeypatch.setattr(pieces, "CELLS", cells)
            found.append(difference(ours.over_range(*asked), answer, told=True))
    assert set(found) == {None}
