"""The way of a visitor: waiting queue, concert service, connection pool."""

from dashboards.panels import Colour, Draw, Kind, Panel, Query, Row, State, Step, Unit

OBJECTIVE_SECONDS = 2.5
"""What 95 of 100 requests may take; the shipped rules judge by the same."""

RATE = "[$__rate_interval]"
API = 'uri=~"/api/.*"'
REQUESTS = f"http_server_requests_seconds_count{{{API}}}"
BUCKETS = f"http_server_requests_seconds_bucket{{{API}}}"

_TOO_SLOW = (Step(OBJECTIVE_SECONDS, Colour.RED),)
_BREAKER_STATES = {
    "closed": State("closed", Colour.GREEN),
    "half_open": State("half open", Colour.YELLOW),
    "open": State("open", Colour.RED),
    "forced_open": State("forced open", Colour.PURPLE),
    "disabled": State("disabled", Colour.ORANGE),
    "metrics_only": State("metrics only", Colour.BLUE),
}


def quantile(share: float, by: str = "le") -> str:
    """A quantile of the requests' durations."""
    return f"histogram_quantile({share:g}, sum by ({by}) (rate({BUCKETS}{RATE})))"


def per_second(metric: str, by: str = "") -> str:
    """The rate of a counter, summed."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{RATE}))"


def breaker_state() -> str:
    """One number per breaker: the place of its state in the list."""
    states = " or ".join(
        f'(resilience4j_circuitbreaker_state{{state="{state}"}} == 1) * {number}'
        for number, state in enumerate(_BREAKER_STATES, start=1)
    )
    return f"sum by (name) ({states})"


GLANCE = Row(
    "At a glance",
    height=4,
    panels=(
        Panel(
            "Alerts",
            "Alerts that fire now, without those that only inform.",
            (Query('count(ALERTS{alertstate="firing", severity!="info"}) or vector(0)', "firing"),),
            kind=Kind.NUMBER,
            width=4,
            steps=(Step(1, Colour.RED),),
        ),
        Panel(
            "Waiting users",
            "Users who have a token and are not let in yet.",
            (Query("sum(queue_waiting)", "waiting"),),
            kind=Kind.NUMBER,
            width=4,
            base=Colour.BLUE,
        ),
        Panel(
            "Active users",
            "Users who were let in and are not done.",
            (Query("sum(queue_active)", "active"),),
            kind=Kind.NUMBER,
            width=4,
            base=Colour.BLUE,
        ),
        Panel(
            "95 % of requests within",
            f"p95 of all API requests; the objective is {OBJECTIVE_SECONDS:g} s.",
            (Query(quantile(0.95), "p95"),),
            Unit.SECONDS,
            Kind.NUMBER,
            width=4,
            decimals=2,
            steps=_TOO_SLOW,
        ),
        Panel(
            "Waiting for a connection",
            "Requests that wait for a database connection.",
            (Query("sum(hikaricp_connections_pending)", "pending"),),
            kind=Kind.NUMBER,
            width=4,
            steps=(Step(1, Colour.YELLOW), Step(10, Colour.RED)),
        ),
        Panel(
            "Pool timeouts",
            "Requests that got no connection at all, over the time shown.",
            (Query("sum(increase(hikaricp_connections_timeout_total[$__range]))", "timeouts"),),
            kind=Kind.NUMBER,
            width=4,
            decimals=0,
            steps=(Step(0.5, Colour.RED),),
        ),
    ),
)

QUEUE = Row(
    "Waiting queue",
    (
        Panel(
            "Users",
            "Who waits, and who was let in and is not done.",
            (Query("sum(queue_waiting)", "waiting"), Query("sum(queue_active)", "active")),
            width=6,
        ),
        Panel(
            "Flow",
            "Tokens issued, users let in, and those who went away, were refused or put back.",
            (
                Query(per_second("queue_issued_total"), "issued"),
                Query(per_second("queue_admitted_total"), "admitted"),
                Query(per_second("queue_abandoned_total"), "abandoned"),
                Query(per_second("queue_rejected_total"), "rejected"),
                Query(per_second("queue_put_back_total"), "put back"),
            ),
            Unit.EVENTS_PER_SECOND,
            width=6,
        ),
        Panel(
            "Oldest wait",
            "How long the first in line has waited.",
            (Query("max(queue_oldest_wait_seconds)", "first in line"),),
            Unit.SECONDS,
            width=6,
        ),
        Panel(
            "Levers",
            "The cap on active users and the users let in per 10 s: what a runbook turns.",
            (
                Query("max(queue_active_cap)", "cap on active users"),
                Query("max(queue_admission_limit)", "admitted per 10 s at most"),
            ),
            width=6,
            draw=Draw.STEPS,
            logarithmic=True,
        ),
    ),
)

SERVICE = Row(
    "Concert service",
    (
        Panel(
            "Requests",
            "By endpoint.",
            (Query(per_second(REQUESTS, "uri"), "{{uri}}"),),
            Unit.REQUESTS_PER_SECOND,
        ),
        Panel(
            "Duration",
            f"Quantiles of all API requests; the dashed line is the objective, {OBJECTIVE_SECONDS:g} s.",
            tuple(Query(quantile(share), f"p{share * 100:g}") for share in (0.5, 0.9, 0.95)),
            Unit.SECONDS,
            steps=_TOO_SLOW,
        ),
        Panel(
            "Duration by endpoint",
            "p95 of each.",
            (Query(quantile(0.95, "uri, le"), "{{uri}}"),),
            Unit.SECONDS,
            steps=_TOO_SLOW,
        ),
        Panel(
            "Errors",
            "Requests that failed in the service (5xx) or were refused (4xx).",
            tuple(
                Query(
                    f'sum(rate(http_server_requests_seconds_count{{{API}, status=~"{digit}.."}}{RATE}))'
                    " or vector(0)",
                    f"{digit}xx",
                )
                for digit in (5, 4)
            ),
            Unit.REQUESTS_PER_SECOND,
        ),
        Panel(
            "Request threads",
            "Threads at work against those there can be.",
            (
                Query("sum(tomcat_threads_busy_threads)", "busy"),
                Query("sum(tomcat_threads_config_max_threads)", "at most", bound=True),
            ),
        ),
        Panel(
            "Circuit breaker",
            "Its state; metrics only records and never opens by itself.",
            (Query(breaker_state(), "{{name}}"),),
            kind=Kind.STATES,
            states=dict(enumerate(_BREAKER_STATES.values(), start=1)),
        ),
    ),
)

POOL = Row(
    "Connection pool",
    (
        Panel(
            "Connections",
            "Pending above zero while active is at its most: the pool is what everybody waits for.",
            (
                Query("sum(hikaricp_connections_active)", "active"),
                Query("sum(hikaricp_connections_idle)", "idle"),
                Query("sum(hikaricp_connections_pending)", "pending"),
                Query("sum(hikaricp_connections_max)", "at most", bound=True),
            ),
            width=6,
        ),
        Panel(
            "Backlog",
            "How long who joins the line now will wait: those waiting, at the rate connections come free.",
            (
                Query(
                    "sum(hikaricp_connections_pending)"
                    f" / sum(rate(hikaricp_connections_usage_seconds_count{RATE}))",
                    "wait ahead",
                ),
            ),
            Unit.SECONDS,
            width=6,
            steps=_TOO_SLOW,
        ),
        Panel(
            "Times",
            "How long requests waited for a connection and kept it; a wait is counted when it ends.",
            (
                *(
                    Query(
                        f"sum(rate(hikaricp_connections_{what}_seconds_sum{RATE}))"
                        f" / sum(rate(hikaricp_connections_{what}_seconds_count{RATE}))",
                        f"{what}, mean",
                    )
                    for what in ("acquire", "usage")
                ),
                Query("max(hikaricp_connections_acquire_seconds_max)", "acquire, longest"),
            ),
            Unit.SECONDS,
            width=6,
        ),
        Panel(
            "Timeouts",
            "Requests that waited as long as they may and got no connection.",
            (Query(per_second("hikaricp_connections_timeout_total", "pool"), "{{pool}}"),),
            Unit.EVENTS_PER_SECOND,
            width=6,
            draw=Draw.BARS,
        ),
    ),
)
