"""Redis and Valkey: INFO, under redis_exporter's names."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from collector.bounded_socket import connect
from collector.deadline import Deadline
from collector.failures import WIRE_ERRORS, wire_error
from collector.redis_names import (
    COMMAND,
    COUNTERS,
    DATABASE,
    GAUGES,
    INSTANCE_INFO,
    MICROSECONDS,
    MILLISECONDS,
    REQUIRED,
)
from collector.resolver import Resolver
from collector.resp_connection import RespConnection
from collector.round import ErrorKind
from collector.secret_file import read_secret
from collector.source import Measured, Scraped, ScrapeError, measured
from metrics.values import Labels, Metadata, label, labels_of

INFO_LIMIT_BYTES = 1024 * 1024
UP = (measured("redis_up", 1.0),)
STATUS = {"ok": 1.0, "err": 0.0, "fail": 0.0}
KEPT_SERIES = 4096  # whose labels are made once; beyond, they are made anew
NO_KEYS = ("db0", "keys=0,expires=0,avg_ttl=0")


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Where it is and who asks."""

    host: str
    port: int
    user: str | None
    password_file: Path | None


class RedisSource:
    """One Redis, over one kept connection."""

    def __init__(self, settings: RedisSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver
        self._connection: RespConnection | None = None
        self._labels: tuple[Labels, ...] = ()
        self._metadata: dict[str, Metadata] = {}

    def fetch(self, at: float, deadline: Deadline) -> Scraped:
        """INFO, parsed. ``redis_up`` is 0 when it is down or busy, absent when it refuses our password."""
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            samples = parse_info(self._ask(deadline), at)
        except WIRE_ERRORS as error:
            failure = wire_error(error, where, self._settings.host, deadline)
            raise self._failed(failure) from error
        except ScrapeError as error:
            raise self._failed(error) from error
        return self._columns(samples)

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _columns(self, samples: list[Measured]) -> Scraped:
        """The very same labels and metadata as last time while there are the same series."""
        labels = tuple([labels for labels, _ in samples])
        if labels != self._labels:
            self._labels, self._metadata = labels, metadata_of(labels)
        values = np.array([value for _, value in samples], dtype=np.float64)
        return Scraped(self._labels, values, self._metadata, UP)

    def _failed(self, error: ScrapeError) -> ScrapeError:
        self.close()
        if error.kind is ErrorKind.AUTH:
            return error
        return error.with_verdict((measured("redis_up", 0.0),))

    def _ask(self, deadline: Deadline) -> str:
        if self._connection is not None and not self._connection.is_idle():
            self.close()
        if self._connection is None:
            return self._open(deadline).command(deadline, "INFO", "all")
        try:
            return self._connection.command(deadline, "INFO", "all")
        except (ConnectionResetError, BrokenPipeError):
            self.close()
            return self._open(deadline).command(deadline, "INFO", "all")

    def _open(self, deadline: Deadline) -> RespConnection:
        self._connection = open_connection(self._settings, self._resolver, deadline, INFO_LIMIT_BYTES)
        return self._connection


def open_connection(
    settings: RedisSettings, resolver: Resolver, deadline: Deadline, limit: int
) -> RespConnection:
    """A connection that has given its password; one answer may have ``limit`` bytes.

    Raises ScrapeError, and what the socket raises.
    """
    sock = connect(resolver.resolve(settings.host, settings.port, deadline), deadline)
    connection = RespConnection(sock, limit)
    try:
        password = read_secret(settings.password_file)
        if password is not None:
            who = (settings.user,) if settings.user else ()
            connection.command(deadline, "AUTH", *who, password)
    except BaseException:
        connection.close()
        raise
    return connection


def parse_info(text: str, at: float) -> list[Measured]:
    """INFO's text as samples. Raises ScrapeError (bad_format) when it is no INFO or was cut."""
    fields = fields_of(text)
    samples = [sample for name, value in fields.items() for sample in _field_samples(name, value)]
    if not any(name.startswith("db") and name[2:].isdigit() for name in fields):
        samples.extend(_field_samples(*NO_KEYS))
    samples.append(measured("redis_start_time_seconds", round(at) - float(fields["uptime_in_seconds"])))
    info = {name: fields[name] for name in INSTANCE_INFO if name in fields}
    samples.append(measured("redis_instance_info", 1.0, **info))
    return samples


def fields_of(text: str) -> dict[str, str]:
    """INFO's fields as they are written. Raises ScrapeError (bad_format) when it is no INFO or was cut."""
    fields = dict(_fields(text))
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"INFO has no {', '.join(missing)}: it was cut short")
    return fields


def _fields(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in text.splitlines():
        if line.startswith("#"):
            section = line.strip("# ")
        elif ":" in line and section != "Cluster Info":
            name, _, value = line.partition(":")
            yield name, value.strip()


def _field_samples(name: str, value: str) -> Iterator[Measured]:
    if name.startswith("cmdstat_"):
        yield from _grouped(value, COMMAND, "cmd", name.removeprefix("cmdstat_"))
    elif name.startswith("errorstat_"):
        yield from _grouped(value, {"count": "errors_total"}, "err", name.removeprefix("errorstat_"))
    elif name.startswith("db") and name[2:].isdigit():
        yield from _grouped(value, DATABASE, "db", name)
    elif name == "latest_fork_usec":
        yield from _number("latest_fork_seconds", value, 1e-6)
    else:
        known = GAUGES.get(name) or COUNTERS.get(name)
        if known:
            yield from _number(known, value)
        if name == "maxmemory":
            yield from _number("config_maxmemory", value)


def _grouped(text: str, names: dict[str, str], key: str, value: str) -> Iterator[Measured]:
    for part in text.split(","):
        field, _, number = part.partition("=")
        if field in names:
            yield from _number(names[field], number, _scale(names[field]), key, value)


def _scale(name: str) -> float:
    if name in MICROSECONDS:
        return 1e-6
    return 1e-3 if name in MILLISECONDS else 1.0


def _number(name: str, text: str, scale: float = 1.0, *pair: str) -> Iterator[Measured]:
    try:
        value = STATUS[text] if text in STATUS else float(text)
    except ValueError:
        return
    yield _labels(name, *pair), value * scale


@lru_cache(maxsize=KEPT_SERIES)
def _labels(name: str, key: str = "", value: str = "") -> Labels:
    return labels_of({"__name__": f"redis_{name}", key: value})


def metadata_of(series: tuple[Labels, ...]) -> dict[str, Metadata]:
    """By metric name."""
    names = {label(labels, "__name__") for labels in series}
    counters = {f"redis_{name}" for name in COUNTERS.values()}
    return {
        name: Metadata("counter" if name in counters or name.endswith("_total") else "gauge", "")
        for name in sorted(names)
    }
