"""The only module that reads the clock; the core and the store get the time as an argument."""

import time


def now() -> float:
    """Seconds since the Unix epoch, UTC, from the wall clock (which may step)."""
    return time.time()


def monotonic() -> float:
    """Seconds from an arbitrary start, never backwards: for deadlines and durations only."""
    return time.monotonic()
