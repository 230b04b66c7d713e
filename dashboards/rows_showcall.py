"""What Showcall says: alerts, log events, and how it is itself."""

from dashboards.panels import Colour, Draw, Kind, Panel, Query, Row, State, Unit
from dashboards.rows_journey import RATE, per_second

ALERTS = Row(
    "Alerts and log",
    (
        Panel(
            "Alerts",
            "Every alert as it was pending and as it fired. Incidents and actions are marked on all graphs.",
            (
                Query(
                    'max by (alertname) (ALERTS{alertstate="firing"} * 2 or ALERTS{alertstate="pending"})',
                    "{{alertname}}",
                ),
            ),
            kind=Kind.STATES,
            width=16,
            states={1: State("pending", Colour.YELLOW), 2: State("firing", Colour.RED)},
        ),
        Panel(
            "Log events",
            "Lines that match a known pattern.",
            (
                Query(
                    "sum by (pattern, target) (increase(log_events_total[$__rate_interval]))",
                    "{{pattern}} ({{target}})",
                ),
            ),
            draw=Draw.BARS,
        ),
    ),
)

SHOWCALL = Row(
    "Showcall",
    (
        Panel(
            "Targets",
            "Whether the last look at each target worked.",
            (Query("max by (job) (up)", "{{job}}"),),
            kind=Kind.STATES,
            states={0: State("down", Colour.RED), 1: State("up", Colour.GREEN)},
        ),
        Panel(
            "Looks",
            "How long a look at each target takes.",
            (Query("max by (job) (scrape_duration_seconds)", "{{job}}"),),
            Unit.SECONDS,
        ),
        Panel(
            "Loop turns",
            "Rounds evaluated and acted on: one a second each. Less: Showcall is late or stands still.",
            (Query(per_second("showcall_loop_turns_total", "loop"), "{{loop}}"),),
            Unit.OPERATIONS_PER_SECOND,
        ),
        Panel(
            "Turns that failed or were missed",
            "Anything above zero is worth a look at the log.",
            (
                Query(per_second("showcall_loop_errors_total", "loop"), "{{loop}} failed"),
                Query(per_second("showcall_loop_missed_total", "loop"), "{{loop}} missed"),
            ),
            Unit.EVENTS_PER_SECOND,
            draw=Draw.BARS,
        ),
        Panel(
            "Series",
            "Series in the embedded store.",
            (Query("max(showcall_series)", "series"),),
        ),
        Panel(
            "Showcall's CPU",
            "Cores that Showcall itself uses.",
            (
                Query(
                    f"sum(rate(process_cpu_seconds_total{RATE}) and on (job, instance) showcall_build_info)",
                    "used",
                ),
            ),
        ),
    ),
)
