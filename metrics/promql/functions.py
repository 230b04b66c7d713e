"""The functions and aggregators of PromQL, as Prometheus 3.5 has them: names, argument and result types."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from metrics.promql.ast import ValueType

_SCALAR, _VECTOR, _MATRIX, _STRING = ValueType.SCALAR, ValueType.VECTOR, ValueType.MATRIX, ValueType.STRING


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function may be called.

    Attributes:
        arg_types: the type of each argument; the last one repeats for the extra arguments of ``variadic``.
        variadic: 0: exactly the arguments listed; n > 0: the last listed may be left out, and up to n - 1
            more may follow; -1: the last listed may be left out or repeated without bound.
        experimental: behind a feature flag in Prometheus; refused by the parser.
    """

    name: str
    arg_types: tuple[ValueType, ...]
    variadic: int
    return_type: ValueType
    experimental: bool = False

    @property
    def least(self) -> int:
        """The smallest number of arguments."""
        return len(self.arg_types) - (1 if self.variadic else 0)

    @property
    def most(self) -> int | None:
        """The largest number of arguments; None is without bound."""
        return None if self.variadic < 0 else self.least + self.variadic


@dataclass(frozen=True, slots=True)
class Aggregator:
    """An aggregation operator; ``param_type`` is the type of what stands before the expression, if any."""

    name: str
    param_type: ValueType | None = None
    experimental: bool = False


_OF_VECTOR = (
    "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count "
    "histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan "
    "tanh timestamp"
)
_OF_MATRIX = (
    "absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time "
    "max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time "
    "sum_over_time"
)
_OF_OPTIONAL_VECTOR = "day_of_month day_of_week day_of_year days_in_month hour minute month year"
_PLAIN_AGGREGATORS = "avg count group max min stddev stdvar sum"
_EXPERIMENTAL_OF_MATRIX = (
    "first_over_time mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time "
    "ts_of_min_over_time"
)


def _signatures() -> tuple[Signature, ...]:
    return (
        *(Signature(name, (_VECTOR,), 0, _VECTOR) for name in _OF_VECTOR.split()),
        *(Signature(name, (_MATRIX,), 0, _VECTOR) for name in _OF_MATRIX.split()),
        *(Signature(name, (_VECTOR,), 1, _VECTOR) for name in _OF_OPTIONAL_VECTOR.split()),
        *(Signature(name, (_MATRIX,), 0, _VECTOR, True) for name in _EXPERIMENTAL_OF_MATRIX.split()),
        Signature("clamp", (_VECTOR, _SCALAR, _SCALAR), 0, _VECTOR),
        Signature("clamp_max", (_VECTOR, _SCALAR), 0, _VECTOR),
        Signature("clamp_min", (_VECTOR, _SCALAR), 0, _VECTOR),
        Signature("double_exponential_smoothing", (_MATRIX, _SCALAR, _SCALAR), 0, _VECTOR, True),
        Signature("histogram_fraction", (_SCALAR, _SCALAR, _VECTOR), 0, _VECTOR),
        Signature("histogram_quantile", (_SCALAR, _VECTOR), 0, _VECTOR),
        Signature("info", (_VECTOR, _VECTOR), 1, _VECTOR, True),
        Signature("label_join", (_VECTOR, _STRING, _STRING, _STRING), -1, _VECTOR),
        Signature("label_replace", (_VECTOR, _STRING, _STRING, _STRING, _STRING), 0, _VECTOR),
        Signature("pi", (), 0, _SCALAR),
        Signature("predict_linear", (_MATRIX, _SCALAR), 0, _VECTOR),
        Signature("quantile_over_time", (_SCALAR, _MATRIX), 0, _VECTOR),
        Signature("round", (_VECTOR, _SCALAR), 1, _VECTOR),
        Signature("scalar", (_VECTOR,), 0, _SCALAR),
        Signature("sort_by_label", (_VECTOR, _STRING), -1, _VECTOR, True),
        Signature("sort_by_label_desc", (_VECTOR, _STRING), -1, _VECTOR, True),
        Signature("time", (), 0, _SCALAR),
        Signature("vector", (_SCALAR,), 0, _VECTOR),
    )


FUNCTIONS: Mapping[str, Signature] = MappingProxyType(
    {signature.name: signature for signature in _signatures()}
)

AGGREGATORS: Mapping[str, Aggregator] = MappingProxyType(
    {
        aggregator.name: aggregator
        for aggregator in (
            *(Aggregator(name) for name in _PLAIN_AGGREGATORS.split()),
            *(Aggregator(name, _SCALAR) for name in ("bottomk", "quantile", "topk")),
            Aggregator("count_values", _STRING),
            *(Aggregator(name, _SCALAR, experimental=True) for name in ("limit_ratio", "limitk")),
        )
    }
)
