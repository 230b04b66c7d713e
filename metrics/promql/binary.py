"""Binary operators: scalars with scalars, scalars with vectors, and vectors with vectors."""

from metrics.promql.arithmetic import SETS, combined
from metrics.promql.ast import Binary, Unary
from metrics.promql.clashes import unnamed
from metrics.promql.context import Context
from metrics.promql.frame import Frame, Numbers, Value, derived
from metrics.promql.matching import match_rows
from metrics.promql.set_operators import combine_sets
from metrics.values import Floats


def binary(node: Binary, left: Value, right: Value, context: Context) -> Value:
    """The value of a binary operator whose sides are evaluated."""
    if isinstance(left, Frame) and isinstance(right, Frame):
        if node.op in SETS:
            return combine_sets(node, left, right)
        return match_rows(node, left, right, context)
    if isinstance(left, Frame) and isinstance(right, Numbers):
        return _with_scalar(node, left, left.values, right.values, context)
    if isinstance(left, Numbers) and isinstance(right, Frame):
        return _with_scalar(node, right, left.values, right.values, context)
    if isinstance(left, Numbers) and isinstance(right, Numbers):
        return Numbers(combined(node.op, left.values, right.values, True)[0])
    raise TypeError(f"{node.op} between strings")


def unary(node: Unary, operand: Value, context: Context) -> Value:
    """``+`` changes nothing, ``-`` the sign."""
    if node.op == "+":
        return operand
    if isinstance(operand, Numbers):
        return Numbers(-operand.values)
    if isinstance(operand, Frame):
        negated = Frame(operand.sets, -operand.values, operand.present)
        return unnamed(negated, node.span, context.delayed, context.clashes)
    raise TypeError("a sign before a string")


def _with_scalar(node: Binary, frame: Frame, left: Floats, right: Floats, context: Context) -> Frame:
    """A comparison keeps the vector's value, on whichever side it stands."""
    values, kept = combined(node.op, left, right, node.return_bool)
    if kept is None:
        return derived(frame.sets, values, frame.present, context.delayed)
    return Frame(frame.sets, frame.values, frame.present & kept)
