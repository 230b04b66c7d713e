"""What a file in ``runbooks/catalog/`` may say, as pydantic models; durations are seconds once read."""

from typing import Annotated, Literal

from pydantic import Field

from settings.schema import Duration, Frozen, Name, NumberOrState, RunbookMode


class FileGuard(Frozen):
    """One condition, with a sentence for the person who reads the plan."""

    name: Name
    expr: str
    fresh: Duration = 5.0
    why: Annotated[str, Field(min_length=1)]


class FileLimits(Frozen):
    """How often it may act."""

    cooldown: Duration
    per_hour: Annotated[int, Field(ge=1)]


class FileSignals(Frozen):
    """What the admission controller looks at."""

    pending: str
    pending_mean: str
    completions: str
    active: str
    waiting: str
    pool_size: str
    latency: str
    requests: str


class FileControl(Frozen):
    """Steer a lever by the admission law."""

    lever: Name
    second: Name | None = None
    cut: float
    floor: float
    objective: Duration
    period: Duration = 10.0
    signals: FileSignals


class FileSet(Frozen):
    """Set a lever to one value."""

    lever: Name
    second: Name | None = None
    value: NumberOrState


class FileDo(Frozen):
    """Exactly one of the two."""

    control: FileControl | None = None
    set: FileSet | None = None


class FileVerify(Frozen):
    """How the effect is measured."""

    expr: str
    title: str = ""
    below: float
    unit: str = ""
    direction: Literal["safe", "other"]
    effect_delay: Duration
    deadline: Duration
    throughput: str | None = None
    waiting: str | None = None


class FileRamp(Frozen):
    """Times ``factor`` every ``every``, up to the baseline."""

    factor: Annotated[float, Field(gt=1)] = 2.0
    every: Duration = 3.0


class FileRelease(Frozen):
    """When to let go, and how."""

    when: str | None = None
    quiet: Duration
    ramp: FileRamp = FileRamp()


class FileRunbook(Frozen):
    """A runbook as written."""

    name: Name
    title: Annotated[str, Field(min_length=1)]
    mode: RunbookMode
    when: Annotated[tuple[str, ...], Field(min_length=1)]
    guards: Annotated[tuple[FileGuard, ...], Field(min_length=1)]
    limits: FileLimits
    do: FileDo
    verify: FileVerify
    release: FileRelease
    approval: Duration = 600.0
