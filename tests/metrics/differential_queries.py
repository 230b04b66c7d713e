"""Queries that two engines are asked: all of the language over the samples of ``differential_series``."""

from itertools import product
from pathlib import Path

_FILE = Path(__file__).with_suffix(".promql")
_RANGES, _NEW = "range selectors", "not as in 2.42"

_OVER_RANGES = (
    "rate increase delta irate idelta changes resets deriv avg_over_time sum_over_time min_over_time "
    "max_over_time count_over_time last_over_time stddev_over_time stdvar_over_time present_over_time "
    "absent_over_time"
)
_OF_ONE_NUMBER = (
    "abs ceil floor exp ln log2 log10 sqrt sgn sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh "
    "deg rad round timestamp absent sort sort_desc - +"
)
_DATES = "minute hour day_of_week day_of_month day_of_year days_in_month month year"
_VECTORS = ("memory_bytes", "angle", "odd", "date_seconds", "queue_depth", "nothing", "queue_depth / 0")
_AGGREGATIONS = "sum avg min max count group stddev stdvar"
_GROUPINGS = ("", " by (job)", " without (instance)", " by (job, code)", " by ()", " by (nothing)")
_OPERATORS = "+ - * / % ^ == != > < >= <="
_SIDES = (
    ("memory_bytes", "3e8"),
    ("-2", "angle"),
    ("odd", "odd"),
    ("angle", "angle offset 1m"),
    ("odd", "2"),
    ("NaN", "odd"),
    ("sum by (job) (memory_bytes)", "limit_bytes * 3"),
)


def every_query() -> tuple[str, ...]:
    """What any Prometheus answers in the same way."""
    written = _written()
    found = [query for heading, queries in written.items() if heading != _NEW for query in queries]
    found += [f"{each}({vectors})" for each, vectors in product(_OVER_RANGES.split(), written[_RANGES])]
    found += [f"{each}({vector})" for each, vector in product(_OF_ONE_NUMBER.split(), _VECTORS)]
    found += [f"{each}({vector})" for each, vector in product(_DATES.split(), ("angle", "date_seconds"))]
    found += [f"{left} {op} {right}" for op, (left, right) in product(_OPERATORS.split(), _SIDES)]
    for op, grouping in product(_AGGREGATIONS.split(), _GROUPINGS):
        found += [f"{op}{grouping} (memory_bytes)", f"{op}{grouping} (http_requests_total)"]
    return tuple(dict.fromkeys(found))


def new_in_3() -> tuple[str, ...]:
    """What 2.42 does not understand or answers otherwise."""
    found = _written()[_NEW]
    return (*found, *(f"{left} atan2 {right}" for left, right in _SIDES))


def _written() -> dict[str, list[str]]:
    """The queries of the file by their headings."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.removeprefix("# ")
        elif line:
            found.setdefault(heading, []).append(line)
    return found
