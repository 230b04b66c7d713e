"""The concert service as a process of the stack."""

import http.client
import json
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from stack.config import StackConfig
from stack.local.child import ChildSpec, environment
from stack.local.cpu import CpuPlan
from stack.local.layout import Layout
from stack.local.ports import LOOPBACK
from stack.local.postgres import SERVICE_ROLE, url
from stack.local.private_files import write_atomically

CONTAINER_BYTES = 524_288_000
# The service writes its own log; this one has what it prints, e.g. why it could not start.
OUTPUT_LOG = "concert-output"


def child(layout: Layout, command: Sequence[str], cpus: CpuPlan, cwd: Path) -> ChildSpec:
    """How to start the service."""
    return ChildSpec(
        argv=[*command, "--config", str(layout.service_config)],
        log=layout.log(OUTPUT_LOG),
        cwd=cwd,
        environment=environment(),
        cpus=cpus.service,
    )


def configure(layout: Layout, config: StackConfig) -> None:
    """Write the service's config; it holds a database password, so only its owner may read it."""
    body = {
        "host": config.host,
        "servicePort": config.service_port,
        "managementPort": config.management_port,
        "valkeyPort": config.valkey_port,
        "databaseUrl": url(layout, config, SERVICE_ROLE),
        "profile": config.profile,
        "requestThreads": config.request_threads,
        "poolSize": config.pool_size,
        "poolTimeoutSeconds": config.pool_timeout,
        "admissionPer10Seconds": config.admission_per_10_seconds,
        "activeUsersCap": config.active_users_cap,
        "logFile": str(layout.log("concert")),
    }
    write_atomically(layout.service_config, json.dumps(body, indent=1) + "\n", mode=0o600)


def answers(config: StackConfig) -> bool:
    """Whether the service says of itself that it is healthy."""
    host = LOOPBACK if config.host == "0.0.0.0" else config.host  # noqa: S104  (compared, not bound)
    with (
        suppress(OSError, http.client.HTTPException),
        closing(http.client.HTTPConnection(host, config.management_port, timeout=2.0)) as connection,
    ):
        connection.request("GET", "/actuator/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    return False
