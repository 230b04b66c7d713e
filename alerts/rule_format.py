"""What may stand in a Prometheus rule file, as it is read from YAML."""

from typing import Annotated

from pydantic import Field

from settings.schema import Duration, Frozen, RuleSettings


class FileRule(Frozen):
    """An alerting rule (``alert``) or a recording rule (``record``)."""

    record: str | None = None
    alert: str | None = None
    expr: str
    for_: Annotated[Duration | None, Field(alias="for")] = None
    keep_firing_for: Duration | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class FileGroup(Frozen):
    """Rules that are evaluated together, in order."""

    name: Annotated[str, Field(min_length=1)]
    interval: Duration | None = None
    limit: Annotated[int, Field(ge=0)] = 0
    query_offset: Duration = 0.0
    rules: tuple[FileRule, ...] = ()


class RuleFile(Frozen):
    """A rule file."""

    groups: tuple[FileGroup, ...] = ()


def as_file_rule(rule: RuleSettings) -> FileRule:
    """A rule of ``config.yaml`` as it would stand in a rule file."""
    return FileRule.model_validate(
        {
            "alert": rule.alert,
            "expr": rule.expr,
            "for": f"{round(rule.for_ * 1000)}ms",
            "keep_firing_for": f"{round(rule.keep_firing_for * 1000)}ms",
            "labels": rule.labels,
            "annotations": rule.annotations,
        }
    )
