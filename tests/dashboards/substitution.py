"""What Grafana puts in place of its variables before it asks a data source."""

import re


def substituted(
    expr: str, range_seconds: float, *, interval: float = 5.0, scrape_interval: float = 5.0
) -> str:
    """``$__rate_interval`` is the longer of interval + scrape interval and four scrape intervals."""
    values = {
        "__rate_interval": seconds(max(interval + scrape_interval, 4 * scrape_interval)),
        "__interval": seconds(interval),
        "__range": seconds(range_seconds),
        "__range_s": f"{range_seconds:.0f}",
        "interval": seconds(interval),
    }
    return re.sub(
        r"\$(?:\{(\w+)\}|(\w+))",
        lambda found: values.get(found[1] or found[2], found[0]),
        expr,
    )


def seconds(value: float) -> str:
    return f"{value:.0f}s"
