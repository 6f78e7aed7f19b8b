"""What the watchdog calls stuck: a silent metronome, or a unit of work far beyond its own deadline."""

import math

import pytest

from tracker.core.liveness import SILENT_MAX_S, UNIT_SLACK_S, UnitUnderWay, what_is_stuck

IDLE = UnitUnderWay("hook:ops", 0.0, 15.0)
BUSY = UnitUnderWay("poll:main", 60.0, 60.0)
LATE = UnitUnderWay("poll:main", 60.0 + UNIT_SLACK_S, 60.0)
STUCK = UnitUnderWay("poll:main", 60.5 + UNIT_SLACK_S, 60.0)
LATER = UnitUnderWay("hook:ops", 1_000.0, 15.0)
ENDLESS = UnitUnderWay("own", 1e9, math.inf)

SILENT = "the metronome does not tick"
STUCK_SAID = "poll:main has been at one unit for 240 s"


@pytest.mark.parametrize(
    ("silent_s", "units", "said"),
    [
        (0.0, [], ""),
        (1.0, [IDLE, BUSY], ""),
        (SILENT_MAX_S, [IDLE], ""),
        (SILENT_MAX_S + 0.1, [IDLE], SILENT),
        (SILENT_MAX_S + 0.1, [STUCK], SILENT),
        (0.0, [LATE], ""),
        (0.0, [IDLE, STUCK], STUCK_SAID),
        (0.0, [STUCK, LATER], STUCK_SAID),
        (0.0, [LATER, STUCK], "hook:ops has been at one unit for 1000 s"),
        (0.0, [ENDLESS], ""),
    ],
)
def test_what_is_stuck_is_said_and_all_else_is_patience(silent_s, units, said):
    assert what_is_stuck(silent_s, units) == said
