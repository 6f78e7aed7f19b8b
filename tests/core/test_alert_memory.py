"""What people tell an alert: that they know, or that it is to be silent; and what a panel that is down keeps quiet."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.core.beliefs import HOUR, NOW
from tracker.core import alerts
from tracker.core.alerts import Alert, AlertState, AlertStep, Finding

WRONG = Finding(wrong=True, clear=False, reason="bad")
BETWEEN = Finding(wrong=False, clear=False)
CLEAR = Finding(wrong=False, clear=True, reason="good")

ACK, SILENCE, DOWN, UP = "ack", "silence for an hour", "panel down", "panel up"


class Walker:
    """One alert on its way through looks and what people do about it in between."""

    def __init__(self, **rules):
        self.alert, self.rules, self.inhibited = Alert("main", "balance.low"), rules, False

    def step(self, after_s, what):
        """What was told at a look; None for everything that is no look."""
        now = NOW + after_s
        match what:
            case Finding():
                self.alert, told = alerts.judge(self.alert, what, now, inhibited=self.inhibited, **self.rules)
                return told
            case "ack":
                if self.alert.state is AlertState.RAISED:
                    self.alert = replace(self.alert, acked_at=now)
            case "silence for an hour":
                self.alert = replace(self.alert, silenced_until=now + HOUR, comment="maintenance")
            case "panel down" | "panel up":
                self.inhibited = what == DOWN
        return None

    def restart(self):
        self.alert = msgspec.json.decode(msgspec.json.encode(self.alert), type=Alert)


WALKS = {
    "acked: not reminded until it clears, which is told": (
        [(0, WRONG), (1, ACK), (HOUR, WRONG), (2 * HOUR, WRONG), (3 * HOUR, CLEAR)],
        ["raise", None, None, None, "clear"],
    ),
    "an ack ends with the alert": (
        [(0, WRONG), (1, ACK), (2, CLEAR), (3, WRONG), (4 + HOUR, WRONG)],
        ["raise", None, "clear", "raise", "remind"],
    ),
    "an ack of nothing is nothing": ([(0, ACK), (1, WRONG), (2 + HOUR, WRONG)], [None, "raise", "remind"]),
    "silenced: told once when the silence is over": (
        [(0, SILENCE), (1, WRONG), (2, WRONG), (HOUR, WRONG), (HOUR + 1, WRONG)],
        [None, None, None, "raise", None],
    ),
    "raised and cleared within a silence: neither is told": (
        [(0, SILENCE), (1, WRONG), (2, CLEAR), (HOUR, CLEAR), (2 * HOUR, WRONG)],
        [None, None, None, None, "raise"],
    ),
    "between the thresholds when the silence ends: not wrong any more, never told": (
        [(0, SILENCE), (1, WRONG), (HOUR, BETWEEN), (HOUR + 1, CLEAR)],
        [None, None, None, None],
    ),
    "silenced after it was told: no reminder before the silence is over": (
        [(0, WRONG), (1, SILENCE), (HOUR, WRONG), (HOUR + 1, WRONG), (HOUR + 2, WRONG)],
        ["raise", None, None, "remind", None],
    ),
    "the end of what was told is told within a silence, and a new beginning is not": (
        [(0, WRONG), (1, SILENCE), (2, CLEAR), (3, WRONG), (HOUR + 1, WRONG)],
        ["raise", None, "clear", None, "raise"],
    ),
    "nothing is raised while the panel is down": (
        [(0, DOWN), (1, WRONG), (2, WRONG), (3, UP), (4, WRONG)],
        [None, None, None, None, "raise"],
    ),
    "wrong and well again while the panel was down: never told": (
        [(0, DOWN), (1, WRONG), (2, BETWEEN), (3, UP), (4, CLEAR)],
        [None, None, None, None, None],
    ),
    "nothing is reminded or cleared while the panel is down": (
        [(0, WRONG), (1, DOWN), (HOUR, WRONG), (HOUR + 1, CLEAR), (HOUR + 2, UP), (HOUR + 3, CLEAR)],
        ["raise", None, None, None, None, "clear"],
    ),
}


@pytest.mark.parametrize("name", WALKS)
def test_what_is_told_and_when(name):
    steps, told = WALKS[name]
    walker = Walker(repeat_every_s=HOUR)
    assert [walker.step(*step) for step in steps] == told


def test_what_was_wrong_long_enough_within_a_silence_is_raised_at_its_end_with_its_own_beginning():
    walker = Walker(for_s=600)
    told = [walker.step(*step) for step in [(0, SILENCE), (60, WRONG), (1_000, WRONG), (HOUR, WRONG)]]
    assert told == [None, None, None, "raise"]
    assert walker.alert.since == NOW + 60


# state, silenced for how long -> does it keep quiet what follows from it
INHIBITORS = [
    (AlertState.RAISED, None, True),
    (AlertState.RAISED, HOUR, True),
    (AlertState.PENDING, None, False),
    (AlertState.PENDING, HOUR, True),
    (AlertState.PENDING, -1, False),
    (AlertState.OK, HOUR, False),
]


@pytest.mark.parametrize(("state", "silent_s", "inhibits"), INHIBITORS)
def test_a_panel_that_is_down_keeps_quiet_what_follows_silenced_or_not(state, silent_s, inhibits):
    down = Alert("main", "panel.down", state, silenced_until=None if silent_s is None else NOW + silent_s)
    assert alerts.inhibits(down, NOW) is inhibits


ACTS = st.sampled_from([WRONG, WRONG, BETWEEN, CLEAR, ACK, SILENCE, DOWN, UP])
STEPS = st.lists(st.tuples(st.sampled_from([1, 60, 1_800, 2 * HOUR]), ACTS), max_size=40)


@given(STEPS, st.sampled_from([0.0, 60.0]), st.sampled_from([None, 600.0, HOUR]))
def test_never_two_raises_without_a_clear_between_nor_a_word_that_was_not_wanted(steps, for_s, repeat_every_s):
    walker, restarted = (Walker(for_s=for_s, repeat_every_s=repeat_every_s) for _ in range(2))
    raised, after_s = False, 0.0
    for later_s, what in steps:
        after_s += later_s
        before, told = walker.alert, walker.step(after_s, what)
        restarted.restart()
        assert restarted.step(after_s, what) == told, "a restart changes nothing"
        assert told is None or not walker.inhibited
        assert told is not AlertStep.RAISE or (not raised and what.wrong)
        assert told is AlertStep.RAISE or told is None or raised
        if told in (AlertStep.RAISE, AlertStep.REMIND):
            assert not alerts.is_silenced(before, NOW + after_s)
        assert told is not AlertStep.REMIND or before.acked_at is None
        assert told is not AlertStep.CLEAR or walker.alert.acked_at is None
        raised = {AlertStep.RAISE: True, AlertStep.CLEAR: False}.get(told, raised)
        assert raised == (walker.alert.state is AlertState.RAISED)
    assert walker.alert == restarted.alert
