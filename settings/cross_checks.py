"""What no single value shows: names that must be known or unique, values that must fit each other.

The checks look at the document itself and pass over values whose form is wrong (``validate`` says so), so
that people see all problems at once.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from settings.document import Document
from settings.log_patterns import PUBLISHED
from settings.problems import KeyPath, Problem, dotted
from settings.schema import TargetKind, TargetSettings
from settings.wording import suggestion
from settings.yaml_node import YamlNode

_Finding: TypeAlias = tuple[KeyPath, str]

_TARGETS: KeyPath = ("collector", "targets")
_LEVERS: KeyPath = ("levers",)
_GRAFANA: KeyPath = ("grafana",)
_SLACK: KeyPath = ("slack",)
_METRICS: KeyPath = ("metrics",)
_TOPOLOGY: KeyPath = ("topology",)

_EVERY_KIND_TAKES = frozenset({"name", "kind", "component", "interval", "timeout", "labels"})
_KIND_NEEDS: Mapping[TargetKind, tuple[str, ...]] = {
    TargetKind.ACTUATOR: ("url",),
    TargetKind.HTTP_PROBE: ("url",),
    TargetKind.REDIS: ("port",),
    TargetKind.POSTGRESQL: ("port", "user"),
    TargetKind.LOCAL_PROCESSES: ("stack_file",),
    TargetKind.LOG: ("file",),
    TargetKind.DOCKER: (),
    TargetKind.HOST: (),
}
_KIND_TAKES: Mapping[TargetKind, tuple[str, ...]] = {
    TargetKind.ACTUATOR: ("url", "user", "password_file", "ca_file", "honor_timestamps"),
    TargetKind.HTTP_PROBE: ("url", "user", "password_file", "ca_file", "redirects"),
    TargetKind.REDIS: ("host", "port", "user", "password_file"),
    TargetKind.POSTGRESQL: ("host", "port", "user", "password_file", "database"),
    TargetKind.LOCAL_PROCESSES: ("stack_file",),
    TargetKind.LOG: ("file", "patterns"),
    TargetKind.DOCKER: ("socket", "url", "compose_project", "container_labels"),
    TargetKind.HOST: (),
}
_PORTS: tuple[KeyPath, ...] = (
    ("web", "port"),
    ("stack", "service_port"),
    ("stack", "management_port"),
    ("stack", "valkey_port"),
    ("stack", "postgres_port"),
)
_NOT_LONGER: tuple[tuple[KeyPath, KeyPath], ...] = (
    (("web", "session_idle"), ("web", "session_absolute")),
    (("collector", "timeout"), ("collector", "interval")),
    (("metrics", "lookback"), ("metrics", "keep")),
)
_RENEWAL: KeyPath = ("runbooks", "renew_every")


def cross_checks(node: YamlNode, file: str) -> list[Problem]:
    """Every problem between values, in no particular order."""
    found = _findings(Document(node))
    return [Problem(file, *node.position(path), dotted(path), message) for path, message in found]


def _findings(document: Document) -> Iterator[_Finding]:
    for section in (_TARGETS, _LEVERS, _TOPOLOGY):
        yield from _duplicate_names(document, section)
    yield from _unknown_components(document)
    for path in document.items(_TARGETS):
        yield from _fields_of_kind(document, path)
        yield from _docker_address(document, path)
        yield from _timeout_of_target(document, path)
        yield from _published_patterns(document, path)
    for shorter, longer in _NOT_LONGER:
        yield from _longer_than(document, shorter, longer)
    yield from _leases_too_short(document)
    yield from _shared_ports(document)
    yield from _capacity_upside_down(document)
    yield from _grafana_without_url(document)
    yield from _slack_without_channel(document)
    yield from _remote_settings(document)


def _duplicate_names(document: Document, section: KeyPath) -> Iterator[_Finding]:
    lines: dict[str, int] = {}
    for path, name in document.names(section):
        if name in lines:
            yield path, f"{name!r} is already the name of the one in line {lines[name]}"
        lines.setdefault(name, document.line(path))


def _unknown_components(document: Document) -> Iterator[_Finding]:
    known = sorted({name for _, name in document.names(_TOPOLOGY)})
    if not known:
        return
    places = [(*item, "component") for section in (_TARGETS, _LEVERS) for item in document.items(section)]
    for item in document.items(_TOPOLOGY):
        places += document.items((*item, "calls"))
    for path in places:
        name = document.text(path)
        if name is not None and name not in known:
            yield path, f"{name!r} is not a component of the topology{suggestion(name, known)}"


def _fields_of_kind(document: Document, path: KeyPath) -> Iterator[_Finding]:
    named = document.text((*path, "kind"))
    kind = next((each for each in TargetKind if each == named), None)
    if kind is None:
        return
    written, takes = document.keys(path), _KIND_TAKES[kind]
    for key in _KIND_NEEDS[kind]:
        if key not in written:
            yield path, f"{key!r} is missing (a target of kind {kind} needs it)"
    for key in written:
        if key in TargetSettings.model_fields and key not in _EVERY_KIND_TAKES.union(takes):
            taken = ", ".join(takes) or "nothing of its own"
            yield (*path, key), f"has no meaning for a target of kind {kind} (it takes {taken})"


def _published_patterns(document: Document, path: KeyPath) -> Iterator[_Finding]:
    for name in document.keys((*path, "patterns")):
        if name in PUBLISHED:
            yield (
                (*path, "patterns", name),
                "is the name of a pattern that is always looked for (want another name)",
            )


def _docker_address(document: Document, path: KeyPath) -> Iterator[_Finding]:
    if document.text((*path, "kind")) != TargetKind.DOCKER:
        return
    url, socket = document.text((*path, "url")), document.text((*path, "socket"))
    if url is not None and socket is not None:
        yield (*path, "url"), "stands beside socket (want one of them: where the daemon listens)"
    elif url is not None and url.startswith("https:"):
        yield (*path, "url"), f"{url!r}: a daemon is not spoken to over TLS (want http://, to a socket proxy)"


def _timeout_of_target(document: Document, path: KeyPath) -> Iterator[_Finding]:
    timeout, interval = (
        (*path, key) if document.text((*path, key)) is not None else ("collector", key)
        for key in ("timeout", "interval")
    )
    if path in (timeout[:-1], interval[:-1]):
        yield from _longer_than(document, timeout, interval)


def _longer_than(document: Document, shorter: KeyPath, longer: KeyPath) -> Iterator[_Finding]:
    short, long = document.seconds(shorter), document.seconds(longer)
    if not short or not long or short <= long:
        return
    shown, other = document.shown_duration(shorter), document.shown_duration(longer)
    if document.text(shorter) is not None:
        yield shorter, f"{shown} is longer than {dotted(longer)}, {other}"
    else:
        yield longer, f"{other} is shorter than {dotted(shorter)}, {shown}"


def _leases_too_short(document: Document) -> Iterator[_Finding]:
    renewal = document.seconds(_RENEWAL)
    for item in document.items(_LEVERS):
        path = (*item, "lease")
        lease = document.seconds(path) if document.text(path) is not None else None
        if lease is not None and renewal is not None and lease <= renewal:
            shown, other = document.shown_duration(path), document.shown_duration(_RENEWAL)
            yield (
                path,
                f"{shown} would end before it is renewed (want longer than {dotted(_RENEWAL)}, {other})",
            )


def _shared_ports(document: Document) -> Iterator[_Finding]:
    taken: dict[float, KeyPath] = {}
    for path in sorted(_PORTS, key=lambda each: document.text(each) is not None):
        port = document.number(path)
        if port and port in taken:
            yield path, f"{port:g} is also the port of {dotted(taken[port])}"
        elif port:
            taken[port] = path


def _capacity_upside_down(document: Document) -> Iterator[_Finding]:
    low, high = ("stack", "capacity_low"), ("stack", "capacity_high")
    least, most = document.number(low), document.number(high)
    if least is not None and most is not None and least > most:
        path = low if document.text(low) is not None else high
        yield path, f"stack.capacity_low, {least:g}, is above stack.capacity_high, {most:g}"


def _grafana_without_url(document: Document) -> Iterator[_Finding]:
    keys = document.keys(_GRAFANA)
    if keys and "url" not in keys:
        yield _GRAFANA, f"'url' is missing (without it {', '.join(sorted(keys))} mean nothing)"


def _slack_without_channel(document: Document) -> Iterator[_Finding]:
    keys = document.keys(_SLACK)
    if keys and "channel" not in keys:
        yield _SLACK, f"'channel' is missing (without it {', '.join(sorted(keys))} mean nothing)"


def _remote_settings(document: Document) -> Iterator[_Finding]:
    keys = [key for key in document.keys(_METRICS) if key.startswith("remote_")]
    if keys and "remote_url" not in keys:
        yield _METRICS, f"'remote_url' is missing (without it {', '.join(sorted(keys))} mean nothing)"
    if "remote_token_file" in keys and "remote_user" in keys:
        yield (*_METRICS, "remote_user"), "stands beside remote_token_file (want one of them)"
    if "remote_password_file" in keys and "remote_user" not in keys:
        yield (*_METRICS, "remote_password_file"), "has no meaning without remote_user"
