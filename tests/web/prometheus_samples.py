"""Samples for a Prometheus and for a store of ours: counters, buckets, odd numbers, odd texts."""

import numpy as np

from metrics.store import Store
from metrics.values import Batch, Labels, labels_of

AT = 1_790_000_000
"""Unix seconds of the last sample, moved by ``ODD``."""
ODD = 0.137
"""Samples lie off the edges of windows, which are closed on both sides in Prometheus 2."""
EVERY, LOOKS = 15, 41

_OTHERS = {
    "odd_inf": float("inf"),
    "odd_negative_inf": float("-inf"),
    "odd_nan": float("nan"),
    "odd_tiny": 1.5e-7,
    "odd_small": 1.5e-6,
    "odd_large": 1e21,
    "odd_long": 1 / 3,
    "odd_whole": 123456789012345680.0,
    "odd_negative_zero": -0.0,
    "odd_least": 5e-324,
}
_TEXTS = (
    "plain",
    'quote " and \\',
    "<b>&amp;</b>",
    "émoji \U0001f600",
    "line\nfeed",
    "\u202eright",
    "\u2028",
)


def samples() -> list[tuple[Labels, list[float]]]:
    """Every series with its values, oldest first."""
    found: list[tuple[Labels, list[float]]] = []
    for number, instance in enumerate(("a:1", "b:1", "c:1")):
        pairs = {"instance": instance, "job": "concert"}
        for code in ("200", "500"):
            rising = [float(look * (number + 1) * (3 if code == "200" else 1)) for look in range(LOOKS)]
            found.append((labels_of({"__name__": "requests_total", "code": code, **pairs}), rising))
        for place, le in enumerate(("0.1", "0.5", "1.0", "+Inf")):
            counts = [float(look * (place + 1)) for look in range(LOOKS)]
            found.append((labels_of({"__name__": "latency_seconds_bucket", "le": le, **pairs}), counts))
        swinging = [float((look * 7 + number) % 11) / 4 for look in range(LOOKS)]
        found.append((labels_of({"__name__": "temperature", **pairs}), swinging))
    for name, value in _OTHERS.items():
        found.append((labels_of({"__name__": name, "job": "odd"}), [value] * LOOKS))
    for number, text in enumerate(_TEXTS):
        found.append((labels_of({"__name__": "told", "text": text}), [float(number)] * LOOKS))
    return sorted(found)


def looks() -> list[float]:
    """When the samples were taken, Unix seconds."""
    return [AT + ODD - EVERY * (LOOKS - 1 - look) for look in range(LOOKS)]


def page() -> str:
    """The samples as OpenMetrics text."""
    lines = [
        f"{_name(labels)}{{{_written(labels)}}} {_number(value)} {at:.3f}"
        for labels, values in samples()
        for at, value in zip(looks(), values, strict=True)
    ]
    return "\n".join((*lines, "# EOF", ""))


def store(keep: float = 1e9) -> Store:
    """A store with the samples."""
    made, found = Store(keep=keep), samples()
    sets = tuple(labels for labels, _ in found)
    for look, at in enumerate(looks()):
        made.append(Batch("all", at, sets, np.array([values[look] for _, values in found])))
    return made


def _name(labels: Labels) -> str:
    return dict(labels)["__name__"]


def _written(labels: Labels) -> str:
    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return ",".join(f'{name}="{quoted(value)}"' for name, value in labels if name != "__name__")


def _number(value: float) -> str:
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(str(value), repr(value))
