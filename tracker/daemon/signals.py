"""Hands SIGTERM, SIGINT and SIGHUP to the main thread, which acts on them when it is ready to."""

import contextlib
import os
import select
import signal
from types import FrameType


class Signals:
    """What the process was asked to do. The handlers only note it; the main thread acts.

    The handlers take no lock: a signal may come while the main thread holds one, and they run in that same thread. A
    byte in a pipe wakes the main thread if it waits.

    stop: the tracker is to end. pending: a signal came and was not handled yet.
    """

    def __init__(self) -> None:
        self.stop = False
        self.pending = False
        self._wake, self._note_down = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._note)

    def wait(self, timeout_s: float) -> bool:
        """Wait for a signal; True as soon as one has come, False after `timeout_s`."""
        if not self.pending:
            select.select([self._wake], [], [], timeout_s)
        return self.pending

    def clear(self) -> None:
        """Note that the pending signals are being handled."""
        self.pending = False
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 65_536)

    def _note(self, signum: int, _frame: FrameType | None) -> None:
        self.stop = self.stop or signum != signal.SIGHUP
        self.pending = True
        with contextlib.suppress(BlockingIOError):  # so many came that the pipe is full, which wakes as well
            os.write(self._note_down, b"!")
