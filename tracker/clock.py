"""The only reader of the clock. Everything else is told what time it is."""

import time


def now() -> float:
    """Seconds since the Unix epoch, UTC, from the wall clock (which may step)."""
    return time.time()


def monotonic() -> float:
    """Seconds from an arbitrary start, never backwards: for deadlines and durations only."""
    return time.monotonic()
