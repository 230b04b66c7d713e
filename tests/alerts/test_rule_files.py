"""Rule files: what is accepted, and how everything that is wrong is said at once."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import settings
from alerts.rule import RecordingRule, RuleSet
from alerts.rule_files import load_all
from settings import ConfigError
from settings.schema import Settings

ROOT = Path(__file__).parents[2]
CONFORMANCE = Path(os.environ.get("CONFORMANCE_DIR", ROOT.parent / "shared" / "conformance"))
SHIPPED = sorted((ROOT / "alerts/rules").glob("*.yaml"))


def load(folder: Path, config: str = "", **files: str) -> RuleSet:
    """Rule files by stem, beside a configuration that reads them all."""
    for stem, text in files.items():
        (folder / f"{stem}.yaml").write_text(text, encoding="utf-8")
    path = folder / "config.yaml"
    rule_files = "".join(f"    - {stem}.yaml\n" for stem in files) or "    []\n"
    path.write_text(f"alerts:\n  rule_files:\n{rule_files}{config}", encoding="utf-8")
    loaded, source = settings.load_with_source(path)
    return load_all(loaded, source, str(path))


def problems(folder: Path, config: str = "", **files: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(folder, config, **files)
    return [str(problem).replace(f"{folder}/", "") for problem in raised.value.problems]


def one_rule(rule: str) -> str:
    lines = "\n".join(f"      {line}" for line in rule.strip("\n").split("\n"))
    return f"groups:\n  - name: g\n    rules:\n{lines}\n"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_promtool_accepts_every_rule_file_we_ship(path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    checked = subprocess.run(
        [promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_rules_we_ship_load_with_the_configuration_we_ship() -> None:
    loaded, source = settings.load_with_source(ROOT / "config.yaml")
    rules = load_all(loaded, source, str(ROOT / "config.yaml"))
    assert {rule.name for rule in rules.alerting} == {
        "PoolExhausted",
        "PoolTimeouts",
        "PoolBacklog",
        "EndpointLatencyHigh",
        "ErrorRatioHigh",
        "TargetDown",
        "RedisDown",
        "DatabaseCpuHigh",
        "ServiceCpuHigh",
        "OutOfMemoryError",
        "RedisCommandTimeouts",
        "RedisPingFailed",
    }


def test_alerting_and_recording_rules_are_read_with_all_their_fields(tmp_path: Path) -> None:
    text = """
groups:
  - name: mixed
    interval: 30s
    limit: 5
    query_offset: 10s
    rules:
      - record: job:requests:rate1m
        expr: sum by (job) (rate(requests_total[1m]))
        labels: {team: tickets}
      - alert: Slow
        expr: |
          p95
            > 2.5
        for: 1m30s
        keep_firing_for: 500ms
        labels: {severity: critical}
        annotations: {summary: "{{ $value }}", clear_if: 'max_over_time(p95[10s] offset 5s) < 2'}
"""
    (group,) = load(tmp_path, mixed=text).groups
    assert (group.name, group.interval, group.limit, group.query_offset) == ("mixed", 30.0, 5, 10.0)
    recording, alerting = group.rules
    assert isinstance(recording, RecordingRule)
    assert (recording.key, recording.labels) == ("mixed/job:requests:rate1m", {"team": "tickets"})
    assert not isinstance(alerting, RecordingRule)
    assert (alerting.timing.for_, alerting.timing.keep_firing_for, alerting.line) == (90.0, 0.5, 11)
    assert (alerting.clear_selectors, alerting.window) == (("p95",), 15.0)
    assert "clear_if" not in alerting.annotations


def test_a_rule_may_stand_in_the_configuration_itself(tmp_path: Path) -> None:
    config = "  rules:\n    - {alert: Mine, expr: load > 1, for: 500ms, labels: {severity: info}}\n"
    (rule,) = load(tmp_path, config).alerting
    assert (rule.key, rule.timing.for_) == ("config/Mine", 0.5)


def test_rules_of_the_same_name_keep_keys_of_their_own(tmp_path: Path) -> None:
    twice = one_rule("- {alert: A, expr: load > 1}\n- {alert: A, expr: load > 2}")
    assert [rule.key for rule in load(tmp_path, one=twice).alerting] == ["g/A", "g/A#2"]


def test_everything_that_is_wrong_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    bad = """groups:
  - name: pool
    rules:
      - alert: Exhausted
        expr: active == max and (pending
        for: 5 minutes
      - alert: Backlog
        exprr: pending > 1
  - name: pool
    rules: []
"""
    worse = one_rule("- alert: Odd\n  expr: up == 0\n  labels: {severity: '{{ $label.x }}'}")
    found = problems(tmp_path, "  rules:\n    - {alert: Mine, expr: 'sum(1'}\n", bad=bad, worse=worse)
    assert found[0].startswith("bad.yaml:6: groups[0].rules[0].for: '5 minutes' is not a duration (want")
    assert found[1] == "bad.yaml:7: groups[0].rules[1]: 'expr' is missing"
    assert found[2] == "bad.yaml:8: groups[0].rules[1]: unknown key 'exprr' (did you mean 'expr'?)"
    assert found[3].startswith("config.yaml:6: alerts.rules[0].expr: 1:")
    assert found[4].startswith("worse.yaml:6: groups[0].rules[0].labels.severity: '$label.x' is not known")
    assert len(found) == 5


def test_f36_a_wrong_expression_is_shown_with_its_place_in_the_file_and_in_itself(tmp_path: Path) -> None:
    (found,) = problems(
        tmp_path, bad=one_rule("- alert: A\n  expr: |\n    active\n      == maximum(pending)")
    )
    first, shown, caret = found.split("\n")
    assert first.startswith("bad.yaml:7: groups[0].rules[0].expr: 2:6: ")
    assert shown.strip() == "== maximum(pending)"
    assert caret.index("^") == shown.index("maximum")


def test_what_the_evaluator_cannot_do_is_an_error_at_load(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, bad=one_rule("- alert: A\n  expr: load[5m]"))
    assert "range vector" in found or "matrix" in found


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("- expr: '1'", "groups[0].rules[0]: want exactly one of 'alert' and 'record'"),
        (
            "- {record: a, alert: b, expr: '1'}",
            "groups[0].rules[0]: want exactly one of 'alert' and 'record'",
        ),
        ("- {record: '', expr: '1'}", "rules[0].record: '' is not a metric name"),
        ("- {record: 'a{b=\"c\"}', expr: '1'}", "rules[0].record: 'a{b=\"c\"}' is not a metric name"),
        ("- {record: 'a}', expr: '1'}", "rules[0].record: 'a}' is not a metric name"),
        ("- {record: a, expr: '1', for: 1m}", "rules[0].for: 'for' goes with 'alert' only"),
        ("- {record: a, expr: '1', keep_firing_for: 1m}", "'keep_firing_for' goes with 'alert' only"),
        (
            "- {alert: a, expr: '1', labels: {__name__: b}}",
            "labels.__name__: '__name__' cannot be a label of a rule",
        ),
        (
            "- {alert: a, expr: '1', annotation: {b: c}}",
            "unknown key 'annotation' (did you mean 'annotations'?)",
        ),
        ("- {alert: a, expr: rate(hi)}", "rules[0].expr: 1:"),
        ("- {alert: a, expr: up, annotations: {clear_if: 'up =='}}", "annotations.clear_if: 1:"),
        ("- {alert: a, expr: up, annotations: {component: pol}}", "'pol' is not a component of the topology"),
        (
            "- {alert: a, expr: up, annotations: {summary: '{{ if 1 }}'}}",
            "'if' is not supported in templates here",
        ),
    ],
)
def test_each_kind_of_wrong_rule_names_what_is_wrong(tmp_path: Path, rule: str, message: str) -> None:
    found = problems(tmp_path, bad=one_rule(rule))
    assert any(message in problem for problem in found), found
    assert all(problem.startswith("bad.yaml:") for problem in found)


@pytest.mark.parametrize("name", ["größe.sum", "a-b", "a b", "0a", "a:b_c", 'a"b', "a\nb"])
def test_a_recording_rule_may_have_any_text_as_its_name_and_its_labels_names_as_prometheus_3_takes_them(
    tmp_path: Path, name: str
) -> None:
    rule = f"- {{record: {json.dumps(name)}, expr: '1', labels: {{{json.dumps(name)}: v}}}}"
    (found,) = load(tmp_path, good=one_rule(rule)).groups[0].rules
    assert isinstance(found, RecordingRule)
    assert (found.name, found.labels) == (name, {name: "v"})


@pytest.mark.parametrize(
    "rule", ['{record: "\\uD800", expr: x}', '{record: a, expr: x, labels: {"\\uD800": v}}']
)
def test_a_lone_surrogate_is_no_name(tmp_path: Path, rule: str) -> None:
    (found,) = problems(tmp_path, bad=one_rule(f"- {rule}"))
    assert "'\\ud800'" in found


def test_two_groups_of_one_name_in_a_file_are_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, bad="groups:\n  - name: yolo\n  - name: yolo\n")
    assert found == "bad.yaml:3: groups[1].name: 'yolo' is the name of two groups in this file"


def test_a_pattern_without_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("alerts:\n  rule_files:\n    - nowhere/*.yaml\n", encoding="utf-8")
    loaded, source = settings.load_with_source(path)
    with pytest.raises(
        ConfigError, match=r"config.yaml:3: alerts.rule_files\[0\]: 'nowhere/\*.yaml' matches no file"
    ):
        load_all(loaded, source, str(path))


def test_a_file_is_read_once_even_when_two_patterns_match_it(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(one_rule("- {alert: A, expr: up}"), encoding="utf-8")
    path = tmp_path / "config.yaml"
    path.write_text("alerts:\n  rule_files: ['o*.yaml', 'one.yaml']\n", encoding="utf-8")
    loaded, source = settings.load_with_source(path)
    assert len(load_all(loaded, source, str(path)).alerting) == 1


def test_the_topology_is_checked_with_the_lines_of_the_configuration(tmp_path: Path) -> None:
    config = """topology:
  - name: pool
    title: Pool
    calls: [database]
    saturated: active ==
    facts:
      - {title: waiting, expr: 'sum(pending', to: nowhere}
      - {title: waiting, expr: '1', makes: 5}
  - name: database
    title: Database
    calls: [pool]
"""
    found = problems(tmp_path, config)
    assert [problem.split("\n")[0].split(": ")[:2] for problem in found] == [
        ["config.yaml:7", "topology[0].calls"],
        ["config.yaml:8", "topology[0].saturated"],
        ["config.yaml:10", "topology[0].facts[0].expr"],
        ["config.yaml:10", "topology[0].facts[0].to"],
        ["config.yaml:11", "topology[0].facts[1].title"],
        ["config.yaml:11", "topology[0].facts[1].makes"],
    ]


def public(name: str, pattern: str) -> list[Path]:
    return sorted((CONFORMANCE / name).glob(pattern))


def loaded_alone(path: Path) -> RuleSet:
    read = Settings.model_validate({"alerts": {"rule_files": [str(path)]}})
    return load_all(read, settings.parse_yaml("alerts: {}", "config.yaml"))


@pytest.mark.conformance
@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="no public test data in CONFORMANCE_DIR")
@pytest.mark.parametrize("path", public("rules", "*.yml"), ids=lambda path: path.stem)
def test_community_rule_files_load_as_they_do_in_prometheus(path: Path) -> None:
    assert loaded_alone(path).alerting


@pytest.mark.conformance
@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="no public test data in CONFORMANCE_DIR")
@pytest.mark.parametrize("path", public("rulefmt", "*.bad.yaml"), ids=lambda path: path.stem)
def test_what_prometheus_refuses_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError):
        loaded_alone(path)
