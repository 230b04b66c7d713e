"""Which series, label names and values there are, also of those that sealed blocks alone hold."""

import http.client
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from metrics import QueryError, Store
from metrics.disk import blocks as sealed_blocks
from metrics.errors import ErrorKind
from metrics.values import Labels, label, labels_of
from tests.metrics.disk_store import BEGIN, batch, store_in
from tests.metrics.real_prometheus import blocks, missing, running

HOUR = 3600
SELECTORS = (
    (),
    ("m",),
    ("m", "n"),
    ('{zone!=""}',),
    ('m{first="1"}', '{__name__=~"n|o",zone="c"}'),
    ('{__name__=~".+",first=""}',),
    ("nothing",),
)
NAMES = ("__name__", "zone", "first", "second", "third", "unknown")


def sets() -> dict[str, tuple[float, float, list[Labels]]]:
    """Origins with the hours of their samples and their series."""

    def of(name: str, **pairs: str) -> Labels:
        return labels_of({"__name__": name, **pairs})

    return {
        "first": (0, 2, [of("m", first="1", zone="a"), of("n", first="1"), of("m", first="2")]),
        "second": (4, 6, [of("m", second="1", zone="b"), of("o", zone="c", second="x")]),
        "third": (8, 10, [of("n", third="1", zone="c"), of("m", zone="a")]),
    }


def lived(folder: Path) -> Store:
    """Ten hours with little memory; the last origin is in memory too, the others in blocks alone."""
    store = store_in(folder, 60.0)
    for second in range(137, 10 * HOUR, 300):
        for origin, (first, last, series) in sets().items():
            if first * HOUR <= second < last * HOUR:
                store.append(batch(second, dict.fromkeys(series, 1.0), origin))
        store.keep()
    return store


def spans() -> list[tuple[float, float]]:
    """Seconds; their edges lie in no two hours that have samples."""
    edges = [-HOUR, 3 * HOUR, 7 * HOUR, 11 * HOUR]
    return [(start, end) for start in edges for end in edges if start < end]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return lived(tmp_path_factory.mktemp("lived"))


def listed(store: Store, selectors: Sequence[str], span: tuple[float, float]) -> dict[str, list[object]]:
    start, end = BEGIN + span[0], BEGIN + span[1]
    found: dict[str, list[object]] = {"names": [*store.label_names(selectors, start, end)]}
    for name in NAMES:
        found[name] = [*store.label_values(name, selectors, start, end)]
    if selectors:
        found["series"] = [dict(labels) for labels in store.series(selectors, start, end)]
    return found


class Server:
    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def listed(self, selectors: Sequence[str], span: tuple[float, float]) -> dict[str, list[object]]:
        form = [("start", BEGIN + span[0]), ("end", BEGIN + span[1]), *(("match[]", s) for s in selectors)]
        found = {"names": self._get("labels", form)}
        for name in NAMES:
            found[name] = self._get(f"label/{quote(name)}/values", form)
        if selectors:
            found["series"] = sorted(self._get("series", form), key=_pairs)
        return found

    def _get(self, call: str, form: list[tuple[str, object]]) -> list[object]:
        self._connection.request("GET", f"/api/v1/{call}?{urlencode(form)}")
        document = json.loads(self._connection.getresponse().read())
        assert document["status"] == "success"
        data: list[object] = document["data"]
        return data


def _pairs(labels: object) -> list[tuple[str, str]]:
    assert isinstance(labels, dict)
    return sorted(labels.items())


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    reason = missing("3.5")
    if reason is not None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("listed")
    with running("3.5", folder / "server", blocks(folder, page())) as server:
        yield Server(server.port)


def page() -> str:
    lines = []
    for first, last, series in sets().values():
        for labels in series:
            pairs = ",".join(f'{name}="{value}"' for name, value in labels if name != "__name__")
            lines += [
                f"{label(labels, '__name__')}{{{pairs}}} 1 {BEGIN + second}"
                for second in range(137 + int(first) * HOUR, int(last) * HOUR, 300)
            ]
    return "\n".join((*lines, "# EOF", ""))


@pytest.mark.xdist_group("prometheus")
@pytest.mark.parametrize("span", spans(), ids=str)
def test_blocks_are_listed_as_prometheus_lists_its_own(
    store: Store, prometheus: Server, span: tuple[float, float]
) -> None:
    for selectors in SELECTORS:
        assert listed(store, selectors, span) == prometheus.listed(selectors, span), selectors


def test_what_blocks_alone_hold_is_listed_after_a_restart_and_without_bounds(tmp_path: Path) -> None:
    lived(tmp_path)
    again = store_in(tmp_path, 60.0)
    assert again.series_count == len(sets()["third"][2])
    assert again.label_names() == ("__name__", "first", "second", "third", "zone")
    assert again.label_values("zone") == ("a", "b", "c")
    assert again.label_values("first", ["m"]) == ("1", "2")


def test_a_series_is_listed_for_the_times_alone_at_which_it_has_samples(store: Store) -> None:
    start = BEGIN + 4 * HOUR + 137
    (wanted,) = store.series(['m{second="1"}'], start, start)
    assert label(wanted, "second") == "1"
    assert store.series(['m{second="1"}'], start + 1, start + 299) == ()
    assert store.series(["m"], start + 1, start) == ()
    assert store.label_names((), start + 1, start) == ()


def test_what_is_only_stale_in_a_block_is_no_series_there(tmp_path: Path) -> None:
    store = store_in(tmp_path, 60.0)
    gone, stays = labels_of({"__name__": "gone"}), labels_of({"__name__": "stays"})
    store.append(batch(899, {gone: 1.0, stays: 1.0}))
    for second in range(900, 3600, 10):
        store.append(batch(second, {stays: 1.0}))
        store.keep()
    assert store.series(['{__name__=~".+"}'], BEGIN + 900, BEGIN + 1700) == (stays,)
    assert store.series(['{__name__=~".+"}'], BEGIN, BEGIN + 1700) == (gone, stays)


def test_f29_listing_asks_whether_it_goes_on_between_small_steps_and_stops_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_in(tmp_path, 60.0)
    many = [labels_of({"__name__": "m", "n": str(number)}) for number in range(3000)]
    for second in range(0, 4 * 900, 300):
        store.append(batch(second, {labels: 1.0 for labels in many if (int(labels[1][1]) + second) % 7}))
        store.keep()
    store = store_in(tmp_path, 60.0)
    unpacked, between, track = 0, [0], sealed_blocks.Blocks.track

    def counted(*given: object) -> object:
        nonlocal unpacked
        unpacked += 1
        return track(*given)  # type: ignore[arg-type]

    def goes_on() -> bool:
        nonlocal unpacked
        between.append(unpacked)
        unpacked = 0
        return len(between) < 200

    monkeypatch.setattr(sealed_blocks.Blocks, "track", counted)
    assert len(store.series(["m"], BEGIN, BEGIN + 2000, goes_on)) == 3000
    assert 0 < max(between) <= 50
    for ask in (
        lambda: store.series(["m"], BEGIN, BEGIN + 2000, lambda: False),
        lambda: store.label_names((), BEGIN, BEGIN + 2000, lambda: False),
        lambda: store.label_values("n", ["m"], BEGIN, BEGIN + 2000, lambda: False),
    ):
        with pytest.raises(QueryError, match="query timed out in expression evaluation") as raised:
            ask()
        assert raised.value.kind is ErrorKind.TIMEOUT
