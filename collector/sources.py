"""From settings to targets with their sources."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from collector.actuator import ActuatorSource, PageSettings
from collector.exposition_grammar import PageFormat
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
    """host:port; processes and files of this machine have no port."""
    if target.url is not None:
        url = urlsplit(target.url)
        return f"{url.hostname}:{url.port or (443 if url.scheme == 'https' else 80)}"
    if target.kind in (TargetKind.LOCAL_PROCESSES, TargetKind.LOG):
        return "localhost"
    return f"{target.host}:{_port(target)}"


def _port(target: TargetSettings) -> int:
    return target.port or DEFAULT_PORTS[target.kind]


def _actuator(target: TargetSettings, settings: CollectorSettings, resolver: Resolver) -> Source:
    fallback = FALLBACKS[settings.fallback_scrape_protocol]
    return ActuatorSource(PageSettings(_site(target, settings), settings.sample_limit, fallback), resolver)


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


def _redis(target: TargetSettings, _: CollectorSettings, resolver: Resolver) -> Source:
    where = RedisSettings(target.host, _port(target), target.user, target.password_file)
    return RedisSource(where, resolver)


def _postgresql(target: TargetSettings, _: CollectorSettings, resolver: Resolver) -> Source:
    where = PostgresqlSettings(target.host, _port(target), target.database, target.user, target.password_file)
    return PostgresqlSource(where, resolver)


def _log(target: TargetSettings, _: CollectorSettings, __: Resolver) -> Source:
    return LogSource(target.name, LogSettings(target.file or Path(), target.patterns))


def _local_processes(target: TargetSettings, _: CollectorSettings, __: Resolver) -> Source:
    return LocalProcessesSource(target.stack_file or Path())


BUILDERS: Mapping[TargetKind, Build] = {
    TargetKind.ACTUATOR: _actuator,
    TargetKind.HTTP_PROBE: _http_probe,
    TargetKind.LOG: _log,
    TargetKind.REDIS: _redis,
    TargetKind.POSTGRESQL: _postgresql,
    TargetKind.LOCAL_PROCESSES: _local_processes,
}
