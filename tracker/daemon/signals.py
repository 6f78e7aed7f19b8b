"""Hands SIGTERM, SIGINT and SIGHUP to the main thread, which acts on them when it is ready to."""

import signal
from types import FrameType

from tracker.signal_flag import SignalFlag


class Signals:
    """What the process was asked to do. The handlers only note it; the main thread acts.

    stop: the tracker is to end.
    """

    def __init__(self) -> None:
        self.stop = False
        self._came = SignalFlag()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._note)

    @property
    def pending(self) -> bool:
        """Whether a signal came and was not handled yet."""
        return self._came.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a signal; True as soon as one has come, False after `timeout_s`."""
        return self._came.wait(timeout_s)

    def clear(self) -> None:
        """Note that the pending signals are being handled."""
        self._came.clear()

    def _note(self, signum: int, _frame: FrameType | None) -> None:
        self.stop = self.stop or signum != signal.SIGHUP
        self._came.set()
