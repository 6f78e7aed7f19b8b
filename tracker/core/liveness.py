"""Decides whether a running tracker still turns, which is what the service manager's watchdog is told."""

from collections.abc import Iterable

from msgspec import Struct

SILENT_MAX_S = 30.0  # the metronome ticks once a second; after this long without a tick it has stopped
UNIT_SLACK_S = 180.0  # a unit of work may take its own deadline, and this much for the database


class UnitUnderWay(Struct, frozen=True):
    """The oldest unit of work that a worker pool is at.

    took_s: how long it has taken so far; 0.0 if the pool is idle.
    deadline_s: how long it may take by its own deadline.
    """

    pool: str
    took_s: float
    deadline_s: float


def what_is_stuck(silent_s: float, units: Iterable[UnitUnderWay]) -> str:
    """Why the watchdog must not be fed; "" while everything turns.

    silent_s: seconds since the last tick of the metronome.
    """
    if silent_s > SILENT_MAX_S:
        return "the metronome does not tick"
    for unit in units:
        if unit.took_s > unit.deadline_s + UNIT_SLACK_S:
            return f"{unit.pool} has been at one unit for {unit.took_s:.0f} s"
    return ""
