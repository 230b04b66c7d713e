"""From settings to targets with their sources."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from collector.actuator import ActuatorSource, PageSettings
from collector.docker import DockerSource
from collector.docker_endpoint import DockerEndpoint
from collector.docker_link import DockerSettings
from collector.exposition_grammar import PageFormat
from collector.host import HostSource
from collector.http_probe import HttpProbeSource
from collector.local_processes import LocalProcessesSource
from collector.log import LogSettings, LogSource
from collector.log_lines import LogReaders
from collector.postgresql import PostgresqlSettings, PostgresqlSource
from collector.redis import RedisSettings, RedisSource
from collector.resolver import Resolver
from collector.site import Site
from collector.source import Source
from collector.target import Target
from collector.target_labels import LabelLimits
from metrics.values import Labels, labels_of
from settings.schema import CollectorSettings, TargetKind, TargetSettings

Build = Callable[[TargetSettings, CollectorSettings, Resolver], Source]

DEFAULT_PORTS = {TargetKind.REDIS: 6379, TargetKind.POSTGRESQL: 5432}
DOCKER_PORT = 2375
DOCKER_SOCKET = Path("/var/run/docker.sock")
ON_THIS_MACHINE = frozenset({TargetKind.LOCAL_PROCESSES, TargetKind.LOG, TargetKind.DOCKER, TargetKind.HOST})
FALLBACKS = {"none": None, "text": PageFormat.TEXT, "openmetrics": PageFormat.OPENMETRICS}


def targets(settings: CollectorSettings) -> tuple[Target, ...]:
    """Every configured target. Opens nothing: a target that is not there is found out by looking at it."""
    resolver = Resolver()
    limits = LabelLimits(settings.label_limit, settings.label_value_length_limit)
    return tuple(
        Target(
            name=target.name,
            kind=str(target.kind),
            source=build(target, settings, resolver),
            labels=target_labels(target),
            interval=target.interval or settings.interval,
            timeout=target.timeout or min(settings.timeout, target.interval or settings.timeout),
            limits=limits,
        )
        for target in settings.targets
    )


def log_readers(targets: Iterable[Target]) -> LogReaders:
    """The newest lines of every log among the targets."""
    return {target.name: target.source for target in targets if isinstance(target.source, LogSource)}


def build(target: TargetSettings, settings: CollectorSettings, resolver: Resolver) -> Source:
    """The source of one target."""
    return BUILDERS[target.kind](target, settings, resolver)


def target_labels(target: TargetSettings) -> Labels:
    """job and instance, and those that the settings give it."""
    return labels_of({**target.labels, "job": target.name, "instance": instance(target)})


def instance(target: TargetSettings) -> str:
    """host:port; what is on this machine itself has no port."""
    if target.url is not None:
        url = urlsplit(target.url)
        return f"{url.hostname}:{url.port or _usual_port(target.kind, url.scheme)}"
    if target.kind in ON_THIS_MACHINE:
        return "localhost"
    return f"{target.host}:{_port(target)}"


def _usual_port(kind: TargetKind, scheme: str) -> int:
    if kind is TargetKind.DOCKER:
        return DOCKER_PORT
    return 443 if scheme == "https" else 80


def _port(target: TargetSettings) -> int:
    return target.port or DEFAULT_PORTS[target.kind]


def _actuator(target: TargetSettings, settings: CollectorSettings, resolver: Resolver) -> Source:
    fallback = FALLBACKS[settings.fallback_scrape_protocol]
    page = PageSettings(_site(target, settings), settings.sample_limit, fallback, target.honor_timestamps)
    return ActuatorSource(page, resolver)


def _http_probe(target: TargetSettings, settings: CollectorSettings, resolver: Resolver) -> Source:
    return HttpProbeSource(_site(target, settings), resolver, target.redirects)


def _site(target: TargetSettings, settings: CollectorSettings) -> Site:
    return Site(
        url=target.url or "",
        body_limit=settings.body_limit_bytes,
        user=target.user,
        password_file=target.password_file,
        ca_file=target.ca_file,
    )


def redis_settings(target: TargetSettings) -> RedisSettings:
    """Where a target of kind redis is, and who asks."""
    return RedisSettings(target.host, _port(target), target.user, target.password_file)


def postgresql_settings(target: TargetSettings) -> PostgresqlSettings:
    """Where a target of kind postgresql is, and who asks."""
    return PostgresqlSettings(target.host, _port(target), target.database, target.user, target.password_file)


def _redis(target: TargetSettings, _: CollectorSettings, resolver: Resolver) -> Source:
    return RedisSource(redis_settings(target), resolver)


def _postgresql(target: TargetSettings, _: CollectorSettings, resolver: Resolver) -> Source:
    return PostgresqlSource(postgresql_settings(target), resolver)


def _log(target: TargetSettings, _: CollectorSettings, __: Resolver) -> Source:
    return LogSource(target.name, LogSettings(target.file or Path(), target.patterns))


def _local_processes(target: TargetSettings, _: CollectorSettings, __: Resolver) -> Source:
    return LocalProcessesSource(target.stack_file or Path())


def _docker(target: TargetSettings, settings: CollectorSettings, resolver: Resolver) -> Source:
    url = urlsplit(target.url or "")
    path = None if target.url else target.socket or DOCKER_SOCKET
    endpoint = DockerEndpoint(path, url.hostname or "", url.port or DOCKER_PORT)
    chosen = DockerSettings(endpoint, target.compose_project, target.container_labels, settings.sample_limit)
    return DockerSource(chosen, resolver)


def _host(_: TargetSettings, __: CollectorSettings, ___: Resolver) -> Source:
    return HostSource()


BUILDERS: Mapping[TargetKind, Build] = {
    TargetKind.ACTUATOR: _actuator,
    TargetKind.HTTP_PROBE: _http_probe,
    TargetKind.LOG: _log,
    TargetKind.DOCKER: _docker,
    TargetKind.HOST: _host,
    TargetKind.REDIS: _redis,
    TargetKind.POSTGRESQL: _postgresql,
    TargetKind.LOCAL_PROCESSES: _local_processes,
}
