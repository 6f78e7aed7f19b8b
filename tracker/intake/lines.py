"""The lines of a file or a pipe, whatever somebody puts into it: none is held in memory beyond a length, and what is
not UTF-8 is noticed line by line."""

from typing import TextIO

LINE_MAX = 65_536  # characters; the longest row there can be is far below
_ENDS = ("\n", "\r")


class LineReader:
    """Iterates over the lines of `stream`, which was opened with errors="surrogateescape".

    A line that cannot be taken leaves in `wrong` why, until somebody takes that out; it comes as a blank one if it was
    too long, so that nothing of it is taken for a row.
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
        """It is the next one again."""
        self._back = (line, wrong)

    def take_wrong(self) -> str:
        """Why a line since the last time cannot be taken; "" when there was none."""
        why, self.wrong = self.wrong, ""
        return why

    def _skip(self) -> None:
        while (more := self._stream.readline(LINE_MAX)) and not more.endswith(_ENDS):
            pass


def _is_text(line: str) -> bool:
    """Bytes that are no UTF-8 came as lone surrogates."""
    if line.isascii():
        return True
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True
