"""Numbers and ``printf`` as Go writes them, because rule files were written for Go's templates."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

GoValue: TypeAlias = "str | int | float | bool | Mapping[str, str]"

_VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d*)(?P<precision>\.\d*)?(?P<verb>.|$)", re.DOTALL)
_WIDEST = 1000
_FIXED_EXPONENTS = range(-4, 6)
_WHOLE, _REAL = frozenset("dxX"), frozenset("fFeEgG")


def text_of(value: GoValue) -> str:
    """As Go's ``%v``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{value[key]}" for key in sorted(value)) + "]"
    return str(value)


def float_text(value: float) -> str:
    """The shortest text that reads back as the same float64, e.g. ``27``, ``0.25``, ``1.234567e+06``."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    exact = Decimal(repr(value)).normalize()
    exponent = exact.adjusted() if value else 0
    if exponent in _FIXED_EXPONENTS:
        return format(exact, "f")
    return f"{format(exact.scaleb(-exponent), 'f')}e{exponent:+03d}"


def printf(form: str, args: tuple[GoValue, ...]) -> str:
    """Go's ``fmt.Sprintf`` for the verbs v, s, q, t, d, x, f, e and g; what does not fit is shown."""
    left = list(args)
    text = _VERB.sub(lambda found: _verb(found, left), form)
    if not left:
        return text
    extra = ", ".join(f"{_type_name(value)}={text_of(value)}" for value in left)
    return f"{text}%!(EXTRA {extra})"


def _verb(found: re.Match[str], left: list[GoValue]) -> str:
    verb = found["verb"]
    if verb == "%":
        return "%"
    if not verb:
        return "%!(NOVERB)"
    if not left:
        return f"%!{verb}(MISSING)"
    return _formatted(left.pop(0), found)


def _formatted(value: GoValue, found: re.Match[str]) -> str:
    verb, flags, precision = found["verb"], found["flags"], _bounded(found["precision"])
    if verb == "v" and precision and isinstance(value, float):
        verb = "g"
    width = str(min(int(found["width"] or 0), _WIDEST) or "")
    if verb in _WHOLE and type(value) is int:
        return f"%{flags}{width}{precision}{verb}" % value
    if (
        verb in _REAL
        and isinstance(value, float)
        and math.isfinite(value)
        and (precision or verb not in "gG")
    ):
        return f"%{flags}{width}{precision}{verb}" % value
    text = _as_text(value, verb)
    return f"%{flags.replace('+', '').replace('0', '')}{width}{precision}s" % text


def _as_text(value: GoValue, verb: str) -> str:
    if verb == "v" or (verb in _REAL and isinstance(value, float)):
        return text_of(value)
    if (verb == "s" and isinstance(value, str | Mapping)) or (verb == "t" and isinstance(value, bool)):
        return text_of(value)
    if verb == "q" and isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"%!{verb}({_type_name(value)}={text_of(value)})"


def _bounded(precision: str | None) -> str:
    return "" if not precision else f".{min(int(precision[1:] or 0), _WIDEST)}"


def _type_name(value: GoValue) -> str:
    if isinstance(value, Mapping):
        return "map[string]string"
    return {bool: "bool", int: "int", float: "float64", str: "string"}[type(value)]
