"""How tightly PromQL's binary operators bind."""

POWER_OF = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", "<=", "<", ">=", ">"), 3),
    "+": 4,
    "-": 4,
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
"""A larger number binds tighter; ``^`` groups to the right, the others to the left; a sign binds as ``*``."""
