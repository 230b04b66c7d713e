"""Processes that stand in for containers: whole trees, honest numbers, gone is gone."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from collector.local_processes import LocalProcessesSource
from collector.process_tree import Memory, ProcessStat, advanced, parse_rollup, parse_stat, tree
from collector.round import ErrorKind
from collector.source import Scraped, ScrapeError
from metrics.values import label
from tests.collector.raw_server import soon
from tests.stack.service_rig import eventually

NOW = 1_700_000_000.0

WITH_CHILDREN = """
import subprocess, sys, time
blob = bytearray(40_000_000)
below = "import time; blob = bytearray(20_000_000); print(1, flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", below], stdout=subprocess.PIPE)
child.stdout.readline()
print("ready", flush=True)
time.sleep(60)
"""

BURNING = """
import subprocess, sys, time
burn = "import time; end = time.process_time() + 0.15\\nwhile time.process_time() < end: pass"
print("ready", flush=True)
while True:
    subprocess.run([sys.executable, "-c", burn])
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def run(program: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield run
    for process in running:
        for below in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            below.kill()
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def entry(name: str, pid: int, **changes: Any) -> dict[str, Any]:
    limits = {"cpus": 1.5, "memoryBytes": 524288000}
    started = psutil.Process(pid).create_time() if psutil.pid_exists(pid) else 0.0
    return {"name": name, "pid": pid, "startTime": started, "ports": [], "limits": limits} | changes


def stack_file(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "stack.json"
    path.write_text(json.dumps({"profile": "published", "processes": entries}), encoding="utf-8")
    return path


def values(scraped: Scraped, name: str) -> dict[str, float]:
    pairs = zip(scraped.labels, scraped.values.tolist(), strict=True)
    return {label(labels, "__name__"): value for labels, value in pairs if label(labels, "name") == name}


def names(scraped: Scraped) -> set[str]:
    return {label(labels, "name") for labels in scraped.labels}


def failure(source: LocalProcessesSource) -> ScrapeError:
    with pytest.raises(ScrapeError) as caught:
        source.fetch(NOW, soon())
    return caught.value


def test_a_tree_has_the_series_of_a_container(start: Start, tmp_path: Path) -> None:
    process = start(WITH_CHILDREN)
    scraped = LocalProcessesSource(stack_file(tmp_path, entry("concert", process.pid))).fetch(NOW, soon())
    found = values(scraped, "concert")
    assert found["container_simulated"] == 1
    assert found["container_processes"] == 2
    assert found["container_threads"] >= 2
    assert found["container_spec_memory_limit_bytes"] == 524288000
    assert found["container_spec_cpu_quota"] == 150_000
    assert found["container_spec_cpu_period"] == 100_000
    assert found["container_last_seen"] == NOW
    assert found["container_start_time_seconds"] == psutil.Process(process.pid).create_time()
    assert 0 < found["container_cpu_usage_seconds_total"] < 30
    assert 60_000_000 < found["container_memory_rss"] <= found["container_memory_working_set_bytes"]
    assert found["container_memory_working_set_bytes"] < 200_000_000


def test_processor_time_never_falls_although_children_come_and_go(start: Start, tmp_path: Path) -> None:
    process = start(BURNING)
    source = LocalProcessesSource(stack_file(tmp_path, entry("concert", process.pid)))
    began, seen = time.monotonic(), []
    while time.monotonic() - began < 1.5:
        seen.append(values(source.fetch(NOW, soon()), "concert")["container_cpu_usage_seconds_total"])
        time.sleep(0.05)
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] > 0.05


def stat(pid: int, parent: int, own: float, reaped: float = 0.0, started: int = 1) -> ProcessStat:
    return ProcessStat((pid, started), parent, False, own, reaped, 1, 0)


def test_a_child_that_was_waited_for_moves_its_time_to_its_parent() -> None:
    meter = advanced(None, [stat(1, 0, 10.0), stat(2, 1, 5.0)])
    meter = advanced(meter, [stat(1, 0, 11.0, reaped=6.0)])
    assert meter.total == 17.0


def test_a_child_that_nobody_waited_for_does_not_make_the_counter_fall_or_stand() -> None:
    meter = advanced(None, [stat(1, 0, 10.0), stat(2, 1, 500.0)])
    meter = advanced(meter, [stat(1, 0, 11.0)])
    assert meter.total == 511.0
    assert advanced(meter, [stat(1, 0, 12.5)]).total == 512.5


def test_a_new_process_with_an_old_pid_counts_from_its_own_beginning() -> None:
    meter = advanced(None, [stat(1, 0, 10.0), stat(2, 1, 500.0, started=5)])
    assert advanced(meter, [stat(1, 0, 10.0, reaped=500.0), stat(2, 1, 3.0, started=9)]).total == 513.0


def test_the_name_of_a_program_may_hold_anything() -> None:
    fields = "S 7 1 1 0 -1 0 0 0 0 0 150 50 25 25 20 0 3 0 4242 1000 10 0 0 0 0 0 0"
    found = parse_stat(9, f"9 (a) b (c) {fields}\n".encode() + b"\xff")
    assert (found.key, found.parent, found.own, found.reaped, found.threads) == ((9, 4242), 7, 2.0, 0.5, 3)


def test_a_tree_is_the_root_and_all_below_it() -> None:
    stats = {pid: stat(pid, parent, 0.0) for pid, parent in ((1, 0), (2, 1), (3, 2), (4, 1), (5, 0))}
    assert {process.key[0] for process in tree(stats, 1)} == {1, 2, 3, 4}


def test_shared_pages_are_counted_in_parts() -> None:
    head = "5568eb70e000-7ffe78bc4000 ---p 00000000 00:00 0  [rollup]\n"
    text = f"{head}Rss: 1764 kB\nPss: 324 kB\nPss_Anon: 116 kB\n"
    assert parse_rollup(text) == Memory(324 * 1024, 116 * 1024)


def test_memory_is_read_at_every_fifth_look_only(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collector import local_processes

    read: list[int] = []

    def counted(proc: Path, process: ProcessStat) -> Memory:
        read.append(process.key[0])
        return Memory(float(len(read)), 1.0)

    monkeypatch.setattr(local_processes, "read_memory", counted)
    file = stack_file(tmp_path, entry("here", os.getpid()), entry("concert", start(WITH_CHILDREN).pid))
    source = LocalProcessesSource(file)
    looks_that_read = []
    for look in range(10):
        before = len(read)
        scraped = source.fetch(NOW, soon())
        assert values(scraped, "concert")["container_memory_working_set_bytes"] > 0
        looks_that_read += [look] if len(read) > before else []
    assert looks_that_read == [0, 4, 5, 9]


def test_memory_that_could_not_be_read_in_time_is_left_out_and_not_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = LocalProcessesSource(stack_file(tmp_path, entry("concert", os.getpid())))
    monkeypatch.setattr(source, "_read_memory", lambda *_: None)
    found = values(source.fetch(NOW, soon()), "concert")
    assert "container_memory_working_set_bytes" not in found
    assert "container_cpu_usage_seconds_total" in found


def test_f15_a_process_that_has_gone_is_told_and_the_others_go_on(start: Start, tmp_path: Path) -> None:
    first, second = start(WITH_CHILDREN), start(WITH_CHILDREN)
    source = LocalProcessesSource(
        stack_file(tmp_path, entry("concert", first.pid), entry("redis", second.pid))
    )
    assert names(source.fetch(NOW, soon())) == {"concert", "redis"}
    second.kill()
    eventually(lambda: psutil.Process(second.pid).status() == psutil.STATUS_ZOMBIE)
    zombie = source.fetch(NOW, soon())
    second.wait()
    for scraped in (zombie, source.fetch(NOW, soon())):
        assert names(scraped) == {"concert"}
        assert scraped.finding is not None
        assert scraped.finding.kind is ErrorKind.GONE
        assert scraped.finding.text == f"redis is gone: no process {second.pid}"


def test_f15_a_pid_that_was_given_out_again_is_not_taken_for_the_container(tmp_path: Path) -> None:
    file = stack_file(tmp_path, entry("concert", os.getpid(), startTime=1_600_000_000.0))
    error = failure(LocalProcessesSource(file))
    assert error.kind is ErrorKind.GONE
    assert error.text == f"concert is gone: pid {os.getpid()} belongs to another process now"


def test_f11_a_wall_clock_that_was_set_does_not_make_a_process_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = LocalProcessesSource(stack_file(tmp_path, entry("concert", os.getpid())))
    source.fetch(NOW, soon())
    boot = psutil.boot_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 3600)
    assert names(source.fetch(NOW, soon())) == {"concert"}


def test_f15_everything_gone_is_a_failed_look(start: Start, tmp_path: Path) -> None:
    process = start(WITH_CHILDREN)
    source = LocalProcessesSource(stack_file(tmp_path, entry("concert", process.pid)))
    process.kill()
    process.wait()
    assert failure(source).kind is ErrorKind.GONE


def test_f15_no_stack_file_says_that_the_stack_is_not_up(tmp_path: Path) -> None:
    error = failure(LocalProcessesSource(tmp_path / "stack.json"))
    assert error.kind is ErrorKind.GONE
    assert "is the stack up?" in error.text


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"processes": [{"name": "x"}]}', '{"processes": [{"pid": "x"}]}']
)
def test_f15_half_a_stack_file_is_bad_format_and_names_the_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    path.write_text(text, encoding="utf-8")
    error = failure(LocalProcessesSource(path))
    assert error.kind is ErrorKind.BAD_FORMAT
    assert str(path) in error.text


def test_a_restarted_container_is_a_new_one(start: Start, tmp_path: Path) -> None:
    first = start(BURNING)
    source = LocalProcessesSource(stack_file(tmp_path, entry("concert", first.pid)))
    time.sleep(0.4)
    before = values(source.fetch(NOW, soon()), "concert")
    second = start("print('ready', flush=True); import time; time.sleep(60)")
    os.utime(stack_file(tmp_path, entry("concert", second.pid)), (1, 1))
    after = values(source.fetch(NOW, soon()), "concert")
    assert after["container_processes"] == 1
    assert after["container_cpu_usage_seconds_total"] < before["container_cpu_usage_seconds_total"]


def test_memory_that_may_not_be_read_in_parts_is_read_whole(tmp_path: Path) -> None:
    from collector.process_tree import PAGE_BYTES, read_memory

    (tmp_path / "9").mkdir()
    (tmp_path / "9" / "statm").write_text("1000 300 100 1 0 200 0\n", encoding="ascii")
    found = read_memory(tmp_path, stat(9, 1, 0.0))
    assert found == Memory(300 * PAGE_BYTES, 200 * PAGE_BYTES)


def test_a_machine_without_proc_says_so(tmp_path: Path) -> None:
    file = stack_file(tmp_path, entry("concert", os.getpid()))
    error = failure(LocalProcessesSource(file, proc=tmp_path / "nothing"))
    assert "local processes need Linux" in error.text
