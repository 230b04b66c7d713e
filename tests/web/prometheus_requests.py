"""Requests to the HTTP API of Prometheus, good and bad."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tests.metrics.differential_queries import every_query
from tests.web.prometheus_samples import AT

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``form`` is sent as a body, ``query`` in the address."""

    path: str
    query: Pairs = ()
    method: str = "GET"
    form: Pairs | None = None
    headers: Pairs = ()


def requests() -> list[Request]:
    """All of them."""
    return [*_instant(), *_ranges(), *_series(), *_others(), *_transport()]


def _asked(path: str, *queries: dict[str, str]) -> list[Request]:
    return [Request(path, tuple(query.items())) for query in queries]


TIMES = (
    "", "0", "-1", "1e9", "1.79e9", "1790000000", "1790000000.5", "1790000000.0004", "1790000000.0005",
    "1790000000.9996", "+5", ".5", "5.", "0x10", "1_000", "NaN", "Inf", "-Inf", "1e300", "9223372036854775",
    "9223372036854776", "9223372036854775807", "9223372036854775808", "1e18", "now", " 5", "5 ", "１２",
    "1,5", "2026-09-21T13:33:20Z", "2026-09-21T13:33:20.5Z", "2026-09-21T13:33:20.123456789+02:00",
    "2026-09-21T13:33:20", "2026-09-21", "2026-9-21T13:33:20Z", "2026-09-21t13:33:20z",
    "2026-09-21 13:33:20Z", "2026-13-21T13:33:20Z", "2026-02-30T13:33:20Z", "2026-09-21T24:00:00Z",
    "2026-09-21T13:33:60Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2026-09-21T13:33:20.Z", "2026-09-21T13:33:20,5Z", "2026-09-21T13:33:20+0200",
    "2026-09-21T13:33:20+24:00", "2026-09-21T13:33:20+23:60", "-292273086-05-16T16:47:06Z",
    "292277025-08-18T07:12:54.999999999Z", "<script>", "\x00", "1970-01-01T00:00:00Z",
)  # fmt: skip
DURATIONS = (
    "", "0", "-1", "1", "1.5", "0.0001", "0.001", "15s", "1m30s", "1h", "1.5s", "1s1m", "1d", "1w", "1y",
    "500ms", "1e3", "1e-3", "NaN", "Inf", "-Inf", "1e300", "9223372036", "9223372037",
    "9223372036854775807", "292y", "293y", "300y", "99999999999999999999s", "5 s", " 5s", "s", "0s", "-5s",
    "+5", "+5s", "0x10", "1_0", "5M", "1µs", "1ns",
)  # fmt: skip
BY_CHANCE = ("0", "0.0001", "0.001", "1e-3")
"""Timeouts that an answer may come before or after."""
WHOLES = (
    "", "0", "1", "2", "-1", "+1", "1.0", "x", "1e3", "9223372036854775807", "9223372036854775808", " 1",
    "0x1", "99999999999999999999", "-9223372036854775809", "1_0",
)  # fmt: skip
QUERIES = (
    "",
    " ",
    f"temperature @ {AT}",
    "(" * 40 + "1" + ")" * 40,
    *Path(__file__).with_name("prometheus_queries.promql").read_text(encoding="utf-8").splitlines(),
)
SELECTORS = (
    "", "requests_total", "{}", "{job=\"odd\"}", "{job=~\"o.*\"}", "{job!=\"odd\"}", "{__name__=~\".+\"}",
    "up{", "1", "rate(a[5m])", "requests_total[5m]", "requests_total offset 5m", "{a=~\"[\"}",
    "(requests_total)", "nothing", "{__name__=\"told\",text=~\"<.*\"}", "{job=\"\"}", "\"a\"", "{\"a.b\"}",
    "requests_total @ 5",
)  # fmt: skip


def _instant() -> list[Request]:
    at = {"time": str(AT)}
    return [
        *_asked("/query", {}, at, {"query": "1"} | at | {"timeout": "5s", "unknown": "x"}),
        *_asked("/query", *({"query": query} | at for query in QUERIES)),
        *_asked("/query", *({"query": "time()", "time": time} for time in TIMES if time)),
        *_asked(
            "/query", *({"query": "1", "timeout": each} | at for each in DURATIONS if each not in BY_CHANCE)
        ),
        *_asked("/query", *({"query": "temperature", "limit": each} | at for each in WHOLES)),
        *_asked("/query", *({"query": "temperature[1m]", "limit": each} | at for each in ("1", "2", "9"))),
        *_asked("/query", {"query": "1", "limit": "1"} | at, {"query": '"a"', "limit": "1"} | at),
        *_asked(
            "/query",
            *(
                {"query": "sum(temperature offset 2m)", "lookback_delta": each} | at
                for each in ("1", "10s", "30s", "0", "-1", "x", "", "1e300", "5m")
            ),
        ),
        *_asked(
            "/query",
            {"query": "up +", "time": "x", "limit": "x", "timeout": "x"},
            {"query": "up +", "limit": "-1"},
            {"query": "up +", "timeout": "x", "time": "4"},
            {"query": "up +", "lookback_delta": "x", "time": "4"},
        ),
    ]


def _ranges() -> list[Request]:
    span = {"start": str(AT - 120), "end": str(AT), "step": "30"}
    return [
        *_asked(
            "/query_range",
            {},
            span,
            {"query": "1"},
            {"query": "1", "start": "0"},
            {"query": "1", "start": "0", "end": "1"},
        ),
        *_asked("/query_range", *({"query": query} | span for query in QUERIES)),
        *_asked(
            "/query_range",
            *({"query": "time()", "start": each, "end": str(AT), "step": "1e8"} for each in TIMES),
        ),
        *_asked(
            "/query_range", *({"query": "time()", "start": "0", "end": each, "step": "1e9"} for each in TIMES)
        ),
        *_asked(
            "/query_range",
            *({"query": "time()", "start": "0", "end": "1", "step": each} for each in DURATIONS),
        ),
        *_asked(
            "/query_range",
            *({"query": "1"} | span | {"timeout": each} for each in ("x", "-1", "5s", "1e300")),
        ),
        *_asked("/query_range", *({"query": "temperature"} | span | {"limit": each} for each in WHOLES)),
        *_asked(
            "/query_range",
            {"query": "1", "start": "0", "end": "11000", "step": "1"},
            {"query": "1", "start": "0", "end": "11000.5", "step": "1"},
            {"query": "1", "start": "0", "end": "11001", "step": "1"},
            {"query": "1", "start": "0", "end": "11", "step": "1ms"},
            {"query": "time()", "start": "0.5", "end": "10.25", "step": "2.5"},
            {"query": "time()", "start": "0.0004", "end": "0.0029", "step": "0.0011"},
            {"query": "temperature", "start": str(AT), "end": str(AT), "step": "1"},
            {"query": "up +", "start": "5", "end": "1", "step": "0"},
            {"query": "up +", "start": "0", "end": "1", "step": "0"},
            {"query": "up +", "start": "0", "end": "1e9", "step": "1"},
            {"query": "sum(temperature offset 2m)", "lookback_delta": "10s"} | span,
        ),
    ]


def _series() -> list[Request]:
    span = (("start", str(AT - 300)), ("end", str(AT)))
    found = [
        Request(path, (("match[]", each), *span))
        for path, each in product(("/series", "/labels", "/label/job/values"), SELECTORS)
    ]
    for path, two in product(
        ("/series", "/labels", "/label/instance/values"),
        (("temperature", "told"), ("temperature", ""), ("temperature", "up{"), ("temperature", "{}")),
    ):
        found.append(Request(path, (*(("match[]", each) for each in two), *span)))
    for path, times in product(
        ("/series", "/labels", "/label/job/values"),
        (span, (), span[:1], span[1:], (span[1], ("start", str(AT + 9)))),
    ):
        found.append(Request(path, (("match[]", '{job=~".+"}'), *times)))
        found.append(Request(path, times))
    for path, name, each in product(
        ("/series", "/labels", "/label/job/values"), ("start", "end"), ("x", "NaN", "1e300", "0")
    ):
        found.append(Request(path, (("match[]", "temperature"), (name, each))))
    for path, each in product(("/series", "/labels", "/label/instance/values"), WHOLES):
        found.append(Request(path, (("match[]", "temperature"), ("limit", each), *span)))
    far = (("start", str(AT + 86400)), ("end", str(AT + 90000)))
    found += [
        Request(path, (("match[]", "temperature"), *far))
        for path in ("/series", "/labels", "/label/job/values")
    ]
    found += [Request(path, far) for path in ("/labels", "/label/job/values")]
    for name in (
        "job",
        "__name__",
        "nothing",
        "le",
        "1a",
        "a-b",
        "a.b",
        "%C3%A4",
        "%20",
        "U__job",
        "U__a_2e_b",
        "U__a__b",
        "U__",
        "U___",
        "U__a_zz_",
        "U__a_2e",
        "U__a_110000_",
        "U__a_d800_",
        "a%2Fb",
        "%FF",
        "U__%C3%A4",
    ):
        found.append(Request(f"/label/{name}/values", span))
    return found


def _others() -> list[Request]:
    return [
        *_asked(
            "/query_exemplars",
            {},
            {"query": "test", "start": f"{AT}000", "end": f"{AT}999"},
            {"query": "test"},
            {"query": "test", "start": "5", "end": "4"},
            {"query": "up +", "start": "4", "end": "5"},
            {"query": "", "start": "4", "end": "5"},
            {"query": "1", "start": "4", "end": "5"},
        ),
        *_asked("/format_query", {}, *({"query": query} for query in QUERIES)),
        *_asked(
            "/metadata",
            {},
            {"limit": "x"},
            {"limit": "-1"},
            {"limit": "1"},
            {"limit_per_metric": "x"},
            {"limit_per_metric": "1"},
            {"metric": "nothing"},
            {"limit": "9223372036854775808"},
        ),
        *_asked(
            "/rules",
            {},
            {"type": "alert"},
            {"type": "record"},
            {"type": "x"},
            {"exclude_alerts": "true"},
            {"exclude_alerts": "x"},
            {"rule_name[]": "x"},
            {"match[]": "x"},
            {"match[]": "up{"},
            {"match[]": "{}"},
            {"group_limit": "1"},
            {"group_limit": "x"},
            {"group_limit": "0"},
            {"group_next_token": "x"},
            {"group_limit": "1", "group_next_token": "x"},
            {"type": "ALERT"},
        ),
        *_asked("/alerts", {}),
        *_asked(
            "/targets",
            {},
            {"state": "active"},
            {"state": "dropped"},
            {"state": "any"},
            {"state": "x"},
            {"scrapePool": "x"},
            {"state": "ACTIVE"},
        ),
        *_asked("/status/buildinfo", {}),
        *_asked("/parse_query", {}, *({"query": query} for query in (*QUERIES, *every_query()))),
    ]


def _transport() -> list[Request]:
    form = (("query", "time()"), ("time", "4"))
    span = (("query", "time()"), ("start", "4"), ("end", "9"), ("step", "5"))
    matching = (("match[]", "temperature"), ("start", str(AT - 300)), ("end", str(AT)))
    posted = [
        Request("/query", (), "POST", form),
        Request("/query_range", (), "POST", span),
        Request("/series", (), "POST", matching),
        Request("/labels", (), "POST", matching),
        Request("/query", form, "POST"),
        Request("/query", (("query", "1"),), "POST", form),
        Request("/query", form, "POST", (("time", "9"),)),
        Request("/series", (("match[]", "told"),), "POST", matching),
        Request("/format_query", (), "POST", form),
        Request("/query_exemplars", (), "POST", span),
        Request("/query", (), "POST", ()),
        Request("/label/job/values", (), "POST", matching),
        Request("/metadata", (), "POST", ()),
        Request("/rules", (), "POST", ()),
        Request("/alerts", (), "POST", ()),
        Request("/targets", (), "POST", ()),
        Request("/status/buildinfo", (), "POST", ()),
    ]
    others = [Request("/query", form, method) for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")]
    unknown = [
        Request(path)
        for path in (
            "/nothing",
            "/",
            "/query/",
            "/rules/test/test",
            "/label//values",
            "/label/job",
            "/label/a/b/values",
        )
    ]
    return [*posted, *others, *unknown]
