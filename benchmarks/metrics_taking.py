"""Lines `cpu` and `memory`: a realistic mix is taken for some minutes by all three servers at once."""

from benchmarks.metrics_figures import Figure, beside
from benchmarks.metrics_run import SERIES, SETTLE_SECONDS, TARGETS, Run, watched
from benchmarks.metrics_servers import OURS, PROMETHEUS, VICTORIA, servers, targets

CPU_AIMS = {PROMETHEUS: 0.4, VICTORIA: 0.5}
MEMORY_AIM = 1.5


def taken(run: Run) -> list[Figure]:
    """Processor time per sample, then resident memory at the end."""
    run.say(f"taking {TARGETS} targets of {SERIES:,} series each second for {run.minutes:g} minutes")
    with targets("mix", TARGETS, SERIES) as site, servers((OURS, PROMETHEUS, VICTORIA), site) as found:
        watched(found, site, SETTLE_SECONDS)
        costs = watched(found, site, max(60.0 * run.minutes - SETTLE_SECONDS, 20.0))
        memory = {name: server.memory() for name, server in found.items()}
    cpu = [
        beside(
            "CPU per scraped and stored sample",
            "µs",
            costs[OURS].per_sample,
            (peer, costs[peer].per_sample),
            aim=aim,
            note=f"{costs[OURS].core_percent:.1f} % of a core, {peer} {costs[peer].core_percent:.1f} %; "
            f"{costs[OURS].samples:,} samples, {peer} {costs[peer].samples:,}",
        )
        for peer, aim in CPU_AIMS.items()
        if peer in found
    ]
    held = [
        beside(
            f"resident memory, 20,000 series, after {run.minutes:g} min",
            "MB",
            memory[OURS],
            (peer, memory[peer]),
            aim=MEMORY_AIM,
        )
        for peer in (PROMETHEUS,)
        if peer in found
    ]
    return (cpu if "cpu" in run.lines else []) + (held if "memory" in run.lines else [])
