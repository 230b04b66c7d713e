"""Severities of alerts and incidents, from the label that rule files use."""

DEFAULT = "warning"
INFO = "info"
_RANKS = {"info": 0, "warning": 1, "critical": 2}


def rank(severity: str) -> int:
    """For comparing; a severity of the rule author's own counts as a warning."""
    return _RANKS.get(severity, _RANKS[DEFAULT])


def holds(severity: str) -> bool:
    """Whether an alert of this severity opens incidents and keeps them open; ``info`` only joins them."""
    return rank(severity) > 0
