"""What is parsed but not evaluated: said when a rule is loaded, not when it is due."""

from metrics.errors import ErrorKind, QueryError
from metrics.promql.aggregation import PLAIN
from metrics.promql.ast import Aggregation, Call, Expr
from metrics.promql.calls import CALLED
from metrics.promql.tree import walk

_AGGREGATIONS = frozenset({*PLAIN, "quantile", "topk", "bottomk", "count_values"})


def check_supported(expr: Expr, text: str) -> None:
    """Raise QueryError(UNSUPPORTED) for the first function or aggregation that is not evaluated."""
    for node, _ in walk(expr):
        if isinstance(node, Call) and node.function not in CALLED:
            told = f"{node.function}() is for native histograms, which are not supported"
            raise QueryError(ErrorKind.UNSUPPORTED, told, text, node.span)
        if isinstance(node, Aggregation) and node.op not in _AGGREGATIONS:
            raise QueryError(ErrorKind.UNSUPPORTED, f"{node.op} is not supported", text, node.span)
