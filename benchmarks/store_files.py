"""What a sample costs to keep on disk: CPU in the append and on the store's thread, bytes, and the restart.

    python -m benchmarks.store_files [--seconds 1000] [--targets 20] [--series 1000] [--churn 0]

Simulated seconds of one look each at so many targets; a quarter of the series are counters that grow every
second, a quarter gauges, a quarter counters that grow every ten seconds, a quarter never change.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from metrics import Store
from metrics.disk.shelf import Shelf
from metrics.values import Batch, Labels, labels_of

BEGIN = 1_700_000_100.0


def batches(seconds: int, targets: int, series: int, churn: int) -> Iterator[list[Batch]]:
    """A second's looks at a time."""
    random = np.random.default_rng(1)
    names = [tuple(labelled(target, number) for number in range(series)) for target in range(targets)]
    values = [np.zeros(series) for _ in range(targets)]
    quarter = series // 4
    grown = random.poisson(3, (60, quarter)).astype(float)
    gauges = np.round(random.normal(50, 5, (60, quarter)), 2)
    for second in range(seconds):
        made = []
        for target in range(targets):
            row = values[target] = values[target].copy()
            row[:quarter] += grown[(second + target) % 60]
            row[quarter : 2 * quarter] = gauges[(second * 7 + target) % 60]
            row[2 * quarter : 3 * quarter] += second % 10 == 0
            if churn and target == 0:
                fresh = tuple(labelled(-second, number) for number in range(churn))
                names[0] = (*names[0][: series - churn], *fresh)
            made.append(Batch(f"t{target}", BEGIN + second + target / 100, names[target], row))
        yield made


def labelled(target: int, number: int) -> Labels:
    return labels_of(
        {
            "__name__": f"metric_{number % 97}",
            "job": f"t{target}",
            "instance": "10.0.0.1:8080",
            "n": str(number),
        }
    )


def live(store: Store, options: argparse.Namespace, title: str) -> None:
    append = keep = longest = 0.0
    for made in batches(options.seconds, options.targets, options.series, options.churn):
        begin = time.thread_time()
        for batch in made:
            store.append(batch)
        between, wall = time.thread_time(), time.perf_counter()
        store.keep()
        append, keep = append + between - begin, keep + time.thread_time() - between
        longest = max(longest, time.perf_counter() - wall)
    samples = options.seconds * options.targets * options.series
    print(
        f"{title:<8} append {append / samples * 1e6:.3f} us a sample, "
        f"store's thread {keep / samples * 1e6:.3f}, "
        f"longest turn {longest:.2f} s, {store.series_count} series, "
        f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB resident"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("seconds", 1000), ("targets", 20), ("series", 1000), ("churn", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    live(Store(keep=1800), options, "memory")
    with tempfile.TemporaryDirectory() as folder:
        live(Store(keep=1800, shelf=Shelf(Path(folder))), options, "disk")
        each = options.targets * options.series
        for ending, samples in (("block", each * 900), ("wal", each * options.seconds)):
            sizes = [path.stat().st_size for path in Path(folder).glob(f"*.{ending}")]
            if sizes:
                shown = sizes[0] if ending == "block" else sum(sizes)
                print(f"{ending:<8} {shown / samples:.3f} bytes a sample")
        wall, cpu = time.perf_counter(), time.process_time()
        shelf = Shelf(Path(folder))
        store = Store(keep=1800, shelf=shelf)
        print(
            f"restart  {time.perf_counter() - wall:.2f} s, {time.process_time() - cpu:.2f} s of CPU, "
            f"{shelf.rows_recalled} rows"
        )
        wall = time.perf_counter()
        store.query("sum(rate(metric_1[1m]))", BEGIN + options.seconds)
        print(f"query    {time.perf_counter() - wall:.3f} s, the first after it")


if __name__ == "__main__":
    main()
