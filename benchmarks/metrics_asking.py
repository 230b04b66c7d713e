"""Lines `query`, `range` and `rules`: 20,000 buckets, a sample a second, asked over HTTP and by rules."""

import json
import time
from collections.abc import Mapping

from benchmarks.metrics_figures import Figure, alone, beside, missing
from benchmarks.metrics_run import SERIES, SETTLE_SECONDS, TARGETS, Cost, Run, watched
from benchmarks.metrics_servers import OURS, PROMETHEUS, Server, servers, targets

QUERY = "sum by (le) (rate(request_seconds_bucket[1m]))"
QUERY_AIM, RANGE_AIM, RULES_AIM = 0.1, 0.2, 30.0
WINDOW_SECONDS, STEP_SECONDS, SPAN_SECONDS = 75.0, 15, 3600
RULES, EACH_SECONDS = 1000, 5


def asked(run: Run) -> list[Figure]:
    """The instant query and the range query."""
    run.say(f"asking {TARGETS * SERIES:,} buckets after {run.minutes:g} minutes")
    with targets("buckets", TARGETS, SERIES) as site, servers((OURS, PROMETHEUS), site) as found:
        time.sleep(60.0 * run.minutes)
        if PROMETHEUS not in found:
            return [missing("queries", "there is no Prometheus to compare with (make test-deps)")]
        at = time.time() - 2.0  # noqa: TID251 - a benchmark has no other clock
        figures = []
        if "query" in run.lines:
            parameters = {"query": QUERY, "time": f"{at:.3f}"}
            fastest = _fastest(found, "/api/v1/query", parameters, 15)
            figures.append(_figure("sum by (le) (rate(x[1m])), instant", fastest, QUERY_AIM))
        if "range" in run.lines:
            figures.append(_over_range(found, at, run.minutes))
    return figures


def _over_range(found: Mapping[str, Server], at: float, minutes: float) -> Figure:
    """As many steps as an hour by 15 s has, over what there is of the hour."""
    span = min(SPAN_SECONDS, 60.0 * minutes - WINDOW_SECONDS)
    step = span * STEP_SECONDS / SPAN_SECONDS
    times = {"start": f"{at - span:.3f}", "end": f"{at:.3f}", "step": f"{step:.3f}"}
    fastest = _fastest(found, "/api/v1/query_range", {"query": QUERY, **times}, 4)
    short = f"as many steps, {step:.3g} s apart: there are {minutes:g} minutes of samples (--minutes 62)"
    return _figure("the same over 1 h by 15 s", fastest, RANGE_AIM, short if span < SPAN_SECONDS else "")


def _fastest(
    found: Mapping[str, Server], path: str, parameters: Mapping[str, str], times: int
) -> dict[str, float]:
    """Milliseconds of the fastest of some turns, the servers taking turns."""
    fastest = dict.fromkeys(found, float("inf"))
    answers = {}
    for _ in range(times):
        for name, server in found.items():
            began = time.perf_counter()
            body = server.raw(path, parameters)
            fastest[name] = min(fastest[name], 1000.0 * (time.perf_counter() - began))
            answers[name] = json.loads(body)
    _refuse_difference(answers, path)
    return fastest


def _refuse_difference(answers: Mapping[str, dict[str, object]], path: str) -> None:
    """Speed counts only for an answer that is one: as many series as the other's."""
    sizes = {}
    for name, answer in answers.items():
        data = answer.get("data")
        if not isinstance(data, dict):
            raise SystemExit(f"{name}: {path}: {str(answer)[:300]}")
        sizes[name] = len(data["result"])
    if len(set(sizes.values())) != 1 or not all(sizes.values()):
        raise SystemExit(f"{path}: the answers differ, series: {sizes}")


def _figure(what: str, fastest: Mapping[str, float], aim: float, note: str = "") -> Figure:
    return beside(what, "ms", fastest[OURS], (PROMETHEUS, fastest[PROMETHEUS]), aim=aim, note=note)


def ruled(run: Run) -> list[Figure]:
    """What 1,000 rules add to taking the samples alone."""
    seconds = 30.0 if run.quick else 60.0
    run.say(f"{RULES:,} rules every {EACH_SECONDS} s, then none, {seconds:g} s each")
    with_rules, without = _spent(rules_text(), seconds), _spent(None, seconds)
    added = {name: cost.core_percent - without[name].core_percent for name, cost in with_rules.items()}
    whole = with_rules[OURS].core_percent
    note = f"the whole process {whole:.1f} %, without rules {without[OURS].core_percent:.1f} %"
    figures = [alone(f"{RULES:,} rules every {EACH_SECONDS} s", "% of a core", added[OURS], RULES_AIM, note)]
    if PROMETHEUS in added:
        peer = (PROMETHEUS, added[PROMETHEUS])
        figures.append(Figure("the same beside Prometheus", "% of a core", added[OURS], peer=peer))
    return figures


def _spent(rules: str | None, seconds: float) -> dict[str, Cost]:
    with targets("buckets", TARGETS, SERIES) as site, servers((OURS, PROMETHEUS), site, rules) as found:
        time.sleep(WINDOW_SECONDS if rules else SETTLE_SECONDS)
        costs = watched(found, site, seconds)
        if rules:
            _refuse_silence(found)
        return costs


def _refuse_silence(found: Mapping[str, Server]) -> None:
    for name, server in found.items():
        groups = server.ask("/api/v1/rules", {})["groups"]
        healths = [rule["health"] for group in groups for rule in group["rules"]]
        if len(healths) != RULES or set(healths) != {"ok"}:
            raise SystemExit(f"{name}: {len(healths)} rules, health {sorted(set(healths))}")


def rules_text() -> str:
    """One rule for each call of each target: 20 series each, so that all rules together read every series."""
    groups = []
    for target in range(TARGETS):
        rules = []
        for call in range(RULES // TARGETS):
            chosen = f'request_seconds_bucket{{job="t{target}",handler="/api/v1/h{call}"}}'
            summed = f"sum by (le) (rate({chosen}[1m]))"
            expr = f"histogram_quantile(0.99, {summed}) > 1000" if call % 2 else f"{summed} > 1e9"
            rules.append({"alert": f"Slow{target}x{call}", "expr": expr, "for": "10s"})
        groups.append({"name": f"t{target}", "interval": f"{EACH_SECONDS}s", "rules": rules})
    return json.dumps({"groups": groups}, indent=1)
