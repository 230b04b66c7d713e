"""Lines `disk` and `restart`: what samples cost on disk, and how long a start takes after a day of them."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.metrics_figures import Figure, alone, beside, missing
from benchmarks.metrics_run import SERIES, TARGETS, Run
from benchmarks.metrics_servers import (
    OURS,
    PROMETHEUS,
    ROOT,
    SHOWCALL,
    Server,
    promtool_binary,
    running,
    targets,
)
from benchmarks.metrics_targets import Family, families
from collector.exposition_numbers import canonical_bound
from metrics import Store
from metrics.disk.shelf import Shelf
from metrics.values import Batch, Labels, labels_of

BLOCK_SECONDS = 900
DAY_BLOCKS = 96
DISK_AIM, RESTART_AIM = 1.3, 3.0
STORE_FOLDER = "metrics"


def kept(run: Run) -> list[Figure]:
    """Bytes per sample of a sealed block, the index in it counted."""
    run.say(f"disk: {SERIES:,} series for {BLOCK_SECONDS} s, sealed")
    made = list(drawn(families("mix", SERIES, 1), BLOCK_SECONDS))
    with tempfile.TemporaryDirectory(prefix="showcall-disk-") as name:
        ours = _ours(Path(name) / "ours", made)
        theirs = _theirs(Path(name), made)
    what = "bytes per sample on disk, realistic mix"
    figures = [alone(what, "bytes", ours, DISK_AIM, "a sealed block of 15 minutes with its index")]
    if theirs is not None:
        chunks, whole = theirs
        note = f"a block of the same samples by promtool; without its index {chunks:.2f}"
        figures.append(beside(f"{what} beside", "bytes", ours, (PROMETHEUS, whole), aim=1.0, note=note))
    return figures


def drawn(found: list[Family], seconds: int) -> Iterator[list[float]]:
    for _ in range(seconds):
        yield [value for family in found for value in family.draw()]


def _heads(target: int = 1) -> list[str]:
    return [head for family in families("mix", SERIES, target) for head in family.heads]


def sets_of(target: int, port: int = 1) -> tuple[Labels, ...]:
    sets, instance = [], f"127.0.0.1:{port}"
    for head in _heads(target):
        name, _, rest = head.removesuffix("}").partition("{")
        pairs = dict(pair.split("=", 1) for pair in rest.split(",") if pair)
        own = {key: value.strip('"') for key, value in pairs.items()}
        if "le" in own:
            own["le"] = canonical_bound(own["le"])
        sets.append(labels_of({"__name__": name, "job": f"t{target}", "instance": instance, **own}))
    return tuple(sets)


def _ours(folder: Path, made: list[list[float]]) -> float:
    begin = 1_800_000_000.0 - 1_800_000_000.0 % BLOCK_SECONDS
    store = Store(shelf=_shelf(folder))
    labels = sets_of(1)
    for second, values in enumerate(made):
        store.append(Batch("t1", begin + second, labels, np.array(values)))
    store.append(Batch("t1", begin + 2 * BLOCK_SECONDS, labels, np.array(made[-1])))
    store.keep()
    sealed = sum(path.stat().st_size for path in folder.rglob("*.block"))
    return sealed / (len(made) * len(labels))


def _shelf(folder: Path) -> Shelf:
    folder.mkdir(parents=True, exist_ok=True)
    return Shelf(folder)


def _theirs(folder: Path, made: list[list[float]]) -> tuple[float, float] | None:
    """Bytes per sample without and with the index; None without promtool."""
    promtool = promtool_binary()
    if promtool is None:
        return None
    begin, heads = 1_799_999_100, _heads()
    with (folder / "page").open("w") as page:
        for second, values in enumerate(made):
            at = begin + second
            page.writelines(f"{head} {value!r} {at}\n" for head, value in zip(heads, values, strict=True))
        page.write("# EOF\n")
    data = folder / "data"
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(folder / "page"), str(data)]
    subprocess.run(command, check=True, capture_output=True)
    samples = sum(json.loads(path.read_text())["stats"]["numSamples"] for path in data.rglob("meta.json"))
    chunks = sum(path.stat().st_size for path in data.glob("*/chunks/*"))
    index = sum(path.stat().st_size for path in data.glob("*/index"))
    return chunks / samples, (chunks + index) / samples


def restarted(run: Run) -> list[Figure]:
    """From the start of the process to its first evaluation."""
    days = 10 if run.quick else DAY_BLOCKS
    hours = days / 4
    run.say(f"restart: writing {hours:g} h of {SERIES:,} series, and {TARGETS * SERIES:,} for 15 minutes")
    what = "restart to first evaluation with 24 h of data"
    with targets("mix", TARGETS, SERIES) as site:
        began = 0.0

        def prepared(folder: Path) -> None:
            nonlocal began
            _started_before(folder)
            _day(folder / "data" / STORE_FOLDER, days, site.port)
            began = time.monotonic()

        with running(OURS, site, None, "15m", prepared) as server:
            seconds = _first_evaluation(server, began)
            first = _oldest(server)
    if first is None:
        return [missing(what, "the store did not find its files again")]
    note = (
        f"{hours:g} h of {SERIES:,} series, {TARGETS * SERIES:,} in the last 15 minutes; interpreter included"
    )
    return [alone(what, "s", seconds, RESTART_AIM, note)]


def _started_before(folder: Path) -> None:
    """A start that is not the first finds its database, and its modules compiled."""
    command = [*SHOWCALL, "sign-in", "benchmark", "--config", str(folder / "config.yaml")]
    environment = {**os.environ, "URLLIB3_NO_OVERRIDE": "1", "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=ROOT)


def _day(folder: Path, blocks: int, port: int) -> None:
    """What was there before the start: the series are those that the targets go on with."""
    now = time.time()  # noqa: TID251 - a benchmark has no other clock
    end = now - 20.0
    store = Store(shelf=_shelf(folder), keep=900.0)
    made = [np.array(values) for values in drawn(families("mix", SERIES, 0), 2 * BLOCK_SECONDS)]
    sets = [sets_of(target, port) for target in range(TARGETS)]
    begin = end - blocks * BLOCK_SECONDS
    for second in range(blocks * BLOCK_SECONDS):
        values = made[second % len(made)]
        late = second >= (blocks - 1) * BLOCK_SECONDS
        for target in range(TARGETS if late else 1):
            store.append(Batch(f"t{target}", begin + second, sets[target], values))
        if second % 60 == 0:
            store.keep()
    store.keep()


def _first_evaluation(server: Server, began: float) -> float:
    wanted = b'showcall_loop_turns_total{loop="evaluation"}'
    while time.monotonic() - began < 120.0:
        for line in server.raw("/metrics", {}).splitlines():
            if line.startswith(wanted) and float(line.split()[-1]) >= 1.0:
                return time.monotonic() - began
        time.sleep(0.02)
    raise SystemExit("no evaluation within 120 s of the start")


def _oldest(server: Server) -> object:
    """A value from more than an hour ago, if it is still known."""
    found = server.ask("/api/v1/query", {"query": "count(part_level offset 65m)"})["result"]
    return found[0]["value"] if found else None
