"""Random queries over the samples of ``differential_series``.

Only what rounding cannot tip over: nothing compares, ranks, counts or subtracts values that two engines may
have added up in another order.
"""

from hypothesis import strategies as st

from tests.metrics.differential_series import BEGIN_MS

Text = st.SearchStrategy[str]

_DURATIONS = st.sampled_from(["16s", "31s", "1m", "90s", "2m", "5m", "7m30s", "15m", "1h"])
_OFFSETS = st.one_of(st.just(""), st.sampled_from([" offset 1m", " offset -2m", " offset 7m", " offset 31s"]))
_TIMES = st.one_of(
    st.just(""),
    st.integers(60, 3_500).map(lambda after: f" @ {BEGIN_MS // 1000 + after}.011"),
    st.sampled_from([" @ start()", " @ end()"]),
)
_NUMBERS = st.sampled_from(["2", "0.5", "-3", "1e6", "0x10", "100", "1.75"])
_GROUPINGS = st.sampled_from(
    ["", " by (job)", " by (instance)", " without (instance)", " by (job, instance)", " without (job, code)"]
)
_MATCHERS = st.sampled_from(
    ["", '{job="api"}', '{job!="api"}', '{instance=~"[ab]:1"}', '{instance!~"a:1|c:1",job="web"}']
)
_GAUGES = st.sampled_from(["memory_bytes", "http_requests_total", "build_info", "latency_seconds_count"])
_COUNTERS = st.sampled_from(["http_requests_total", "latency_seconds_bucket", "latency_seconds_count"])


def selectors(names: Text = _GAUGES) -> Text:
    """Instant selectors with matchers, offset and ``@``."""
    return st.builds("{}{}{}{}".format, names, _MATCHERS, _TIMES, _OFFSETS)


def ranges(names: Text = _GAUGES) -> Text:
    """Range selectors."""
    return st.builds("{}{}[{}]{}{}".format, names, _MATCHERS, _DURATIONS, _TIMES, _OFFSETS)


def _over_time() -> Text:
    counted = st.sampled_from(["rate", "increase", "irate", "resets", "changes"])
    summed = st.sampled_from(
        ["avg", "sum", "min", "max", "count", "last", "present", "stddev", "stdvar"]
    ).map("{}_over_time".format)
    trend = st.sampled_from(["delta", "idelta", "deriv"])
    return st.one_of(
        st.builds("{}({})".format, counted, ranges(_COUNTERS)),
        st.builds("{}({})".format, st.one_of(summed, trend), ranges()),
        st.builds("quantile_over_time({}, {})".format, st.sampled_from(["0", "0.3", "0.99", "1"]), ranges()),
        st.builds("predict_linear({}, {})".format, ranges(), st.sampled_from(["60", "-600", "3600"])),
    )


def _of_selectors() -> Text:
    """What compares, ranks, subtracts or matches, over stored values only."""
    comparison = st.sampled_from(["==", "!=", ">", "<", ">=", "<=", "> bool", "== bool", "-", "%", "atan2"])
    sets = st.sampled_from(["and", "or", "unless"])
    matching = st.sampled_from(["", " on (job, instance)", " ignoring (code, version)", " on (instance)"])
    return st.one_of(
        st.builds("{} {} {}".format, selectors(), comparison, st.one_of(_NUMBERS, selectors())),
        st.builds("{} {}{} {}".format, selectors(), sets, matching, selectors()),
        st.builds("{} {}{} {}".format, selectors(), comparison, matching, selectors()),
        st.builds("{}{}({}, {})".format, st.sampled_from(["topk", "bottomk"]), _GROUPINGS,
                  st.sampled_from(["1", "2", "5"]), selectors(st.just("memory_bytes"))),
        st.builds('count_values{}("v", build_info{})'.format, _GROUPINGS, _OFFSETS),
        st.builds("{}{}({})".format, st.sampled_from(["stddev", "stdvar"]), _GROUPINGS, selectors()),
        st.builds("{}({})".format, st.sampled_from(["absent", "timestamp", "abs", "ceil", "floor", "sgn"]),
                  selectors()),
    )  # fmt: skip


def _larger(vectors: Text) -> Text:
    aggregation = st.sampled_from(["sum", "avg", "min", "max", "count", "group"])
    function = st.sampled_from(["abs", "sqrt", "sort", "-", "deg"])
    summed = st.sampled_from(["avg_over_time", "sum_over_time", "max_over_time", "min_over_time"])
    steps = st.sampled_from(["[5m:1m]", "[3m:17s]", "[10m:]", "[2m:30s] offset 1m", "[4m:1m] @ end()"])
    return st.one_of(
        st.builds("{}{} ({})".format, aggregation, _GROUPINGS, vectors),
        st.builds("quantile{} (0.4, {})".format, _GROUPINGS, vectors),
        st.builds("{}({})".format, function, vectors),
        st.builds("({}) {} {}".format, vectors, st.sampled_from(["+", "*", "/"]), _NUMBERS),
        st.builds("{} {} ({})".format, _NUMBERS, st.sampled_from(["+", "*", "/"]), vectors),
        st.builds("({}) {} ({})".format, vectors, st.sampled_from(["+", "*", "/", "or"]), vectors),
        st.builds("({}) * on (job, instance) group_left ({})".format, vectors, vectors),
        st.builds("({}) * on (job, instance) group_left (version) build_info".format, vectors),
        st.builds("{}(({}){})".format, summed, vectors, steps),
        st.builds('label_replace({}, "where", "$1", "instance", "(.):.*")'.format, vectors),
        st.builds('label_join({}, "both", "-", "job", "instance")'.format, vectors),
        st.builds("scalar({}) + {}".format, vectors, vectors.map("({})".format)),
    )  # fmt: skip


def queries() -> Text:
    """Vectors of any depth, and quantiles of histograms."""
    leaves = st.one_of(selectors(), _over_time(), _of_selectors())
    quantiles = st.builds(
        "histogram_quantile({}, sum by (le{}) (rate(latency_seconds_bucket[{}])))".format,
        st.sampled_from(["0", "0.5", "0.9", "1", "1.5"]),
        st.sampled_from(["", ", job", ", instance"]),
        _DURATIONS,
    )
    return st.one_of(st.recursive(leaves, _larger, max_leaves=4), quantiles)
