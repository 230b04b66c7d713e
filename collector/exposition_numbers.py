"""Numbers in exposition pages: whole columns at once, and bucket bounds in one spelling."""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from pydantic_core import from_json

from metrics.values import Floats, Labels, labels_of

_ALPHABET = b"0123456789+-.eEiInNfFtTyYaA,"
_SIGNED_NAN = re.compile(rb"[+-]nan", re.IGNORECASE)


def column(texts: Sequence[str]) -> Floats | None:
    """All values of a page, or None when one of them is not a number or out of range."""
    return joined_column(",".join((*texts, "")).encode(), len(texts))


def joined_column(joined: bytes, count: int) -> Floats | None:
    """The same of ``count`` texts with a comma after each.

    ``float`` alone is too lenient (underscores, blanks, signed NaN) and makes infinity of 1e400; the alphabet
    and two tests over the joined text shut that out without a Python step per sample.
    """
    if joined.translate(None, _ALPHABET):
        return None
    if (b"n" in joined or b"N" in joined) and _SIGNED_NAN.search(joined):
        return None
    values = _as_json(joined, count)
    if values is None:
        values = _as_floats(joined, count)
    if values is None or not np.isinf(values).any():
        return values
    texts = joined.lower().split(b",")
    return values if all(b"i" in texts[place] for place in np.flatnonzero(np.isinf(values))) else None


def _as_json(joined: bytes, count: int) -> Floats | None:
    """Almost every page writes its numbers as JSON does, whose reader takes a quarter of the time.

    None for any other spelling, and for -0, which JSON's whole numbers do not know.
    """
    if b"-" in joined and b"-0," in joined:
        return None
    try:
        found = from_json(b"[%b]" % joined[:-1])
        return np.fromiter(found, np.float64, count) if len(found) == count else None
    except (ValueError, OverflowError):
        return None


def _as_floats(joined: bytes, count: int) -> Floats | None:
    texts = joined.split(b",")[:-1]
    try:
        return np.fromiter(map(float, texts), np.float64, count) if len(texts) == count else None
    except ValueError:
        return None


def with_canonical_bounds(labels: Labels, types: Mapping[str, str]) -> Labels:
    """Labels of a series, bucket bounds and quantiles in one spelling; ``types`` by metric family."""
    pairs = dict(labels)
    name = pairs["__name__"]
    if "le" in pairs and types.get(name.removesuffix("_bucket")) in ("histogram", "gaugehistogram"):
        pairs["le"] = canonical_bound(pairs["le"])
    elif "quantile" in pairs and types.get(name) == "summary":
        pairs["quantile"] = canonical_bound(pairs["quantile"])
    else:
        return labels
    return labels_of(pairs)


def canonical_bound(text: str) -> str:
    """``le`` and ``quantile`` values in one spelling, so that "1" and "1.0" are the same bucket.

    The spelling is Prometheus 3's: shortest digits, at least one decimal, exponents from 1e+06 up and below
    1e-04. What is not a number stays as it is.
    """
    try:
        value = float(text)
    except ValueError:
        return text
    if "_" in text or math.isnan(value):
        return text
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return _spelled(value)


def _spelled(value: float) -> str:
    if value == 0:
        return "0.0"
    shortest = Decimal(repr(value)).normalize()
    power = shortest.adjusted()
    if -4 <= power < 6:
        plain = format(shortest, "f")
        return plain if "." in plain else f"{plain}.0"
    sign, digits, _ = shortest.as_tuple()
    head, tail = str(digits[0]), "".join(map(str, digits[1:]))
    mantissa = f"{head}.{tail}" if tail else head
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
