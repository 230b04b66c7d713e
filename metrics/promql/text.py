"""Label sets as people read them."""

from metrics.promql.label_sets import NAME
from metrics.values import Labels, label


def shown(labels: Labels) -> str:
    """``name{label="value", ...}`` as Prometheus prints it; ``{}`` for no labels at all."""
    name = label(labels, NAME)
    inner = ", ".join(f"{key}={_quoted(value)}" for key, value in labels if key != NAME)
    return f"{name}{{{inner}}}" if inner or not name else name


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
