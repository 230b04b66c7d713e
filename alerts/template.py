"""Labels and annotations of rules, expanded by a small interpreter that reaches nothing but its inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from alerts.go_format import GoValue, printf, text_of
from alerts.humanize import humanize, humanize_1024, humanize_duration, humanize_percentage
from alerts.template_syntax import (
    AllLabels,
    FunctionCall,
    LabelValue,
    Literal,
    Operand,
    Part,
    SampleValue,
    TemplateError,
    parse_template,
)

LONGEST_OUTPUT = 65_536

_Function: TypeAlias = "Callable[..., GoValue]"


@dataclass(frozen=True, slots=True)
class _Known:
    call: _Function
    least: int
    most: int | None


def _printed(*values: GoValue) -> str:
    text = ""
    for before, value in zip((None, *values), values, strict=False):
        apart = before is not None and not isinstance(before, str) and not isinstance(value, str)
        text += (" " if apart else "") + text_of(value)
    return text


def _number(value: GoValue) -> float:
    if isinstance(value, bool | Mapping):
        raise TemplateError(f"{text_of(value)!r} is not a number")
    try:
        return float(value)
    except ValueError:
        raise TemplateError(f"{text_of(value)!r} is not a number") from None


def _numeric(form: Callable[[float], str]) -> _Known:
    return _Known(lambda value: form(_number(value)), 1, 1)


def _textual(change: Callable[[str], str]) -> _Known:
    return _Known(lambda value: change(text_of(value)), 1, 1)


def _indexed(labels: GoValue, name: GoValue) -> str:
    if not isinstance(labels, Mapping):
        raise TemplateError("index wants $labels and a name")
    return labels.get(text_of(name), "")


def _without_port(address: str) -> str:
    host, colon, port = address.rpartition(":")
    return host if colon and port.isdigit() else address


_FUNCTIONS: Mapping[str, _Known] = {
    "printf": _Known(lambda form, *args: printf(text_of(form), args), 1, None),
    "print": _Known(_printed, 1, None),
    "humanize": _numeric(humanize),
    "humanize1024": _numeric(humanize_1024),
    "humanizeDuration": _numeric(humanize_duration),
    "humanizePercentage": _numeric(humanize_percentage),
    "toUpper": _textual(str.upper),
    "toLower": _textual(str.lower),
    "title": _textual(lambda text: " ".join(word[:1].upper() + word[1:] for word in text.split(" "))),
    "stripPort": _textual(_without_port),
    "index": _Known(_indexed, 2, 2),
}


@dataclass(frozen=True, slots=True)
class Template:
    """A label's or annotation's text, checked."""

    text: str
    parts: tuple[Part, ...]

    @property
    def is_fixed(self) -> bool:
        """Whether it expands to the same text for every alert."""
        return all(isinstance(part, str) for part in self.parts)

    def expand(self, labels: Mapping[str, str], value: float) -> str:
        """The text for one alert; what cannot be expanded says so in the text, as in Prometheus.

        Args:
            labels: of the query's sample, without the rule's own.
            value: of the sample.
        """
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        try:
            text = "".join(_text(part, labels, value) for part in self.parts)
        except TemplateError as error:
            return f"<error expanding template: {error}>"
        if len(text) > LONGEST_OUTPUT:
            return f"<error expanding template: more than {LONGEST_OUTPUT} characters>"
        return text


def template(text: str) -> Template:
    """Read a template.

    Raises:
        TemplateError: syntax, an unknown function or variable, or a wrong number of arguments.
    """
    parts = parse_template(text)
    for part in parts:
        if not isinstance(part, str):
            _check(part)
    return Template(text, parts)


def _check(operand: Operand) -> None:
    if not isinstance(operand, FunctionCall):
        return
    known = _FUNCTIONS.get(operand.name)
    if known is None:
        raise TemplateError(
            f"the template function {operand.name!r} is not known (want {', '.join(sorted(_FUNCTIONS))})"
        )
    count = len(operand.args)
    if count < known.least or (known.most is not None and count > known.most):
        wanted = str(known.least) if known.most == known.least else f"at least {known.least}"
        raise TemplateError(f"{operand.name!r} is given {count} values (want {wanted})")
    for arg in operand.args:
        _check(arg)


def _text(part: Part, labels: Mapping[str, str], value: float) -> str:
    return part if isinstance(part, str) else text_of(_evaluated(part, labels, value))


def _evaluated(operand: Operand, labels: Mapping[str, str], value: float) -> GoValue:
    match operand:
        case Literal(literal):
            return literal
        case SampleValue():
            return value
        case AllLabels():
            return labels
        case LabelValue(name):
            return labels.get(name, "")
        case FunctionCall(name, args):
            return _FUNCTIONS[name].call(*(_evaluated(arg, labels, value) for arg in args))
