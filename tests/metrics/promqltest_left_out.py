"""What of Prometheus' own tests is left out, by file and line, and why."""

from tests.metrics.promqltest_run import Outcome

HISTOGRAMS = "native histograms are not stored"
EXPERIMENTAL = "experimental in Prometheus, or for native histograms only: refused at load"
ANNOTATED = "warnings and infos are not given yet"
ESCAPED = "a label name that is not UTF-8 is shown with the replacement character"

_LINES: dict[str, dict[str, tuple[int, ...]]] = {
    "aggregators.test": {HISTOGRAMS: (407, 413, 419, 427, 434, 512), ESCAPED: (441,)},
    "functions.test": {
        HISTOGRAMS: (
            *(47, 52, 92, 97, 256, 286, 325, 503, 612, 615, 618, 997, 1000, 1469),
            *(1567, 1569, 1662, 1664, 1837),
        ),
    },
    "histograms.test": {
        HISTOGRAMS: (
            *(
                108,
                114,
                120,
                127,
                135,
                155,
                163,
                171,
                179,
                187,
                197,
                207,
                217,
                227,
                237,
                247,
                255,
                263,
                272,
                280,
                288,
                298,
                304,
                310,
            ),
            *(316, 322, 328, 337, 343, 351, 357, 365, 373, 382, 390, 399, 411, 424, 436, 468, 498, 527),
            *(552, 579, 600, 605),
        ),
    },
    "operators.test": {HISTOGRAMS: (534, 552)},
}
_WHOLE_FILES = {"native_histograms.test": HISTOGRAMS}


def reason(file: str, outcome: Outcome) -> str | None:
    """Why an evaluation is left out; None where it must pass."""
    if file in _WHOLE_FILES:
        return _WHOLE_FILES[file]
    if outcome.wanted.histograms:
        return HISTOGRAMS
    if outcome.problem and " unsupported: " in f" {outcome.problem}":
        return EXPERIMENTAL
    for why, lines in _LINES.get(file, {}).items():
        if outcome.wanted.line in lines:
            return why
    return ANNOTATED if outcome.wanted.annotated and not outcome.problem else None
