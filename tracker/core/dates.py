"""Days as people in one time zone count them."""

from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo


def day_in(zone: str) -> Callable[[float], str]:
    """What turns a moment into its day in this zone, "2026-11-26"."""
    place = ZoneInfo(zone)

    # No zone changes its offset, and none begins its day, but at a whole quarter of an hour.
    @lru_cache(maxsize=4096)
    def day_of_quarter(quarter: int) -> str:
        return datetime.fromtimestamp(quarter * 900, place).date().isoformat()

    return lambda at: day_of_quarter(int(at // 900))


# A moment of these exists in every zone; whoever asks for more asks for all there is.
_FIRST, _LAST = date(1, 1, 3), date(9999, 12, 29)


def starts(day: str, zone: str) -> float:
    """The moment at which a day begins in this zone."""
    begun = min(max(date.fromisoformat(day), _FIRST), _LAST)
    return datetime.combine(begun, datetime.min.time(), ZoneInfo(zone)).timestamp()


def later(day: str, days: int) -> str:
    """The day so many days after `day`; before it where negative. The end of the calendar is an end."""
    ordinal = date.fromisoformat(day).toordinal() + days
    return date.fromordinal(min(max(ordinal, _FIRST.toordinal()), _LAST.toordinal())).isoformat()
