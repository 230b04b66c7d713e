"""Templates of labels and annotations: what Go's language gives, and what it must never reach."""

import contextlib
import math
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.template import LONGEST_OUTPUT, template
from alerts.template_syntax import TemplateError

LABELS = {"instance": "127.0.0.1:18081", "pool": "HikariPool-1"}


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("plain", 1.0, "plain"),
        ("{{ $labels.pool }} has {{ $value }}", 27.0, "HikariPool-1 has 27"),
        ("{{ .Labels.pool }} {{ $.Value }}", 0.25, "HikariPool-1 0.25"),
        ("[{{ $labels.nothing }}]", 1.0, "[]"),
        ("{{ $labels }}", 1.0, "map[instance:127.0.0.1:18081 pool:HikariPool-1]"),
        ("{{ $value }}", 1234567.0, "1.234567e+06"),
        ("{{ $value }}", 0.00001, "1e-05"),
        ("{{ $value }}", math.inf, "+Inf"),
        ("{{ $value }}", math.nan, "NaN"),
        ("{{ $value | humanize }}", 1234567.0, "1.235M"),
        ("{{ $value | humanize }}", 0.0053, "5.3m"),
        ("{{ $value | humanize1024 }}", 10240.0, "10ki"),
        ("{{ $value | humanizePercentage }}", 0.12345, "12.35%"),
        ("{{ $value | humanizeDuration }}", 5000.5, "1h 23m 20s"),
        ("{{ humanizeDuration $value }}", 5.43, "5.43s"),
        ("{{ humanizeDuration $value }}", 90061.0, "1d 1h 1m 1s"),
        ("{{ humanizeDuration $value }}", 0.0, "0s"),
        ('{{ $value | printf "%.2f" }}', 2.345, "2.35"),
        ('{{ printf "%s: %5.1f|%-4d|%q" $labels.pool $value 3 "x" }}', 2.25, 'HikariPool-1:   2.2|3   |"x"'),
        ('{{ printf "%d" $value }}', 1.5, "%!d(float64=1.5)"),
        ('{{ printf "%d" }}{{ printf "%d" 1 2 }}', 0.0, "%!d(MISSING)1%!(EXTRA int=2)"),
        ("{{ toUpper $labels.pool | toLower }}", 0.0, "hikaripool-1"),
        ("{{ stripPort $labels.instance }}", 0.0, "127.0.0.1"),
        ('{{ index $labels "pool" }}', 0.0, "HikariPool-1"),
        ('a {{- " b " -}} c{{/* nothing */}}', 0.0, "a b c"),
        ("{{ `raw }} text` }}", 0.0, "raw }} text"),
        ("{{ print 1 2 $labels.pool (printf `%d` 3) }}", 0.0, "1 2HikariPool-13"),
    ],
)
def test_it_expands_as_in_prometheus(text: str, value: float, expected: str) -> None:
    assert template(text).expand(LABELS, value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ .__class__ }}",
        "{{ $labels.__class__.__mro__ }}",
        "{{ $value.real }}",
        "{{ range $labels }}x{{ end }}",
        '{{ query "up" }}',
        '{{ define "x" }}',
        "{{ humanize }}",
        "{{ humanize 1 2 }}",
        "{{ $value",
        "{{ }}",
        '{{ "a" "b" }}',
        "{{ $value | $labels }}",
        "{{ $x := 3 }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    ],
)
def test_s04_what_is_not_the_small_language_is_refused_at_load(text: str) -> None:
    with pytest.raises(TemplateError):
        template(text)


def test_a_value_of_the_wrong_kind_is_said_in_the_text() -> None:
    text = template("{{ humanize $labels.pool }}").expand(LABELS, 1.0)
    assert text == "<error expanding template: 'HikariPool-1' is not a number>"


def test_s04_the_output_is_bounded() -> None:
    text = template("{{ $labels.pool }}" * 100).expand({"pool": "x" * 10_000}, 1.0)
    assert text == f"<error expanding template: more than {LONGEST_OUTPUT} characters>"
    assert len(template('{{ printf "%999999999d" 1 }}').expand({}, 1.0)) <= 1000


def test_label_values_are_never_read_as_templates() -> None:
    assert template("{{ $labels.pool }}").expand({"pool": "{{ $value }}"}, 1.0) == "{{ $value }}"


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_either_a_template_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(TemplateError):
        template("{{" + text + "}}").expand(LABELS, 1.0)


PIECES = (
    "{{ $value }} {{ 1e21 }} {{ 0.00001 }} {{ 123456789.5 }} {{ 3.0 }} {{ humanize 1234567.0 }}"
    ' {{ printf "%v %g %d %s %5.1f|%-5s|%q" $value $value $value $value 2.25 "ab" "c" }}'
    " {{ -5.5 | humanize }}"
    ' {{ printf "%05.1f|%t|%.3v|%x|%e|%6d|%+d|%z" 2.25 true 2.23456 255 12345.678 5 5 3 }}'
    ' {{ print 1 2 "a" }}'
    ' {{ humanizeDuration 0.0053 }} {{ title "ab cd" }} {{ humanizeDuration 5000.5 }}'
    ' {{ humanize1024 10240.0 }} {{ humanizePercentage 0.12345 }} {{ printf "%d%%" 5 }}'
)


def test_promtool_expands_the_same_text(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    expected = template(PIECES).expand({}, 1234567.0)
    quoted = [text.replace("'", "''") for text in (PIECES, expected)]
    (tmp_path / "rules.yml").write_text(
        "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: vector(1234567)\n"
        f"    annotations: {{text: '{quoted[0]}'}}\n"
    )
    (tmp_path / "test.yml").write_text(
        "rule_files: [rules.yml]\ntests:\n- alert_rule_test:\n  - eval_time: 1m\n    alertname: A\n"
        f"    exp_alerts:\n    - exp_annotations: {{text: '{quoted[1]}'}}\n"
    )
    tested = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
