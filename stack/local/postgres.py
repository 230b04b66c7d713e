"""The PostgreSQL server that stands for the stack's database."""

import signal
from contextlib import suppress
from pathlib import Path

import psycopg

from stack.config import StackConfig
from stack.local.child import ChildSpec, environment
from stack.local.cluster import SUPERUSER, Cluster
from stack.local.cpu import DATABASE_NICE, CpuPlan
from stack.local.layout import Layout
from stack.local.ports import LOOPBACK
from stack.local.private_files import password_in

CONTAINER_BYTES = 1_073_741_824
DATABASE = "concert"
SERVICE_ROLE = "concert"
WATCHER_ROLE = "showcall"

# The table of seats stays in memory and one query uses one core: then the capacity depends on the number of
# seats alone. The data can be made anew at any time, so nothing waits for the disk. Nothing runs in the
# background (vacuum, checkpoints) that would disturb a measurement.
_SETTINGS = {
    "unix_socket_directories": "''",
    "password_encryption": "'scram-sha-256'",
    "shared_buffers": "'512MB'",
    "maintenance_work_mem": "'256MB'",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "io_method": "'sync'",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "'minimal'",
    "max_wal_senders": "0",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'1d'",
    "autovacuum": "off",
    "shared_preload_libraries": "'pg_stat_statements'",
    # The texts of ALTER ROLE ... PASSWORD must not be kept for everyone who may read statistics.
    "pg_stat_statements.track_utility": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "lc_messages": "'C'",
}


def child(layout: Layout, cluster: Cluster, cpus: CpuPlan) -> ChildSpec:
    """How to start PostgreSQL; its files of settings are written by ``configure``.

    When we die it shuts down at once by itself (SIGQUIT), which leaves no shared memory behind.
    """
    return ChildSpec(
        argv=[str(cluster.programs / "postgres"), "-D", str(cluster.data)],
        log=layout.log("database"),
        cwd=Path("/"),
        environment=environment(LC_ALL="C"),
        cpus=cpus.service,
        nice=DATABASE_NICE,
        account=cluster.account,
        death_signal=signal.SIGQUIT,
    )


def configure(cluster: Cluster, config: StackConfig) -> None:
    """Write the server's settings and who may connect: TCP on the loopback, with passwords only."""
    settings = _SETTINGS | {
        "listen_addresses": f"'{LOOPBACK}'",
        "port": str(config.postgres_port),
        # The service's pool, as many again for the capacity measurement, and who looks on.
        "max_connections": str(max(40, 2 * config.pool_size + 20)),
    }
    text = "".join(f"{key} = {value}\n" for key, value in settings.items())
    (cluster.data / "postgresql.conf").write_text(text, encoding="utf-8")
    access = f"host all all {LOOPBACK}/32 scram-sha-256\n"
    (cluster.data / "pg_hba.conf").write_text(access, encoding="utf-8")


def url(layout: Layout, config: StackConfig, role: str, database: str = DATABASE) -> str:
    """SQLAlchemy's URL for a role; holds the role's password, which is safe in a URL as it is."""
    password = password_in(layout.password(role))
    return f"postgresql+psycopg://{role}:{password}@{LOOPBACK}:{config.postgres_port}/{database}"


def answers(layout: Layout, config: StackConfig) -> bool:
    """Whether PostgreSQL lets the superuser in."""
    with (
        suppress(psycopg.Error),
        psycopg.connect(
            host=LOOPBACK,
            port=config.postgres_port,
            user=SUPERUSER,
            password=password_in(layout.password(SUPERUSER)),
            dbname="postgres",
            connect_timeout=2,
        ),
    ):
        return True
    return False
