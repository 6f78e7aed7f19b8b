"""Many orders of one panel in the same trouble within an hour are told as one event, not as one each.

The first ones are told singly, because nobody knows yet how many will follow. From the one on that would be too many,
all of them wait, for a few minutes at first, so that the event names as many as it can:

  within an hour                            what is told
  ----------------------------------------  ---------------------------------------------------------------
  up to 25, or 1 % of the open orders       one event each (`order.stuck`)
  more                                      nothing at once; all that wait after SETTLE_S in one event
                                            (`orders.stuck`)
  further ones, up to an hour after that    nothing at once; one event when the hour is over
"""

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

HOUR_S = 3_600.0
SETTLE_S = 300.0
SINGLES_MIN, SINGLES_SHARE = 25, 100  # so many, or the hundredth part of the open orders
IDS_MAX = 50  # that an event names

# The event that one order gets -> the event that stands for many of them.
TOGETHER: Mapping[str, str] = {
    "order.stuck": "orders.stuck",
    "order.unanswered": "orders.unanswered",
    "order.not_found": "orders.not_found",
}
SINGLE: Mapping[str, str] = {many: one for one, many in TOGETHER.items()}


class Crowd(Struct, frozen=True):
    """What was told lately about one panel's orders in one kind of trouble.

    since: when the hour began. told: how many were told singly in it. said_at: when some were told together last.
    first_at: since when the first of those waits that are to be told together; None: none does.
    """

    since: float
    told: int = 0
    said_at: float | None = None
    first_at: float | None = None


def after(crowd: Crowd | None, more: int, now: float) -> Crowd:
    """Returns the crowd once `more` orders were told singly."""
    if crowd is None or not 0 <= now - crowd.since < HOUR_S:
        return Crowd(now, more, None if crowd is None else crowd.said_at)
    return replace(crowd, told=crowd.told + more)


def waits(crowd: Crowd | None, more: int, open_orders: Callable[[], int], now: float) -> bool:
    """Whether `more` orders wait to be told together with others.

    open_orders: counts those of the panel; called only where that matters.
    """
    if crowd is not None and (crowd.first_at is not None or _said_lately(crowd, now)):
        return True
    told = after(crowd, more, now).told
    return told > SINGLES_MIN and told > open_orders() // SINGLES_SHARE


def is_due(crowd: Crowd, now: float) -> bool:
    """Whether there are some that wait, and they are told now."""
    return crowd.first_at is not None and not 0 <= now - crowd.first_at < SETTLE_S and not _said_lately(crowd, now)


def _said_lately(crowd: Crowd, now: float) -> bool:
    return crowd.said_at is not None and 0 <= now - crowd.said_at < HOUR_S
