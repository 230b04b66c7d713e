"""Label sets as people read them."""

import re

from metrics.promql.literals import quoted
from metrics.values import Labels

_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def shown(labels: Labels) -> str:
    """``{__name__="name", label="value"}`` as Prometheus prints label sets in errors."""
    return f"{{{', '.join(f'{_name(key)}={quoted(value)}' for key, value in labels)}}}"


def _name(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else quoted(key)
