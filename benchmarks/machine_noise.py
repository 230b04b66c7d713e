"""How evenly this machine works at the moment."""

import statistics
import time


def noise() -> float:
    """Spread of a fixed piece of work in CPU time, as a part of its median."""
    spans = []
    for _ in range(15):
        began = time.process_time()
        sum(range(400_000))
        spans.append(time.process_time() - began)
    return statistics.pstdev(spans) / statistics.median(spans)
