"""Reads the lines of any file or pipe: no line is held in memory beyond a length, and bytes that are not UTF-8 are
noticed line by line."""

from typing import TextIO

LINE_MAX = 65_536  # characters; the longest row there can be is far below
_ENDS = ("\n", "\r")


class LineReader:
    """Iterates over the lines of `stream`, which was opened with errors="surrogateescape".

    A line that cannot be read leaves the reason in `wrong`, until `take_wrong` is called. A line that is too long is
    returned as a blank one, so that no part of it is taken for a row.
    """

    def __init__(self, stream: TextIO) -> None:
        self.wrong = ""
        self._stream = stream
        self._back: tuple[str, str] | None = None

    def __iter__(self) -> "LineReader":
        return self

    def __next__(self) -> str:
        if self._back is not None:
            (line, self.wrong), self._back = self._back, None
            return line
        line = self._stream.readline(LINE_MAX)
        if not line:
            raise StopIteration
        if len(line) == LINE_MAX and not line.endswith(_ENDS):
            self._skip()
            self.wrong = f"longer than {LINE_MAX:,} characters"
            return "\n"
        if not _is_text(line):
            self.wrong = "not UTF-8 text"
        return line

    def put_back(self, line: str, wrong: str) -> None:
        """Return this line again as the next one."""
        self._back = (line, wrong)

    def take_wrong(self) -> str:
        """Returns why a line since the last call cannot be read; "" when all can."""
        why, self.wrong = self.wrong, ""
        return why

    def _skip(self) -> None:
        while (more := self._stream.readline(LINE_MAX)) and not more.endswith(_ENDS):
            pass


def _is_text(line: str) -> bool:
    """Whether the line is UTF-8; other bytes were read as lone surrogates."""
    if line.isascii():
        return True
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True
