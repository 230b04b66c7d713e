"""What ``config.yaml`` may say, as frozen values. Durations are seconds (float), sizes bytes (int)."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from settings.durations import duration_of
from settings.local_time import clock_time, time_zone
from settings.log_patterns import log_pattern
from settings.urls import http_url, plain_http_url
from settings.wording import NAME_PATTERN, SLACK_CHANNEL, SLACK_USER

Duration = Annotated[float, BeforeValidator(duration_of)]
Period = Annotated[Duration, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, AfterValidator(http_url)]
PlainUrl = Annotated[str, AfterValidator(plain_http_url)]
LogPattern = Annotated[Text, AfterValidator(log_pattern)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
HeaderValue = Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$")]
ClockTime = Annotated[str, AfterValidator(clock_time)]
"""A time of day as ``HH:MM``."""
TimeZone = Annotated[str, AfterValidator(time_zone)]
"""A name of the tz database."""


class Frozen(BaseModel):
    """Base of all settings: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class WebSettings(Frozen):
    """The console and the HTTP APIs.

    Machines ask the API of Prometheus with the token in ``api_token_file``; ``api_without_token`` lets those
    on this machine ask without one. ``public_url`` is where people reach the console, for links in messages.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 18300
    session_idle: Period = 1800.0
    session_absolute: Period = 43200.0
    public_url: PlainUrl | None = None
    api_token_file: Path | None = None
    api_without_token: bool = False


class TargetKind(StrEnum):
    """One kind per source file in ``collector/``."""

    ACTUATOR = "actuator"
    REDIS = "redis"
    POSTGRESQL = "postgresql"
    LOCAL_PROCESSES = "local_processes"
    HTTP_PROBE = "http_probe"
    LOG = "log"
    DOCKER = "docker"
    HOST = "host"


class TargetSettings(Frozen):
    """One thing looked at on an interval.

    ``url`` serves actuator and http_probe; ``host`` and ``port`` serve redis and postgresql; ``user`` and
    ``password_file`` serve all four; ``database`` serves postgresql; ``stack_file`` local_processes; ``file``
    and ``patterns`` (name -> RE2 expression) serve log; docker takes ``socket`` or ``url``, and chooses
    containers by ``compose_project`` and ``container_labels``. Over https, ``ca_file`` (PEM) is trusted
    instead of the system's authorities; ``redirects`` is how many a probe follows. With ``honor_timestamps``
    samples of an actuator's page keep the time that they carry. Every series gets the labels ``job`` (the
    name) and ``instance`` (host:port), and those in ``labels``.
    """

    name: Name
    kind: TargetKind
    component: Name | None = None
    url: Url | None = None
    host: str = "127.0.0.1"
    port: Port | None = None
    user: str | None = None
    password_file: Path | None = None
    database: str = "concert"
    stack_file: Path | None = None
    file: Path | None = None
    patterns: Annotated[dict[Name, LogPattern], Field(max_length=50)] = {}
    socket: Path | None = None
    compose_project: Text | None = None
    container_labels: dict[str, str] = {}
    ca_file: Path | None = None
    redirects: Annotated[int, Field(ge=0, le=3)] = 0
    honor_timestamps: bool = False
    interval: Period | None = None
    timeout: Period | None = None
    labels: dict[str, str] = {}


class CollectorSettings(Frozen):
    """How targets are looked at."""

    interval: Period = 1.0
    timeout: Period = 0.9
    body_limit_bytes: Count = 10 * 1024 * 1024
    sample_limit: Count = 50_000
    label_limit: Count = 64
    label_value_length_limit: Count = 4096
    fallback_scrape_protocol: Literal["none", "text", "openmetrics"] = "none"
    targets: tuple[TargetSettings, ...] = ()


class MetricsSettings(Frozen):
    """The embedded store. ``max_steps`` to ``query_timeout`` bound one question of the HTTP API.

    With ``remote_url`` every sample is also sent to a server with Prometheus' remote write, and pages read
    from it what lies before the embedded store; ``remote_read_url`` where questions go elsewhere. The queue
    on disk holds ``remote_queue_bytes`` and ``remote_queue_age`` at most; a request leaves with
    ``remote_batch_samples``, or when its first sample has waited ``remote_batch_wait``.
    """

    lookback: Period = 300.0
    keep: Period = 900.0
    retention: Period = 7 * 86400.0
    retention_bytes: Count = 2_000_000_000
    max_steps: Count = 11_000
    max_samples: Count = 5_000_000
    query_timeout: Period = 30.0
    remote_url: PlainUrl | None = None
    remote_read_url: PlainUrl | None = None
    remote_token_file: Path | None = None
    remote_user: Text | None = None
    remote_password_file: Path | None = None
    remote_ca_file: Path | None = None
    remote_headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=20)] = {}
    remote_timeout: Period = 10.0
    remote_queue_bytes: Annotated[int, Field(ge=1_000_000)] = 512 * 1024 * 1024
    remote_queue_age: Period = 86400.0
    remote_batch_samples: Count = 10_000
    remote_batch_wait: Period = 5.0


class RuleSettings(Frozen):
    """A Prometheus alerting rule written in ``config.yaml`` itself, as it would stand in a rule file."""

    model_config = ConfigDict(populate_by_name=True)

    alert: Text
    expr: Text
    for_: Annotated[Duration, Field(alias="for")] = 0.0
    keep_firing_for: Duration = 0.0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class AlertsSettings(Frozen):
    """Which rules, and when an incident is over."""

    rule_files: tuple[str, ...] = ("alerts/rules/*.yaml",)
    rules: tuple[RuleSettings, ...] = ()
    quiet: Duration = 20.0


class FactSettings(Frozen):
    """A number shown at a component or on an arrow of the why card.

    ``to`` puts it on the arrow to a component that this one calls. ``role`` gives it a place in the one-line
    chain: the demand against the capacity, then the effects from the cause up to the visitor; the worst value
    of an effect is kept as the incident's peak. A demand may say how many calls one of its units ``makes``.
    """

    title: Text
    expr: Text
    unit: str = ""
    role: Literal["info", "demand", "capacity", "effect"] = "info"
    to: Name | None = None
    makes: Annotated[float, Field(gt=0)] | None = None
    makes_unit: str = "calls"


class ComponentSettings(Frozen):
    """One part of the journey, and what it leans on.

    ``saturated`` is PromQL that returns something exactly while this component is the bottleneck.
    """

    name: Name
    title: Text
    calls: tuple[Name, ...] = ()
    saturated: str | None = None
    facts: tuple[FactSettings, ...] = ()


class LeverKind(StrEnum):
    """One kind per file in ``runbooks/levers/``."""

    HTTP_JSON = "http_json"
    RESILIENCE4J = "resilience4j"


class PutBack(StrEnum):
    """Who ramps a lever back when its lease is not renewed: exactly one party."""

    TARGET = "target"
    SHOWCALL = "showcall"


def _number_or_state(value: object) -> object:
    """A lever's value as written: a number where it reads as one, else a state's name."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


NumberOrState = Annotated[float | str, BeforeValidator(_number_or_state)]
"""A lever's value."""


class LeverSettings(Frozen):
    """One typed knob. Numeric levers have ``minimum``/``maximum``; state levers have ``states``.

    ``baseline`` is where the lever belongs when nobody holds it: a number within the bounds, or one of the
    states. ``safe_direction``/``safe_state`` say which way protects the stack.
    """

    name: Name
    title: Text
    kind: LeverKind
    component: Name
    url: Url
    unit: str = ""
    breaker: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    baseline: NumberOrState
    safe_direction: Literal["down", "up"] | None = None
    safe_state: str | None = None
    states: tuple[str, ...] = ()
    put_back: PutBack = PutBack.TARGET
    lease: Period = 60.0
    timeout: Period = 1.0

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        wrong = _number_problems(self) if self.kind is LeverKind.HTTP_JSON else _state_problems(self)
        if wrong:
            raise ValueError(f"lever {self.name!r}: " + "; ".join(wrong))
        return self


def _number_problems(lever: LeverSettings) -> list[str]:
    low, high, baseline = lever.minimum, lever.maximum, lever.baseline
    if low is None or high is None or lever.safe_direction is None:
        return ["a lever of kind http_json needs minimum, maximum and safe_direction"]
    if isinstance(baseline, str) or not low <= baseline <= high:
        return [f"baseline is {baseline!r} (want a number from {low:g} to {high:g})"]
    return []


def _state_problems(lever: LeverSettings) -> list[str]:
    if lever.breaker is None or not lever.states or lever.safe_state is None:
        return ["a lever of kind resilience4j needs breaker, states and safe_state"]
    named = {"baseline": lever.baseline, "safe_state": lever.safe_state}
    return [
        f"{key} is {state!r} (want one of the states: {', '.join(lever.states)})"
        for key, state in named.items()
        if state not in lever.states
    ]


class RunbookMode(StrEnum):
    """How far runbooks may go; a runbook's own mode can only be stricter than this one."""

    AUTO = "auto"
    ASK = "ask"
    OBSERVE = "observe"


class RunbooksSettings(Frozen):
    """Acting. ``only`` names the runbooks of the catalog that are used; without it all are."""

    catalog: Path = Path("runbooks/catalog")
    only: tuple[Name, ...] | None = None
    mode: RunbookMode = RunbookMode.AUTO
    renew_every: Period = 10.0
    facts_stale_after: Period = 5.0
    kill_switch_after_undone: Count = 2
    kill_switch_window: Period = 1800.0


class HousekeepingSettings(Frozen):
    """Slow jobs beside the watching: retention, backup, the daily digest.

    ``backup_dir``: None means ``backups`` in the data directory. ``at`` and ``digest_at`` are times of day in
    ``timezone``. ``postpone_at_most``: how long heavy jobs wait while a lever is held.
    """

    timezone: TimeZone = "UTC"
    at: ClockTime = "03:30"
    retention: Annotated[Duration, Field(ge=86_400.0)] = 90 * 86_400.0
    backup_dir: Path | None = None
    backup_keep: Count = 7
    digest: bool = True
    digest_at: ClockTime = "09:00"
    postpone_at_most: Duration = 6 * 3600.0
    disk_low_bytes: Count = 256 * 1024 * 1024


class GrafanaSettings(Frozen):
    """A Grafana that shows our dashboard and our annotations; none without ``url``.

    ``data_source_url`` is where Grafana itself reaches a server with Prometheus' API, Showcall's own or
    another; ``data_source_token_file`` holds the token that Grafana sends there. The service account's token
    is in ``token_file`` or in the environment variable SHOWCALL_GRAFANA_TOKEN. Over https, ``ca_file`` (PEM)
    is trusted instead of the system's authorities.
    """

    url: PlainUrl | None = None
    token_file: Path | None = None
    folder: Text = "Showcall"
    data_source_url: PlainUrl | None = None
    data_source_token_file: Path | None = None
    ca_file: Path | None = None
    timeout: Period = 5.0


class SlackSettings(Frozen):
    """A Slack channel that incidents are told in; none without ``channel`` and a token.

    The bot's token is in ``token_file`` or in the environment variable SHOWCALL_SLACK_TOKEN, what Slack signs
    its requests with in ``signing_secret_file`` or SHOWCALL_SLACK_SIGNING_SECRET. ``users`` says who in Slack
    (a member's id) is which user here.
    """

    channel: Annotated[str, Field(pattern=SLACK_CHANNEL)] | None = None
    token_file: Path | None = None
    signing_secret_file: Path | None = None
    users: dict[Annotated[str, Field(pattern=SLACK_USER)], Text] = {}
    api_url: Url = "https://slack.com/api/"
    timeout: Period = 10.0


class StackSettings(Frozen):
    """The concert stack as local processes (``showcall stack up``)."""

    run_dir: Path = Path("stack/run")
    host: str = "127.0.0.1"
    service_port: Port = 18080
    management_port: Port = 18081
    valkey_port: Port = 18379
    postgres_port: Port = 18432
    profile: Literal["published", "improved"] = "published"
    request_threads: Count = 200
    pool_size: Count = 10
    pool_timeout: Period = 30.0
    admission_per_10_seconds: Count = 100
    active_users_cap: Count = 1000
    seats: Count = 1_500_000
    capacity_low: Annotated[float, Field(gt=0)] = 4.5
    capacity_high: Annotated[float, Field(gt=0)] = 5.2


class Settings(Frozen):
    """The whole of ``config.yaml``.

    ``database_url_file`` holds the URL of a PostgreSQL database, its password in it; or the environment
    variable SHOWCALL_DATABASE_URL does. Without both the database is a SQLite file in ``data_dir``.
    """

    name: Text = "concert"
    data_dir: Path = Path("var")
    database_url_file: Path | None = None
    web: WebSettings = WebSettings()
    collector: CollectorSettings = CollectorSettings()
    metrics: MetricsSettings = MetricsSettings()
    alerts: AlertsSettings = AlertsSettings()
    topology: tuple[ComponentSettings, ...] = ()
    levers: tuple[LeverSettings, ...] = ()
    runbooks: RunbooksSettings = RunbooksSettings()
    housekeeping: HousekeepingSettings = HousekeepingSettings()
    slack: SlackSettings = SlackSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    stack: StackSettings = StackSettings()
