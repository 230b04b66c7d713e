"""Exporting a store's files: every sample to the bit, in order, in bounded memory, also of damaged ones."""

from pathlib import Path

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from metrics import exporting
from metrics.disk.block_time import block_name
from metrics.disk.blocks import Blocks
from metrics.disk.damage import DamageKind
from metrics.disk.sparse_stretch import packed_points, sparse_stretch
from metrics.disk.stretch import Stretch, packed_series
from metrics.exporting import UnsayableError, Wanted
from metrics.holdings import ChangedError, Holdings
from metrics.track import Track
from metrics.values import labels_of
from tests.metrics.disk_store import BEGIN, NAMES, batch, store_in
from tests.metrics.openmetrics_store import SERIES, Samples, bits, held, lived, page, put_in

EVER = 2**62
START = round(BEGIN * 1000)


def everything(holdings: Holdings, *selectors: str) -> list[exporting.Exported]:
    return list(exporting.exported(holdings, Wanted(exporting.accepted(selectors), -EVER, EVER)))


def seal_points(folder: Path, origin: str, values: dict[int, tuple[float, int]]) -> None:
    """Seal points of the first series: value and state by milliseconds after the begin of the block."""
    times = np.array(sorted(values)) + START
    found = [values[at] for at in sorted(values)]
    track = Track(
        times, np.array([value for value, _ in found]), np.array([s for _, s in found], dtype=np.uint8)
    )
    Blocks(folder, lambda _: None).seal(START, [sparse_stretch(origin, [(SERIES[0], packed_points(*track))])])


def test_sealed_blocks_and_rows_that_are_not_sealed_come_out_to_the_bit(tmp_path: Path) -> None:
    said = lived(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".block", ".wal"}
    assert held(tmp_path) == said


def test_an_export_changes_nothing(tmp_path: Path) -> None:
    lived(tmp_path)
    (tmp_path / "20231114T221500Z.block.tmp").write_bytes(b"being sealed")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    page(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_store_in_use_is_exported_as_it_is_at_that_moment(tmp_path: Path) -> None:
    store = store_in(tmp_path, 60.0)
    said = put_in(store, 120)
    holdings = Holdings(tmp_path, -EVER, EVER)
    put_in(store, 200, start=120 * 10.137)
    assert {found.labels: len(found.times) for found in everything(holdings)} == {
        labels: len(samples) for labels, samples in said.items()
    }


def test_one_metric_after_the_other_with_ascending_times(tmp_path: Path) -> None:
    lived(tmp_path)
    series = [found.labels for found in everything(Holdings(tmp_path, -EVER, EVER))]
    assert series == sorted(SERIES, key=lambda labels: (dict(labels)["__name__"], labels))
    assert all((np.diff(found.times) > 0).all() for found in everything(Holdings(tmp_path, -EVER, EVER)))


def test_what_fits_into_memory_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lived(tmp_path)
    whole = page(tmp_path)
    monkeypatch.setattr(exporting, "_ENTRIES", 4)
    monkeypatch.setattr(exporting, "_SAMPLES", 200)
    assert page(tmp_path) == whole


def test_the_text_reads_as_prometheus_client_reads_it(tmp_path: Path) -> None:
    said = lived(tmp_path)
    read: Samples = {}
    for family in text_string_to_metric_families(page(tmp_path)):  # type: ignore[no-untyped-call]  # theirs
        for sample in family.samples:
            labels = labels_of({"__name__": sample.name, **sample.labels})
            at = round(float(sample.timestamp) * 1000)
            read.setdefault(labels, {})[at] = bits(float(sample.value))
    assert read == said


def test_only_what_is_asked_for_is_exported(tmp_path: Path) -> None:
    said = lived(tmp_path)
    first, last = START + 101_370, START + 1_013_700
    within = {
        labels: {at: value for at, value in samples.items() if first <= at <= last}
        for labels, samples in said.items()
    }
    assert held(tmp_path, first, last) == within
    found = everything(Holdings(tmp_path, -EVER, EVER), 'm_total{n="1"}', '{__name__=~"g.*",n!~"1|2"}')
    assert [(dict(each.labels)["__name__"], dict(each.labels)["n"]) for each in found] == [
        ("g", "0"),
        ("g_max", "0"),
        ("m_total", "1"),
    ]


def test_stale_markers_are_left_out(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.append(batch(1, {SERIES[0]: 1.0}))
    store.append(batch(2, {}))
    store.append(batch(3, {SERIES[0]: 3.0}))
    assert [list(samples) for samples in held(tmp_path).values()] == [[START + 1000, START + 3000]]
    seal_points(tmp_path, "push", {5_000: (5.0, 1), 6_000: (0.0, 2)})
    assert [list(samples) for samples in held(tmp_path).values()] == [
        [START + at for at in (1000, 3000, 5000)]
    ]


def test_what_several_origins_say_of_a_series_is_put_together_by_time(tmp_path: Path) -> None:
    store = store_in(tmp_path, 60.0)
    said = put_in(store, 200)[SERIES[0]]
    at = next(iter(said)) - START
    seal_points(tmp_path, "import", {at: (77.0, 1), at + 1: (78.0, 1)})
    assert held(tmp_path)[SERIES[0]] == said | {START + at + 1: bits(78.0)}


def test_rows_since_the_clock_was_set_back_take_the_place_of_sealed_ones(tmp_path: Path) -> None:
    store = store_in(tmp_path, 60.0)
    put_in(store, 105)
    for at in (500.0, 501.0, 502.0):
        store.append(batch(at, {SERIES[0]: at}))
    found = held(tmp_path)[SERIES[0]]
    assert [at - START for at in found if at >= START + 500_000] == [501_000, 502_000]


@pytest.mark.parametrize("name", ["20231114T221500Z.block", "20231114T223000Z.block"])
def test_f25_a_flipped_bit_costs_one_series_of_its_block_and_is_named(tmp_path: Path, name: str) -> None:
    said = lived(tmp_path)
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    holdings = Holdings(tmp_path, -EVER, EVER)
    lost = sum(map(len, said.values())) - sum(len(found.times) for found in everything(holdings))
    assert 0 < lost <= 90
    assert [(damage.file, damage.kind) for damage in holdings.damage] == [(name, DamageKind.CHECKSUM)]


def test_f25_a_torn_tail_costs_the_last_row_and_is_named(tmp_path: Path) -> None:
    said = lived(tmp_path)
    (path,) = tmp_path.glob("*.wal")
    path.write_bytes(path.read_bytes()[:-3])
    holdings = Holdings(tmp_path, -EVER, EVER)
    assert [(damage.file, damage.kind) for damage in holdings.damage] == [(path.name, DamageKind.TORN_TAIL)]
    newest = max(at for samples in said.values() for at in samples)
    assert held(tmp_path) == {
        labels: {at: value for at, value in samples.items() if at != newest}
        for labels, samples in said.items()
    }


def test_a_block_that_retention_deletes_meanwhile_is_missing_and_one_that_is_sealed_anew_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(tmp_path)
    holdings = Holdings(tmp_path, -EVER, EVER)
    (tmp_path / block_name(holdings.starts[0])).unlink()
    assert min(int(found.times[0]) for found in everything(holdings)) >= holdings.starts[1]
    assert not holdings.damage
    holdings = Holdings(tmp_path, -EVER, EVER)
    Blocks(tmp_path, lambda _: None).seal(holdings.starts[0], [])
    with pytest.raises(ChangedError, match=r"20231114T223000Z\.block: sealed anew"):
        everything(holdings)


def test_merged_hours_are_exported_as_what_they_were_merged_of(tmp_path: Path) -> None:
    said = lived(tmp_path, 1500)
    assert [path.name for path in tmp_path.glob("*-2h.block")]
    assert held(tmp_path) == said
    first, last = START + 3_000_000, START + 4_000_000
    assert held(tmp_path, first, last) == {
        labels: {at: value for at, value in samples.items() if first <= at <= last}
        for labels, samples in said.items()
    }


def test_rows_sealed_anew_within_merged_hours_take_the_place_of_theirs(tmp_path: Path) -> None:
    lived(tmp_path, 1500)
    times = START + np.array([501_000, 502_000])
    anew = Stretch(
        "app", times, [SERIES[0]], [packed_series(np.array([1.0, 2.0]), np.ones(2, dtype=np.uint8))]
    )
    Blocks(tmp_path, lambda _: None).seal(START, [anew])
    assert list(tmp_path.glob("*-2h.block"))
    found = held(tmp_path, START + 480_000, START + 901_000)[SERIES[0]]
    assert [at - START for at in found] == [496_713, 501_000, 502_000]


def test_f25_parts_that_a_kill_left_beside_their_merged_block_change_nothing(tmp_path: Path) -> None:
    store = store_in(tmp_path, 60.0)
    put_in(store, 800)
    parts = {path: path.read_bytes() for path in tmp_path.glob("*.block")}
    put_in(store, 700, start=800 * 10.137)
    whole = page(tmp_path)
    gone = {path: data for path, data in parts.items() if not path.exists()}
    assert gone
    for path, data in gone.items():
        path.write_bytes(data)
    assert page(tmp_path) == whole


def test_blocks_that_are_merged_meanwhile_are_told(tmp_path: Path) -> None:
    store = store_in(tmp_path, 60.0)
    put_in(store, 800)
    holdings = Holdings(tmp_path, -EVER, EVER)
    put_in(store, 700, start=800 * 10.137)
    with pytest.raises(ChangedError, match="merged while it was read; export again"):
        everything(holdings)


def test_names_that_openmetrics_cannot_say_are_refused_by_name_before_anything_is_written(
    tmp_path: Path,
) -> None:
    store = store_in(tmp_path)
    store.append(batch(0, {NAMES[0]: 1.0, labels_of({"__name__": "a.b"}): 2.0, SERIES[0]: 3.0}))
    holdings = Holdings(tmp_path, -EVER, EVER)
    with pytest.raises(UnsayableError) as caught:
        everything(holdings)
    assert "'a.b'" in str(caught.value)
    assert "'é'" in str(caught.value)
    found = everything(holdings, '{__name__=~"[a-zA-Z_:][a-zA-Z0-9_:]*","é"=""}')
    assert [each.labels for each in found] == [SERIES[0]]


def test_an_empty_folder_gives_an_empty_page(tmp_path: Path) -> None:
    assert page(tmp_path) == "# EOF\n"
