"""What the concert stack can be told. The field names are those of ``stack:`` in ``config.yaml``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Profile = Literal["published", "improved"]


@dataclass(frozen=True, slots=True)
class StackConfig:
    """One concert stack on this machine.

    Attributes:
        run_dir: everything the stack writes: state, logs, passwords, data.
        host: address the service listens on; Valkey and PostgreSQL are always on 127.0.0.1.
        service_port: the public API.
        management_port: the actuator, with the levers.
        profile: ``published`` (no index on seats, breaker only records) or ``improved``.
        request_threads: requests the service works on at once.
        pool_size: database connections of the service.
        pool_timeout: seconds a request waits for a connection.
        admission_per_10_seconds: baseline of the admission rate.
        active_users_cap: baseline of the cap on active users.
        seats: seats to load first; the capacity measurement changes the number.
        capacity_low: date queries a second, lower end of the wanted band.
        capacity_high: date queries a second, upper end of the wanted band.
    """

    run_dir: Path = Path("stack/run")
    host: str = "127.0.0.1"
    service_port: int = 18080
    management_port: int = 18081
    valkey_port: int = 18379
    postgres_port: int = 18432
    profile: Profile = "published"
    request_threads: int = 200
    pool_size: int = 10
    pool_timeout: float = 30.0
    admission_per_10_seconds: int = 100
    active_users_cap: int = 1000
    seats: int = 1_500_000
    capacity_low: float = 4.5
    capacity_high: float = 5.2
