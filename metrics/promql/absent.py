"""``absent`` and ``absent_over_time``: 1 where there is nothing, labelled with what was looked for."""

import numpy as np

from metrics.promql.ast import Expr, MatchOp, MatrixSelector, VectorSelector
from metrics.promql.frame import Frame
from metrics.promql.label_sets import NAME, LabelSets
from metrics.promql.tree import bare
from metrics.values import Labels, labels_of


def absent(expr: Expr, found: Frame) -> Frame:
    """1 at each step where the vector is empty."""
    nothing = ~np.logical_or.reduce(found.present, axis=0, keepdims=True)
    return Frame(LabelSets([wanted(expr)]), np.ones(nothing.shape), nothing)


def wanted(expr: Expr) -> Labels:
    """The labels that the selector asks for by equality, once each; none for any other expression."""
    inner = bare(expr)
    selector = inner.selector if isinstance(inner, MatrixSelector) else inner
    if not isinstance(selector, VectorSelector):
        return ()
    asked = [matcher for matcher in selector.matchers if matcher.name != NAME]
    names = [matcher.name for matcher in asked]
    return labels_of(
        [
            (each.name, each.value)
            for each in asked
            if each.op is MatchOp.EQUAL and names.count(each.name) == 1
        ]
    )
