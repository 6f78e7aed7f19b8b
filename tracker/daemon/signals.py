"""SIGTERM, SIGINT and SIGHUP, as the main thread hears of them."""

import contextlib
import os
import select
import signal
from types import FrameType


class Signals:
    """What the process was asked to do. The handlers only take note; the main thread acts.

    They take no lock: a signal may come while the main thread is inside a lock of its own, which nobody but that very
    thread could let go of. A byte in a pipe wakes whoever waits.
    """

    def __init__(self) -> None:
        self.stop = False
        self.pending = False
        self._wake, self._note_down = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._note)

    def wait(self, timeout_s: float) -> bool:
        """True as soon as one came."""
        if not self.pending:
            select.select([self._wake], [], [], timeout_s)
        return self.pending

    def clear(self) -> None:
        self.pending = False
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 65_536)

    def _note(self, signum: int, _frame: FrameType | None) -> None:
        self.stop = self.stop or signum != signal.SIGHUP
        self.pending = True
        with contextlib.suppress(BlockingIOError):  # so many came that the pipe is full: it wakes as well
            os.write(self._note_down, b"!")
