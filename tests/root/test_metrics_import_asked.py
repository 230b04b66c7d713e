"""An imported past in PromQL: through a store that is started on its files."""

from pathlib import Path

from tests.metrics.disk_store import BEGIN, everything, store_in
from tests.metrics.openmetrics_store import SERIES, Samples, bits, held, lived, put_in
from tests.root.metrics_command_rig import FOLDER, at, invoke, page

TEXT = 'm_total{instance="a\\\\b\\"c\\nd\x00ü",n="0"}'
"""The first series as OpenMetrics writes it."""


def asked(data_dir: Path, until: float) -> Samples:
    """Every sample of the hours before, as a store answers."""
    return {
        labels: {round((BEGIN + when) * 1000): bits(value) for when, value in points}
        for labels, points in everything(store_in(data_dir / FOLDER), until, "6h").items()
    }


def test_an_imported_past_is_asked_in_promql(tmp_path: Path) -> None:
    said = lived(tmp_path / "here" / FOLDER)
    exported = invoke(tmp_path / "here", "export").stdout
    assert invoke(tmp_path / "there", "import", "-", stdin=exported).exit_code == 0
    assert asked(tmp_path / "there", 4000) == said


def test_samples_of_before_show_beside_scraped_ones_of_the_same_series(tmp_path: Path) -> None:
    said = lived(tmp_path / "here" / FOLDER)
    lines = [f"{TEXT} {number} {at(number - 1000)}" for number in range(20)]
    imported = page(tmp_path, *lines, f"{TEXT} 77 {at(0.5)}")
    assert invoke(tmp_path / "here", "import", imported).exit_code == 0
    new = {round((BEGIN + number - 1000) * 1000): bits(number) for number in range(20)}
    new[round((BEGIN + 0.5) * 1000)] = bits(77.0)
    wanted = said | {SERIES[0]: said[SERIES[0]] | new}
    assert held(tmp_path / "here" / FOLDER) == wanted
    assert asked(tmp_path / "here", 4000) == wanted


def test_an_import_into_a_time_that_no_block_held_yet_is_seen_beside_its_rows(tmp_path: Path) -> None:
    said = put_in(store_in(tmp_path / FOLDER), 85)
    imported = page(tmp_path, f"{TEXT} 1 {at(0.5)}", f"{TEXT} 2 {at(950)}")
    assert invoke(tmp_path, "import", imported).exit_code == 0
    start = round(BEGIN * 1000)
    new = {start + 500: bits(1.0), start + 950_000: bits(2.0)}
    assert asked(tmp_path, 1000) == said | {SERIES[0]: said[SERIES[0]] | new}


def test_where_a_scrape_and_an_import_disagree_answers_and_exports_agree(tmp_path: Path) -> None:
    said = lived(tmp_path / FOLDER)
    when = min(said[SERIES[0]])
    assert invoke(tmp_path, "import", page(tmp_path, f"{TEXT} 77 {when / 1000:.3f}")).exit_code == 0
    assert asked(tmp_path, 4000) == held(tmp_path / FOLDER)


def test_an_import_into_merged_hours_is_asked_and_exported_beside_what_they_hold(tmp_path: Path) -> None:
    said = lived(tmp_path / FOLDER, 1500)
    assert list((tmp_path / FOLDER).glob("*-2h.block"))
    imported = page(tmp_path, f"{TEXT} 1 {at(0.5)}", f"{TEXT} 2 {at(3000.5)}")
    assert invoke(tmp_path, "import", imported).exit_code == 0
    start = round(BEGIN * 1000)
    wanted = said | {SERIES[0]: said[SERIES[0]] | {start + 500: bits(1.0), start + 3_000_500: bits(2.0)}}
    assert held(tmp_path / FOLDER) == wanted
    assert asked(tmp_path, 16_000) == wanted
