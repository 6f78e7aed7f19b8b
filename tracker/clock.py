"""The only module that reads the clock; the core and the store get the time as an argument.

What polls, delivers and decides gets a `Clock` by its constructor, so that a test drives it through days in a second.
Sockets, threads, child processes and pages live in real time and call `now` and `monotonic` of the module.
"""

import time


class Clock:
    """The system's clock. Another clock overrides all three methods."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC, from the wall clock (which may step)."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never backwards: for deadlines and durations only."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


SYSTEM = Clock()
now = SYSTEM.now
monotonic = SYSTEM.monotonic
