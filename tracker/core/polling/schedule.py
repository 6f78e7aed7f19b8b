"""When to ask again.

Nothing is remembered here: the schedule itself is the column `next_poll_at`. `jitter` is a number in [0, 1) that the
caller draws once per answer, so that orders polled together stay together and one call keeps asking about a hundred.
"""

from msgspec import Struct

from tracker.core.model import Tracking
from tracker.core.rules import PollRules

DAY_S = 86_400.0

FRESH_SHARE = 0.2  # a fresh order is asked up to five times as often
JITTER_SHARE = 0.1  # never later than the rule says, up to a tenth sooner


class Pace(Struct, frozen=True):
    """What decides how often an order is asked about.

    born_at: when it was placed. None: not known, and it counts as old, because asking about 100,000 imported orders as
        often as about new ones would delay all others.
    """

    tracking: Tracking
    born_at: float | None
    finished_at: float | None


def next_poll_at(pace: Pace, now: float, rules: PollRules, jitter: float) -> float | None:
    """Returns when to ask about this order again, having asked at `now`; None: never."""
    interval_s = _interval_s(pace, now, rules)
    return None if interval_s is None else now + interval_s * (1.0 - JITTER_SHARE * jitter)


def reason(pace: Pace, answered: bool, now: float, rules: PollRules) -> str:
    """Returns in one word why the next poll is when it is: `next_poll_reason` of the JSON."""
    if not answered:
        return "new"
    if pace.tracking is Tracking.ACTIVE:
        return "fresh" if _fresh_s(pace, now, rules) < rules.poll_every_s else "open"
    if pace.tracking is Tracking.FINISHED:
        return "done" if _interval_s(pace, now, rules) is None else "recheck"
    return pace.tracking.value


def _interval_s(pace: Pace, now: float, rules: PollRules) -> float | None:
    if pace.tracking is Tracking.ACTIVE:
        return _fresh_s(pace, now, rules)
    if pace.tracking is Tracking.NOT_FOUND:
        return DAY_S
    if pace.tracking is Tracking.PAUSED:
        return None
    finished_at = pace.finished_at if pace.finished_at is not None else now
    return rules.recheck_every_s if now - finished_at < rules.recheck_until_s else None


def _fresh_s(pace: Pace, now: float, rules: PollRules) -> float:
    """Returns half the age of an order, within the limits: young orders change soonest."""
    if pace.born_at is None:
        return rules.poll_every_s
    half_age_s = (now - pace.born_at) / 2
    if half_age_s >= rules.poll_every_s:
        return rules.poll_every_s
    return max(half_age_s, FRESH_SHARE * rules.poll_every_s)


def missed_s(rules: PollRules) -> float:
    """Returns how soon to ask again about an order that an answer left out, in seconds."""
    return FRESH_SHARE * rules.poll_every_s


FIRST_LOOK_SHARE = 0.75  # of the calls that are free; the rest is kept for what comes unforeseen
FIRST_LOOK_LEAST = 0.1  # of all calls: an import comes to its end even when no call is free
# Calls a minute, however large the budget: recording news about a thousand orders a second takes a tenth of a core.
FIRST_LOOKS_MAX = 600.0


class FirstLooks(Struct):
    """The queue for the first polls of many orders that are handed over to one panel together.

    If a hundred thousand orders were due at once, every order that becomes due a second later would wait until all of
    them have been asked about. So their calls are `every_s` apart: `size` orders are due at first_at, the next `size`
    are due `every_s` later, and so on.

    placed: how many orders have their place.
    """

    first_at: float
    every_s: float
    size: int
    placed: int = 0

    @property
    def next_at(self) -> float:
        return self.first_at + self.placed // self.size * self.every_s

    @property
    def last_at(self) -> float:
        return self.first_at + max(self.placed - 1, 0) // self.size * self.every_s


def first_look_every_s(rules: PollRules, due: int, size: int, took_s: float | None) -> float:
    """Returns how far apart the calls of first looks are, in seconds, so that other orders are not delayed.

    due: orders that become due within the next `poll_every`.
    size: orders that one call asks about.
    took_s: how long calls took lately; slow calls cannot use the whole budget.
    """
    can = float(rules.max_requests_per_minute)
    if took_s:
        can = min(can, rules.max_concurrency * 60.0 / took_s)
    wanted = due / size * 60.0 / rules.poll_every_s
    return 60.0 / min(max(can * FIRST_LOOK_LEAST, (can - wanted) * FIRST_LOOK_SHARE), FIRST_LOOKS_MAX)


RUN_AGAIN_MAX_S = 900.0  # a command that fails is tried again within a quarter of an hour, however long it has failed


def next_run_at(started_at: float, every_s: float, failures: int, now: float) -> float:
    """Returns when a command that was begun at `started_at` is run again.

    failures: in a row, this run included.
    """
    if not failures:
        return max(started_at + every_s, now)
    return now + max(every_s, min(every_s * 2.0 ** min(failures - 1, 30), RUN_AGAIN_MAX_S))
