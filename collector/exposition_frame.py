"""What is around the sample lines of a page: its encoding, its end, its metadata."""

from collections.abc import Iterable

from collector.exposition_comments import Comment, CommentKind
from collector.exposition_grammar import PageFormat
from collector.round import ErrorKind
from collector.source import ScrapeError
from metrics.values import Metadata


def page_lines(body: bytes, form: PageFormat) -> list[str]:
    """The lines of a page without its end mark. Raises ScrapeError (bad_format)."""
    try:
        lines = body.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        place = body.count(b"\n", 0, error.start) + 1
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"line {place}: invalid UTF-8") from None
    if lines[-1] == "":
        lines.pop()
    if form is PageFormat.OPENMETRICS:
        _take_end(lines)
    return lines


def _take_end(lines: list[str]) -> None:
    if lines and lines[-1] == "# EOF":
        lines.pop()
        return
    if "# EOF" in lines:
        place = lines.index("# EOF") + 2
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"line {place}: text after # EOF")
    raise ScrapeError(ErrorKind.BAD_FORMAT, f"line {max(len(lines), 1)}: page does not end with # EOF")


def page_metadata(comments: Iterable[Comment]) -> dict[str, Metadata]:
    """What the comments of a page say of each metric family."""
    found: dict[str, dict[CommentKind, str]] = {}
    for comment in comments:
        found.setdefault(comment.name, {})[comment.kind] = comment.text
    return {
        name: Metadata(
            type=texts.get(CommentKind.TYPE, "unknown"),
            help=texts.get(CommentKind.HELP, ""),
            unit=texts.get(CommentKind.UNIT, ""),
        )
        for name, texts in found.items()
    }
