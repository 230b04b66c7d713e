"""Bytes of a log, piece by piece, to lines."""

LONGEST_LINE = 64 * 1024


class LineSplitter:
    """Cuts lines at LONGEST_LINE bytes: what is longer is passed over up to the line's end, and counted.

    Attributes:
        cut: bytes of lines that were passed over: beyond the longest, or begun before a gap.
    """

    def __init__(self) -> None:
        self.cut = 0
        self._begun = b""
        self._passing_over = False

    @property
    def has_begun(self) -> bool:
        """Whether a line has begun whose end has not come."""
        return bool(self._begun)

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end in ``data``, without their ends."""
        first, *rest = data.split(b"\n")
        if not rest:
            self._begin(first)
            return []
        lines = self._finish(first)
        self._begin(rest.pop())
        if rest:
            tidy = len(max(rest, key=len)) <= LONGEST_LINE and b"\r" not in data
            lines += rest if tidy else [self._tidied(line) for line in rest]
        return lines

    def end(self) -> list[bytes]:
        """No more comes of the line that has begun: it is taken as it is."""
        return self._finish(b"") if self._begun else []

    def pass_over(self) -> None:
        """The rest of the present line, whose beginning is not known, is not wanted."""
        self.cut += len(self._begun)
        self._begun, self._passing_over = b"", True

    def restart(self) -> None:
        """The next byte is the first of a file."""
        self._begun, self._passing_over = b"", False

    def _begin(self, data: bytes) -> None:
        if self._passing_over:
            return
        room = LONGEST_LINE - len(self._begun)
        self.cut += max(len(data) - room, 0)
        self._begun += data[:room]

    def _finish(self, data: bytes) -> list[bytes]:
        self._begin(data)
        begun, passed = self._begun, self._passing_over
        self.restart()
        return [] if passed else [begun.removesuffix(b"\r")]

    def _tidied(self, line: bytes) -> bytes:
        self.cut += max(len(line) - LONGEST_LINE, 0)
        return line[:LONGEST_LINE].removesuffix(b"\r")
