"""Moments as RFC 3339 text, and days in a time zone."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo


def rfc3339(at: float) -> str:
    """Returns `2026-11-23T02:14:07Z` (RFC 3339, UTC, whole seconds)."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_or_none(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def day_in(zone: str) -> Callable[[float], str]:
    """Returns a function from a moment to its day in this zone, "2026-11-26"."""
    place = ZoneInfo(zone)

    # Every zone's offset changes, and every day begins, at a whole quarter of an hour.
    @lru_cache(maxsize=4096)
    def day_of_quarter(quarter: int) -> str:
        return datetime.fromtimestamp(quarter * 900, place).date().isoformat()

    return lambda at: day_of_quarter(int(at // 900))


# The first and last day of which every moment exists in every zone; days beyond are clamped to them.
_FIRST, _LAST = date(1, 1, 3), date(9999, 12, 29)


def starts(day: str, zone: str) -> float:
    """Returns the moment at which a day begins in this zone."""
    begun = min(max(date.fromisoformat(day), _FIRST), _LAST)
    return datetime.combine(begun, datetime.min.time(), ZoneInfo(zone)).timestamp()


def later(day: str, days: int) -> str:
    """Returns the day that is `days` days after `day`, clamped to the ends of the calendar.

    days: negative for a day before it.
    """
    ordinal = date.fromisoformat(day).toordinal() + days
    return date.fromordinal(min(max(ordinal, _FIRST.toordinal()), _LAST.toordinal())).isoformat()
