"""Alerts: raised once, reminded seldom, cleared at a threshold of their own; a restart repeats nothing."""

from decimal import Decimal

import msgspec
import pytest

from tests.core.beliefs import DAY, HOUR, NOW
from tracker.core import alerts
from tracker.core.alerts import Alert, AlertState, Finding

D = Decimal
WRONG = Finding(wrong=True, clear=False, reason="bad")
BETWEEN = Finding(wrong=False, clear=False)
CLEAR = Finding(wrong=False, clear=True, reason="good")


def walk(looks, restart=False, **rules):
    """[(seconds, finding)] -> what was told at each look; `restart`: the memory goes through a row each time."""
    alert, told = Alert("main", "balance.low"), []
    for after_s, found in looks:
        alert, step = alerts.judge(alert, found, NOW + after_s, **rules)
        told.append(step)
        if restart:
            alert = msgspec.json.decode(msgspec.json.encode(alert), type=Alert)
    return alert, told


WALKS = {
    "raised once, cleared once": (
        [(0, CLEAR), (1, WRONG), (2, WRONG), (3, CLEAR), (4, CLEAR)],
        {},
        [None, "raise", None, "clear", None],
    ),
    "between the thresholds nothing changes": (
        [(0, WRONG), (1, BETWEEN), (2, WRONG), (3, BETWEEN), (4, CLEAR), (5, BETWEEN)],
        {},
        ["raise", None, None, None, "clear", None],
    ),
    "reminded every so often while it lasts": (
        [(0, WRONG), (HOUR, WRONG), (12 * HOUR, WRONG), (13 * HOUR, WRONG), (24 * HOUR, BETWEEN), (25 * HOUR, CLEAR)],
        {"repeat_every_s": 12 * HOUR},
        ["raise", None, "remind", None, "remind", "clear"],
    ),
    "only when it has lasted": (
        [(0, WRONG), (59, WRONG), (60, WRONG), (61, WRONG)],
        {"for_s": 60},
        [None, None, "raise", None],
    ),
    "what was over before it was told is not told": (
        [(0, WRONG), (30, CLEAR), (40, WRONG), (90, WRONG), (100, WRONG)],
        {"for_s": 60},
        [None, None, None, None, "raise"],
    ),
    "no longer wrong is over for one that was not told, clear or not": (
        [(0, WRONG), (30, BETWEEN), (60, WRONG), (61, WRONG)],
        {"for_s": 60},
        [None, None, None, None],
    ),
    "raised again after it was over": (
        [(0, WRONG), (1, CLEAR), (2, WRONG), (3, CLEAR)],
        {"repeat_every_s": HOUR},
        ["raise", "clear", "raise", "clear"],
    ),
}


@pytest.mark.parametrize("restart", [False, True], ids=["", "restarted at every look"])
@pytest.mark.parametrize("name", WALKS)
def test_what_is_told_and_when(name, restart):
    looks, rules, told = WALKS[name]
    alert, steps = walk(looks, restart, **rules)
    assert steps == told
    assert alert.seq == len([step for step in steps if step])  # each telling has a number of its own


def test_the_memory_says_since_when_why_and_how_often():
    alert, _ = walk([(0, WRONG), (50, WRONG), (HOUR, WRONG), (HOUR + 60, WRONG)], for_s=60, repeat_every_s=60)
    assert alert == Alert(
        "main", "balance.low", AlertState.RAISED, NOW, NOW + HOUR + 60, 1, "bad", 2, raised_at=NOW + HOUR
    )
    over, _ = alerts.judge(alert, CLEAR, NOW + 2 * HOUR)
    assert (over.state, over.since, over.reason) == (AlertState.OK, NOW, "good")


# alert; looks (minute, is it wrong?) -> the minutes of its beginnings and ends
STEADINESS = [
    ("balance.low", [(0, 1), (1, 0), (2, 1), (3, 0), (4, 1), (5, 0)], [0, 1, 2, 3, 4, 5]),
    ("panel.down", [(0, 1), (1, 0), (2, 1), (3, 0), (4, 1), (5, 0)], [0, 1, 2]),
    ("panel.down", [(0, 1), (1, 0), (2, 1), (3, 0), (361, 0), (362, 0), (363, 1)], [0, 1, 2, 362, 363]),
    ("panel.down", [(0, 1), (1, 0), (361, 1), (362, 0), (363, 1), (364, 0)], [0, 1, 361, 362, 363]),
    ("panel.degraded", [(0, 1), (1, 0), (29, 0), (31, 0), (32, 0)], [0, 31]),
    ("panel.degraded", [(0, 1), (1, 0), (20, 1), (31, 0), (50, 0), (61, 0)], [0, 61]),
    ("panel.degraded", [(0, 1), (1, 0), (31, 0), (60, 1), (300, 1), (360, 1), (361, 0), (390, 0)], [0, 31, 360]),
]


@pytest.mark.parametrize(("name", "looks", "told"), STEADINESS)
def test_what_comes_and_goes_is_not_told_each_time(name, looks, told):
    alert, minutes = Alert("main", name), []
    for minute, wrong in looks:
        alert, step = alerts.judge(alert, WRONG if wrong else CLEAR, NOW + minute * 60)
        minutes += [minute] if step else []
    assert minutes == told


# amount, below, clear_above -> wrong, clear
BALANCES = [
    ("19.99", "20", "25", True, False),
    ("20", "20", "25", False, False),
    ("24.99", "20", "25", False, False),
    ("25", "20", "25", False, True),
    ("-3", "0", None, True, False),
    ("20", "20", None, False, True),
]


@pytest.mark.parametrize(("amount", "below", "clear_above", "wrong", "clear"), BALANCES)
def test_a_balance_has_two_thresholds(amount, below, clear_above, wrong, clear):
    found = alerts.balance_low(D(amount), D(below), None if clear_above is None else D(clear_above))
    assert (found.wrong, found.clear) == (wrong, clear)


def test_a_balance_that_swings_around_one_threshold_is_told_once():
    looks = [(n, alerts.balance_low(D("19") + n % 3, D("20"), D("25"))) for n in range(50)]
    assert [step for step in walk(looks)[1] if step] == ["raise"]


# runway, below -> wrong, clear
RUNWAYS = [
    (11 * HOUR, True, False),
    (12 * HOUR, False, False),
    (14 * HOUR, False, False),
    (15 * HOUR, False, True),
    (None, False, False),
]


@pytest.mark.parametrize(("runway_s", "wrong", "clear"), RUNWAYS)
def test_a_runway_is_well_again_when_it_is_a_quarter_longer_than_what_raised_it(runway_s, wrong, clear):
    found = alerts.runway_low(runway_s, 12 * HOUR)
    assert (found.wrong, found.clear) == (wrong, clear)


def test_where_nothing_is_spent_any_more_the_runway_is_well():
    found = alerts.runway_low(None, 12 * HOUR, burns=False)
    assert (found.wrong, found.clear) == (False, True)


def samples(*pairs):
    return [(NOW - days * DAY, D(amount)) for days, amount in pairs]


BURNS = {
    "silent below a day of history": (samples((0.99, "100"), (0, "10")), None),
    "nothing known": ([], None),
    "a day is enough": (samples((1, "100"), (0, "90")), D(10)),
    "the mean of the days there are": (samples((4, "100"), (3, "90"), (1, "70"), (0, "60")), D(10)),
    "deposits are left out": (samples((2, "10"), (1.5, "110"), (1, "100"), (0.5, "200"), (0, "190")), D(10)),
    "nothing spent": (samples((3, "10"), (1, "20")), D(0)),
    "no longer ago than seven days": (samples((30, "1000"), (8, "100"), (7, "93"), (0, "23")), D(11)),
    "one old balance that never moved": (samples((20, "50")), D(0)),
}


@pytest.mark.parametrize("name", BURNS)
def test_the_burn_is_the_mean_spending_of_a_day(name):
    history, burn = BURNS[name]
    assert alerts.burn_per_day(history, NOW) == burn


@pytest.mark.parametrize(
    ("amount", "burn", "runway_s"),
    [("20", "10", 2 * DAY), ("0", "10", 0.0), ("-5", "10", 0.0), ("20", "0", None), ("20", None, None)],
)
def test_the_runway_is_how_long_the_balance_lasts(amount, burn, runway_s):
    assert alerts.runway_s(D(amount), None if burn is None else D(burn)) == runway_s
