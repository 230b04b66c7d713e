"""What of Prometheus' own tests is left out, by file and line, and why."""

from tests.metrics.promqltest_run import Outcome

HISTOGRAMS = "native histograms are not stored"
EXPERIMENTAL = "experimental in Prometheus, or for native histograms only: refused at load"

_OVER_HISTOGRAMS = {
    "aggregators.test": """
        238 242 248 252 351 354 357 360 363 366 371 374 377 380 383 386 407 413 419 427 434 465 471 512 739
        742 746 748 750 754 765 768 771 775""",
    "functions.test": """
        47 52 92 97 256 286 325 327 329 354 357 404 407 503 612 615 618 997 1000 1187 1193 1306 1444 1457 1469
        1567 1569 1662 1664 1837""",
    "histograms.test": """
        108 114 120 127 135 155 163 171 179 187 197 207 217 227 237 247 255 263 272 280 288 298 304 310 316
        322 328 337 343 351 357 365 373 382 390 399 411 424 436 468 498 527 552 579 600 605""",
    "operators.test": """
        292 295 297 299 301 303 534 537 540 552 555 558 567 570 573 576 585 588 591 594 603 606 609 612 621
        624 627 630 667 670 673 676 679 682 685 688 691 694 697 700 703 706 709 712 715 718 721 724 727 730
        733 736 773 776 779 782 785 788 791 794 797 800 803 806""",
}
"""Evaluations that read native histograms though none is in the value that is wanted."""

_LINES = {file: frozenset(map(int, lines.split())) for file, lines in _OVER_HISTOGRAMS.items()}
_WHOLE_FILES = {"native_histograms.test": HISTOGRAMS}


def reason(file: str, outcome: Outcome) -> str | None:
    """Why an evaluation is left out; None where it must pass."""
    if file in _WHOLE_FILES:
        return _WHOLE_FILES[file]
    if outcome.wanted.histograms or outcome.wanted.line in _LINES.get(file, ()):
        return HISTOGRAMS
    if outcome.problem and " unsupported: " in f" {outcome.problem}":
        return EXPERIMENTAL
    return None
