"""Samples that carry their own time: kept with ``honor_timestamps``, else given the time of the look."""

import numpy as np
import pytest

from collector.deadline import Deadline
from collector.exposition import Page, PageParser
from collector.exposition_grammar import PageFormat
from collector.scrape import TargetScrape
from collector.source import Scraped
from collector.target import Target
from collector.target_labels import LabelLimits
from metrics import Store
from metrics.values import Batch, Labels, Matrix, label, labels_of
from tests.collector.raw_server import soon

NOW = 1_700_000_000.0


def page(text: str, honor: bool = True, form: PageFormat = PageFormat.TEXT) -> Page:
    return PageParser(1000, honor).parse(text.encode(), form, NOW, soon())


def told(found: Page) -> list[tuple[str, float, float | None]]:
    """Metric, value, and seconds after NOW of each sample."""
    stamps = np.full(len(found.values), np.nan) if found.stamps is None else found.stamps
    return [
        (label(labels, "__name__"), value, None if np.isnan(stamp) else round(stamp - NOW, 3))
        for labels, value, stamp in zip(found.labels, found.values.tolist(), stamps.tolist(), strict=True)
    ]


def test_stamps_are_kept_or_not_as_the_target_wants_it() -> None:
    text = "a 1 1699999999500\nb 2\n"
    assert told(page(text)) == [("a", 1.0, -0.5), ("b", 2.0, None)]
    assert told(page(text, honor=False)) == [("a", 1.0, None), ("b", 2.0, None)]
    assert page(text, honor=False).stamps is None
    openmetrics = "a 1 1699999999.5\nb 2\n# EOF\n"
    assert told(page(openmetrics, form=PageFormat.OPENMETRICS)) == [("a", 1.0, -0.5), ("b", 2.0, None)]


def test_a_page_without_stamps_is_read_as_ever() -> None:
    parser = PageParser(1000, honor_timestamps=True)
    pages = [parser.parse(f"a {n}\nb 2\n".encode(), PageFormat.TEXT, NOW, soon()) for n in range(4)]
    assert all(each.stamps is None for each in pages)
    assert pages[3].labels is pages[2].labels


def test_pages_change_between_stamped_and_not() -> None:
    parser = PageParser(1000, honor_timestamps=True)
    texts = ("a 1\nb 2\n", "a 3\nb 4\n", "a 5 1699999999500\nb 6\n", "a 7\nb 8\n")
    found = [told(parser.parse(text.encode(), PageFormat.TEXT, NOW, soon())) for text in texts]
    assert found == [
        [("a", 1.0, None), ("b", 2.0, None)],
        [("a", 3.0, None), ("b", 4.0, None)],
        [("a", 5.0, -0.5), ("b", 6.0, None)],
        [("a", 7.0, None), ("b", 8.0, None)],
    ]


def test_a_stamped_series_may_have_several_samples_and_an_unstamped_one_its_first() -> None:
    found = page("a 1 1699999998000\na 2 1699999999000\nb 3\nb 4\nb 5 1699999999000\na 6\n")
    assert told(found) == [("a", 1.0, -2.0), ("a", 2.0, -1.0), ("b", 3.0, None)]
    assert (found.seen, found.duplicates) == (6, 3)


class Pages:
    """A source of given pages."""

    def __init__(self, texts: list[str], honor: bool) -> None:
        self._texts, self._parser = texts, PageParser(1000, honor)

    def fetch(self, at: float, deadline: Deadline) -> Scraped:
        found = self._parser.parse(self._texts.pop(0).encode(), PageFormat.TEXT, at, deadline)
        return Scraped(found.labels, found.values, found.metadata, seen=found.seen, stamps=found.stamps)

    def close(self) -> None:
        pass


def looked(store: Store, texts: list[str], honor: bool = True) -> list[tuple[str, ...]]:
    """What is noted of each look, one second after the other."""
    source, labels = Pages(texts, honor), labels_of({"job": "app", "instance": "x:1"})
    target = Target("app", "actuator", source, labels, 1.0, 1.0, LabelLimits(10, 100))
    scrape = TargetScrape(target, store.append, store.push)
    count = len(texts)
    return [scrape.publish(scrape.fetch(NOW + second, soon())).notes for second in range(count)]


def points(store: Store, name: str) -> list[tuple[float, float]]:
    """Seconds after NOW and values."""
    found = store.query(f"{name}[1h]", NOW + 100)
    assert isinstance(found, Matrix)
    return [
        (round(at - NOW, 3), value)
        for each in found.series
        for at, value in zip(each.at.tolist(), each.values.tolist(), strict=True)
    ]


STAMPED = ["a 1 1699999999500\nb 1\n", "a 1 1699999999500\nb 2\n", "a 2 1700000001500\nb 3\n"]


def test_stamped_samples_are_stored_at_their_own_times_and_the_others_at_the_looks() -> None:
    store = Store()
    assert looked(store, list(STAMPED)) == [(), (), ()]
    assert points(store, "a") == [(-0.5, 1.0), (1.5, 2.0)]
    assert points(store, "b") == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    assert store.origins("a + on (job) b", NOW + 2) == {"app"}


def test_without_honor_timestamps_all_samples_have_the_time_of_the_look() -> None:
    store = Store()
    looked(store, list(STAMPED), honor=False)
    assert points(store, "a") == [(0.0, 1.0), (1.0, 1.0), (2.0, 2.0)]


def test_a_target_that_is_gone_takes_its_unstamped_series_along_and_leaves_the_stamped_ones() -> None:
    store = Store()
    looked(store, ["a 1 1699999999500\nb 1\n", "a{ 1\n"])
    assert store.query("b", NOW + 2).samples == ()  # type: ignore[union-attr]
    assert [sample.value for sample in store.query("a", NOW + 2).samples] == [1.0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("line", "note", "reason"),
    [
        ("a 2 1700000001000", "1 samples with another value at the same time were refused", "duplicates"),
        ("a 2 1699999400000", "1 samples more than ten minutes late were refused", "out_of_order"),
        ("a 2 1700009999000", "1 samples with a time too old or too far ahead were refused", "out_of_bounds"),
        ("c 2 1600000000000", "1 samples with a time too old or too far ahead were refused", "out_of_bounds"),
    ],
)
def test_what_is_refused_is_noted_at_the_target_and_counted(line: str, note: str, reason: str) -> None:
    store = Store()
    assert looked(store, ["b 1\n", "a 1 1700000001000\n", f"{line}\n"])[2] == (note,)
    assert {why: count for why, count in store.refused.items() if count} == {reason: 1}
    taken: Labels = labels_of({"__name__": "a", "job": "app", "instance": "x:1"})
    assert store.append(Batch("other", NOW + 9, (taken,), np.array([1.0]))).claimed_elsewhere == 1
