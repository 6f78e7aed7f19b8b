"""A flag that a signal handler sets, and that wakes the thread that waits for it."""

import contextlib
import os
import select


class SignalFlag:
    """Like a threading.Event, but its `set` takes no lock.

    A handler may interrupt the very thread that waits while it holds the Event's lock; `set` would wait for that lock
    for ever. Here a byte in a pipe wakes the thread.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._wake, self._note_down = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._wake)
        os.close(self._note_down)

    def set(self) -> None:
        self._is_set = True
        with contextlib.suppress(BlockingIOError):  # so many came that the pipe is full, which wakes as well
            os.write(self._note_down, b"!")

    def clear(self) -> None:
        self._is_set = False
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 65_536)

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is set, or for so long; returns whether it is set."""
        if not self._is_set:
            select.select([self._wake], [], [], timeout_s)
        return self._is_set
