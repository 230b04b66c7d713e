"""Histories of batches for property tests of stores on disk."""

from hypothesis import strategies as st

from metrics.values import Batch
from tests.metrics.disk_store import NAMES, batch

numbers = st.one_of(st.just(1.0), st.floats(allow_nan=True, width=64), st.integers(-5, 5).map(float))
"""Values as a target may bring them: the same again, anything, small."""


@st.composite
def histories(draw: st.DrawFn, longest: int = 40) -> list[Batch]:
    """Batches of two origins with series that come and go."""
    made, at = [], 0.0
    for _ in range(draw(st.integers(1, longest))):
        at += draw(st.sampled_from([0.001, 1.0, 1.0, 1.0, 15.0, 400.0]))
        origin = draw(st.sampled_from(["app", "other"]))
        names = NAMES[:3] if origin == "app" else NAMES[3:]
        chosen = draw(st.lists(st.sampled_from(names), unique=True))
        made.append(batch(at, {name: draw(numbers) for name in chosen}, origin))
    return made
