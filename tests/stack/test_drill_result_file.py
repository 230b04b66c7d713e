import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stack.drills.json_file import DrillFileError
from stack.drills.outcome import compute_outcome
from stack.drills.result import Failing
from stack.drills.result_file import load, save, to_json
from tests.stack.drill_story import START, good_drill, with_pending

ROOT = Path(__file__).parents[2]


def test_a_drill_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    drill = replace(good_drill(), sampling_failures=(Failing(START + 3, "timeout"),))
    save(drill, tmp_path / "var" / "drill.json")
    again = load(tmp_path / "var" / "drill.json")
    assert replace(again, requests=()) == replace(drill, requests=())
    assert [(r.kind, r.name, r.user, r.status) for r in again.requests] == [
        (r.kind, r.name, r.user, r.status) for r in drill.requests
    ]
    assert [r.issued_at for r in again.requests] == pytest.approx(
        [r.issued_at for r in drill.requests], abs=1e-4
    )
    assert compute_outcome(again).instants == compute_outcome(drill).instants
    assert compute_outcome(again).levers == compute_outcome(drill).levers


def test_the_file_holds_outcome_and_verdict_for_readers_that_do_not_compute() -> None:
    document = json.loads(json.dumps(to_json(good_drill())))
    assert document["outcome"]["after"]["window"]["name"] == "after"
    assert document["verdict"]["comparable"] is True
    assert {each["name"] for each in document["verdict"]["expectations"]} >= {"alert_within", "pool_timeouts"}
    assert document["requests"]["columns"][0] == "issued_at"


def test_a_new_drill_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "drill.json"
    save(good_drill(), path)
    save(replace(good_drill(), complete=False), path)
    assert not load(path).complete
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a drill of format 'drill/1'"),
        ('{"format": "drill/9"}', "format 'drill/9'"),
        ('{"format": "drill/1", "result": {"started_at": 1}}', "requests"),
        (
            '{"format": "drill/1", "result": {"started_at": 1}, "requests": {"columns": [], "rows": []}}',
            "plan: Field required",
        ),
    ],
)
def test_a_file_that_is_no_drill_says_which_and_why(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "drill.json"
    path.write_text(content)
    with pytest.raises(DrillFileError, match=r"drill\.json: ") as caught:
        load(path)
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DrillFileError, match=r"nothing\.json: cannot be read"):
        load(tmp_path / "nothing.json")


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "benchmarks" / "first_light.py")
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)


def test_the_benchmark_prints_value_aim_ratio_and_steal(tmp_path: Path) -> None:
    save(good_drill(), tmp_path / "drill.json")
    ran = benchmark(str(tmp_path / "drill.json"))
    assert ran.returncode == 0, ran.stderr
    alert = next(line for line in ran.stdout.splitlines() if "to the alert" in line)
    assert [part for part in ("1.90 s", "at most 3 s", "0.63") if part not in alert] == []
    assert "steal      3.4 %" in ran.stdout


def test_the_benchmark_fails_where_an_expectation_failed_or_the_file_is_no_drill(tmp_path: Path) -> None:
    save(with_pending(good_drill(), 170, 171, 30), tmp_path / "drill.json")
    ran = benchmark(str(tmp_path / "drill.json"))
    assert (ran.returncode, "FAILED" in ran.stdout) == (1, True)
    assert benchmark(str(tmp_path / "none.json")).returncode == 2
    assert benchmark().returncode == 2
