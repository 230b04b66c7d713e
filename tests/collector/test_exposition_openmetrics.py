"""The public OpenMetrics parser cases, and what of them is not enforced."""

import json
import os
from pathlib import Path

import pytest

from collector.exposition import PageParser
from collector.exposition_grammar import PageFormat
from collector.source import ScrapeError
from tests.collector.raw_server import soon

FOLDER = Path(os.environ.get("CONFORMANCE_DIR", Path(__file__).parents[3] / "shared" / "conformance"))
CASES = FOLDER / "openmetrics"

MEANING = "a rule on the meaning of values; Prometheus stores such pages, refusing them would lose the rest"
ORDER = "a rule on the order of lines; every line by itself is clear"
NAMES = "a rule on which names a type may have; Prometheus does not enforce it"
EXEMPLARS = "exemplars are not stored, so it does not matter where they stand"

NOT_ENFORCED = {
    **{f"bad_counter_values_{n}": MEANING for n in range(20)},
    **{f"bad_histograms_{n}": MEANING for n in (0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14)},
    **{f"bad_info_and_stateset_values_{n}": MEANING for n in (0, 1)},
    **{f"bad_stateset_info_values_{n}": MEANING for n in range(4)},
    **{f"bad_missing_or_invalid_labels_for_a_type_{n}": MEANING for n in range(8)},
    **{f"bad_grouping_or_ordering_{n}": ORDER for n in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10)},
    **{f"bad_metadata_in_wrong_place_{n}": ORDER for n in range(3)},
    "bad_clashing_names_2": NAMES,
    **{f"bad_unit_{n}": NAMES for n in (6, 7)},
    **{f"bad_exemplars_on_unallowed_metric_types_{n}": EXEMPLARS for n in range(3)},
    **{f"bad_exemplars_on_unallowed_samples_{n}": EXEMPLARS for n in range(4)},
}

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not CASES.is_dir(), reason=f"no public OpenMetrics cases in {CASES}"),
]


def case_names() -> list[str]:
    return sorted(path.name for path in CASES.iterdir() if path.is_dir()) if CASES.is_dir() else []


def accepts(name: str) -> bool:
    body = (CASES / name / "metrics").read_bytes()
    try:
        PageParser(10_000).parse(body, PageFormat.OPENMETRICS, 1_700_000_000.0, soon())
    except ScrapeError:
        return False
    return True


@pytest.mark.parametrize("name", [name for name in case_names() if name not in NOT_ENFORCED])
def test_a_public_case_is_judged_as_its_authors_judge_it(name: str) -> None:
    expected = json.loads((CASES / name / "test.json").read_text(encoding="utf-8"))["shouldParse"]
    assert accepts(name) is expected


@pytest.mark.parametrize("name", sorted(NOT_ENFORCED))
def test_a_case_that_is_not_enforced_is_one_that_we_accept(name: str) -> None:
    assert accepts(name), f"{name} is refused now: take it off the list ({NOT_ENFORCED[name]})"


def test_every_public_case_is_known() -> None:
    assert len(case_names()) == 211
    assert set(case_names()) >= set(NOT_ENFORCED)
