"""What the journey stands on: database, Redis, containers, the host."""

from dashboards.panels import Colour, Panel, Query, Row, Step, Unit
from dashboards.rows_journey import RATE, per_second

CPU_LIMIT = 'container_spec_cpu_quota{name!=""} / container_spec_cpu_period{name!=""}'
_BUSY = (Step(0.8, Colour.ORANGE), Step(0.95, Colour.RED))

DATABASE = Row(
    "Database",
    (
        Panel(
            "CPU",
            "Cores used by the database's container against its limit.",
            (
                Query(per_second('container_cpu_usage_seconds_total{name="database"}'), "used"),
                Query(
                    'sum(container_spec_cpu_quota{name="database"}'
                    ' / container_spec_cpu_period{name="database"})',
                    "limit",
                    bound=True,
                ),
            ),
            width=6,
        ),
        Panel(
            "Transactions",
            "Committed and rolled back.",
            (
                Query(per_second("pg_stat_database_xact_commit"), "commits"),
                Query(per_second("pg_stat_database_xact_rollback"), "rollbacks"),
            ),
            Unit.OPERATIONS_PER_SECOND,
            width=6,
        ),
        Panel(
            "Connections",
            "By state, against what the server takes.",
            (
                Query("sum by (state) (pg_stat_activity_count)", "{{state}}"),
                Query("max(pg_settings_max_connections)", "at most", bound=True),
            ),
            width=6,
        ),
        Panel(
            "Rows read",
            "Rows that statements went through, and rows that they got by an index. Far apart: scans.",
            (
                Query(per_second("pg_stat_database_tup_returned"), "gone through"),
                Query(per_second("pg_stat_database_tup_fetched"), "by an index"),
            ),
            Unit.OPERATIONS_PER_SECOND,
            width=6,
            logarithmic=True,
        ),
    ),
)

REDIS = Row(
    "Redis",
    (
        Panel(
            "Memory",
            "Used, against the most it may take; without a limit there is no dashed line.",
            (
                Query("sum(redis_memory_used_bytes)", "used"),
                Query("sum(redis_memory_max_bytes > 0)", "limit", bound=True),
            ),
            Unit.BYTES,
            width=6,
        ),
        Panel(
            "Keys that went",
            "Evicted for lack of memory, and expired by their own time.",
            (
                Query(per_second("redis_evicted_keys_total"), "evicted"),
                Query(per_second("redis_expired_keys_total"), "expired"),
            ),
            Unit.EVENTS_PER_SECOND,
            width=6,
        ),
        Panel(
            "Hit ratio",
            "Look-ups that found their key.",
            (
                Query(
                    f"sum(rate(redis_keyspace_hits_total{RATE}))"
                    f" / (sum(rate(redis_keyspace_hits_total{RATE}))"
                    f" + sum(rate(redis_keyspace_misses_total{RATE})))",
                    "found",
                ),
            ),
            Unit.SHARE,
            width=6,
            maximum=1,
        ),
        Panel(
            "Commands",
            "Commands carried out.",
            (Query(per_second("redis_commands_processed_total"), "commands"),),
            Unit.OPERATIONS_PER_SECOND,
            width=6,
        ),
    ),
)

CONTAINERS = Row(
    "Containers",
    (
        Panel(
            "CPU",
            "Cores used; dashed: the limit.",
            (
                Query(per_second('container_cpu_usage_seconds_total{name!=""}', "name"), "{{name}}"),
                Query(f"sum by (name) ({CPU_LIMIT})", "{{name}} limit", bound=True),
            ),
            width=6,
        ),
        Panel(
            "Memory",
            "Working set; dashed: the limit.",
            (
                Query('sum by (name) (container_memory_working_set_bytes{name!=""})', "{{name}}"),
                Query(
                    'sum by (name) (container_spec_memory_limit_bytes{name!=""} > 0)',
                    "{{name}} limit",
                    bound=True,
                ),
            ),
            Unit.BYTES,
            width=6,
        ),
        Panel(
            "Throttling",
            "Share of its periods in which a container wanted more CPU than its limit.",
            (
                Query(
                    f'sum by (name) (rate(container_cpu_cfs_throttled_periods_total{{name!=""}}{RATE}))'
                    f' / sum by (name) (rate(container_cpu_cfs_periods_total{{name!=""}}{RATE}))',
                    "{{name}}",
                ),
            ),
            Unit.SHARE,
            width=6,
            maximum=1,
        ),
        Panel(
            "Network",
            "Received above, sent below zero.",
            (
                Query(per_second('container_network_receive_bytes_total{name!=""}', "name"), "{{name}} in"),
                Query(
                    "-" + per_second('container_network_transmit_bytes_total{name!=""}', "name"),
                    "{{name}} out",
                ),
            ),
            Unit.BYTES_PER_SECOND,
            width=6,
        ),
    ),
)

HOST = Row(
    "Host",
    (
        Panel(
            "CPU",
            "Share of all processors: busy, and taken by the host beneath a virtual machine.",
            (
                Query(f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}{RATE}))', "busy"),
                Query(f'avg by (instance) (rate(node_cpu_seconds_total{{mode="steal"}}{RATE}))', "stolen"),
            ),
            Unit.SHARE,
            maximum=1,
            steps=_BUSY,
        ),
        Panel(
            "Memory",
            "Share that is not available to new work.",
            (Query("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "used"),),
            Unit.SHARE,
            maximum=1,
            steps=_BUSY,
        ),
        Panel(
            "As the service sees it",
            "Share of all processors used by the service's process and by everything.",
            (
                Query("max(process_cpu_usage)", "service"),
                Query("max(system_cpu_usage)", "everything"),
            ),
            Unit.SHARE,
            maximum=1,
        ),
    ),
)
