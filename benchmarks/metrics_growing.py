"""Lines `growth` and `churn`: more series, and series that come and go."""

import time

from benchmarks.metrics_figures import Figure, alone
from benchmarks.metrics_run import SERIES, SETTLE_SECONDS, Run, watched
from benchmarks.metrics_servers import OURS, PROMETHEUS, servers, targets

SIZES = (1_000, 10_000, 100_000)
GROWTH_AIM = 1.2
CHURN_AIM = 1.1
CHURN_KEEP_MINUTES = 1


def grown(run: Run) -> list[Figure]:
    """Processor time for one more sample, at each size; a process without targets is taken off."""
    seconds = 15.0 if run.quick else 30.0
    idle = _core_percent(0, seconds)
    per_sample = []
    for size in SIZES:
        run.say(f"growth: {size:,} series for {seconds:g} s")
        per_sample.append((_core_percent(size, seconds) - idle) * 1e4 / size)
    ratio = max(per_sample[1:]) / per_sample[0]
    told = ", ".join(f"{size:,}: {cost:.2f} µs" for size, cost in zip(SIZES, per_sample, strict=True))
    note = f"{told}; {idle:.1f} % of a core without targets is not in it; targets of {SERIES:,} series"
    return [alone("cost per sample at 100,000 series to 1,000", "times", ratio, GROWTH_AIM, note)]


def _core_percent(size: int, seconds: float) -> float:
    with targets("mix", size // SERIES, SERIES) as site, servers((OURS,), site) as found:
        time.sleep(SETTLE_SECONDS)
        return watched(found, site, seconds)[OURS].core_percent


def churned(run: Run) -> list[Figure]:
    """Memory while 100 series a second come and go, once as much is forgotten as comes."""
    minutes = 4.0 if run.quick else max(run.minutes, 6.0)
    run.say(f"churn: 100 new series a second for {minutes:g} minutes, {CHURN_KEEP_MINUTES} minute kept")
    keep = f"{CHURN_KEEP_MINUTES}m"
    with targets("churn", 1, 0) as site, servers((OURS, PROMETHEUS), site, keep=keep) as found:
        readings = []
        for _ in range(int(minutes * 6)):
            time.sleep(10.0)
            readings.append({name: server.memory() for name, server in found.items()})
        count = len(found[OURS].ask("/api/v1/series", {"match[]": "session_bytes"}))
    half = readings[len(readings) // 2 - 1]
    last = readings[-1]
    peer = (
        f"; {PROMETHEUS} {half[PROMETHEUS]:.0f} then {last[PROMETHEUS]:.0f} MB" if PROMETHEUS in last else ""
    )
    note = f"{half[OURS]:.0f} MB at half time, {last[OURS]:.0f} MB at the end with {count:,} series{peer}"
    return [alone("memory under churn, end to half time", "times", last[OURS] / half[OURS], CHURN_AIM, note)]
