"""Whose samples they are, and how many labels they may have."""

import pytest

from collector.round import ErrorKind
from collector.source import ScrapeError
from collector.target_labels import LabelLimits, TargetLabels
from metrics.values import Labels, labels_of

OURS = labels_of({"job": "concert", "instance": "127.0.0.1:18081"})


def series(**labels: str) -> Labels:
    return labels_of({"__name__": "a", **labels})


def labeller(count: int = 64, length: int = 4096) -> TargetLabels:
    return TargetLabels(OURS, LabelLimits(count, length))


def refusal(one: TargetLabels, *scraped: Labels) -> str:
    with pytest.raises(ScrapeError) as caught:
        one.apply(scraped)
    assert caught.value.kind is ErrorKind.LIMIT
    return caught.value.text


def test_every_series_gets_job_and_instance() -> None:
    assert labeller().apply((series(x="1"),)).labels == (
        series(x="1", job="concert", instance="127.0.0.1:18081"),
    )


def test_f10_labels_from_the_settings_win_over_scraped_ones() -> None:
    found = labeller().apply((series(job="theirs", exported_job="older", instance="9"),)).labels[0]
    assert dict(found) == {
        "__name__": "a",
        "job": "concert",
        "instance": "127.0.0.1:18081",
        "exported_exported_job": "theirs",
        "exported_job": "older",
        "exported_instance": "9",
    }


def test_f10_two_targets_with_the_same_series_stay_apart() -> None:
    other = TargetLabels(labels_of({"job": "concert", "instance": "b:1"}), LabelLimits(64, 4096))
    assert labeller().apply((series(),)).labels != other.apply((series(),)).labels


def test_the_same_series_in_the_same_order_give_the_very_same_tuple() -> None:
    one = labeller()
    first = one.apply((series(x="1"), series(x="2")))
    again = one.apply((series(x="1"), series(x="2")))
    assert again.labels is first.labels
    assert (first.added, again.added) == (2, 0)


def test_label_pairs_are_those_that_were_scraped_and_the_target_s_own() -> None:
    scraped = series(x="1"), series(x="2")
    found = labeller().apply(scraped).labels
    known = {id(pair) for each in (*scraped, OURS) for pair in each}
    assert {id(pair) for each in found for pair in each} == known


def test_series_that_the_look_before_did_not_have_are_counted() -> None:
    one = labeller()
    one.apply((series(x="1"), series(x="2")))
    assert one.apply((series(x="2"), series(x="3"), series(x="4"))).added == 2
    assert one.apply((series(x="2"),)).added == 0
    assert one.apply((series(x="1"), series(x="2"))).added == 1


def test_f07_too_many_labels_refuse_the_scrape_and_name_the_series() -> None:
    wide = series(**{f"x{n}": "1" for n in range(200)})
    assert refusal(labeller(), series(), wide) == "203 labels on a, over collector.label_limit (64)"


def test_f07_a_value_of_two_megabytes_refuses_the_scrape_and_names_the_label() -> None:
    assert refusal(labeller(), series(huge="x" * 2_000_000)) == (
        'label "huge" of a has a value of 2,000,000 characters, '
        "over collector.label_value_length_limit (4,096)"
    )


def test_f07_after_a_refused_scrape_a_good_one_is_taken() -> None:
    one = labeller()
    one.apply((series(x="1"),))
    refusal(one, series(x="1"), series(huge="x" * 5000))
    assert one.apply((series(x="1"),)).added == 0
