"""The annotation ``evidence`` of rules."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alerts.evidence import CaptureName
from alerts.evidence_choice import Choice, read_choice
from settings import ConfigError
from tests.alerts.alert_rig import Rig, configured


def test_names_and_queries_stand_in_lines() -> None:
    choice, wrong = read_choice(
        "log, pool\n\nsum by (uri) (rate(http_requests_total[10s]))\nqueue_waiting{}\n"
    )
    assert wrong == ()
    assert choice == Choice(
        frozenset({CaptureName.LOG, CaptureName.POOL}),
        ("sum by (uri) (rate(http_requests_total[10s]))", "queue_waiting{}"),
    )


def test_a_misspelt_capture_is_told_with_what_was_meant_and_how_a_metric_is_written() -> None:
    _, (wrong,) = read_choice("pool\nstatments")
    assert wrong.line == 1
    assert "'statments' is no capture" in wrong.message
    assert "did you mean 'statements'?" in wrong.message
    assert "a metric by its bare name is written statments{}" in wrong.message


@pytest.mark.parametrize("text", ["", "  \n \n"])
def test_an_empty_annotation_names_nothing(text: str) -> None:
    assert "names nothing" in read_choice(text)[1][0].message


def test_everything_wrong_is_reported_at_load_with_its_line(tmp_path: Path) -> None:
    rules = """
- alert: A
  expr: up == 0
  annotations:
    evidence: |
      pool
      rate(x[5m]
      lggs
"""
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, rules)
    problems = [(problem.line, problem.path) for problem in caught.value.problems]
    assert problems == [
        (9, "groups[0].rules[0].annotations.evidence"),
        (10, "groups[0].rules[0].annotations.evidence"),
    ]


def test_the_annotation_is_no_template_and_not_shown_with_the_alert(rig: Callable[..., Rig]) -> None:
    story = rig('- alert: A\n  expr: hot == 1\n  annotations: {evidence: "hot{} > 0", summary: s}\n')
    story.shows(hot=1.0)
    story.round()
    assert [dict(alert.annotations) for alert in story.active()] == [{"summary": "s"}]
    assert story.rules.alerting[0].evidence == Choice(frozenset(), ("hot{} > 0",))
