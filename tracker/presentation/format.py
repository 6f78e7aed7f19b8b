"""How a value is shown to people, in a terminal and in a browser alike: words, money, moments, durations, shares."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tracker.core.statistics import money_text
from tracker.core.text import safe_text
from tracker.reports.rows import MOMENTS

When = Callable[[float], str]  # shows a moment

# Heads of columns that are not made of the key: narrow columns need short words.
TITLES = {
    "last_changed_at": "changed",
    "next_poll_at": "next",
    "next_attempt_at": "next",
    "event_type": "event",
    "oldest_waiting_at": "oldest",
    "orders_active": "active",
    "orders_due": "due",
    "budget_used": "used",
    "last_answer_at": "answered",
    "trouble_since": "since",
    "trouble_message": "what it said",
    "runway_h": "runway",
    "wait_until": "wait",
    "remote_id": "about",
}
UNITS_S = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
# The keys of shares: numbers between 0 and 1.
SHARES = frozenset(
    f"{what}{end}"
    for what in ("partial", "canceled", "refunded", "failed", "refill_rejected", "ok_rate", "honesty", "success")
    for end in ("", "_low", "_high")
)


def title(key: str) -> str:
    """The head of a column of these values."""
    return TITLES.get(key) or key.removesuffix("_at").removesuffix("_s").replace("_", " ")


def cell(key: str, value: Any, when: When) -> str:
    """A value as people read it; unknown is a dash."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float() if is_moment(key):
            return when(value)
        case float() if key in SHARES:
            return f"{value * 100:.1f} %"
        case int() | float() if key.endswith("_s"):
            return span(value)
        case int() | float() if key == "runway_h":
            return span(value * 3_600)
        case Decimal():
            return format(value, "f")
        case Mapping():
            return safe_text(_mapping(value))
        case list() | tuple():
            return safe_text(", ".join(map(str, value)))
        case _:
            return safe_text(str(value))


def interval(row: Mapping[str, Any], key: str, keys: Sequence[str]) -> str:
    """The 95 % interval of a share, `2.6-51.3 %`; "": there is none, or `keys`, the columns that are shown, have it."""
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    return "" if low is None or high is None or f"{key}_low" in keys else f"{low * 100:.1f}-{high * 100:.1f} %"


def span(seconds: float) -> str:
    """A duration in two units at most: `4ms`, `0.35s`, `42s`, `1h 05m`, `3d 4h`."""
    if 0 < seconds < 0.1:
        return f"{max(seconds * 1000, 1):.0f}ms"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.2f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3_600}h {whole % 3_600 // 60:02d}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3_600}h"


def when_in(zone: str) -> When:
    """Shows moments in a time zone: `2026-11-23 02:14:07Z`, or with the offset of the zone."""
    place = ZoneInfo(zone)
    return lambda at: datetime.fromtimestamp(int(at), place).isoformat(" ").replace("+00:00", "Z")


def ago_from(now: float) -> When:
    """Shows moments as they lie from now: `4m ago`, `in 20s`."""

    def when(at: float) -> str:
        away_s = abs(at - now)
        unit, size = next(((u, s) for u, s in UNITS_S if away_s >= 2 * s), UNITS_S[-1])
        long = f"{away_s / size:.0f}{unit}"
        return f"in {long}" if at > now else f"{long} ago"

    return when


def is_moment(key: str) -> bool:
    """Whether the values of this key are moments."""
    return key.rpartition("_")[2] in MOMENTS


def is_number(value: Any) -> bool:
    """Whether the value is a number; a bool is none."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _mapping(value: Mapping[str, Any]) -> str:
    """Money by currency as `1.20 USD + 3 EUR`, anything else by name as `ok 3, failed 1`."""
    if value and all(isinstance(amount, Decimal) for amount in value.values()) and all(len(name) < 8 for name in value):
        return money_text(value)
    return ", ".join(f"{name} {_plain(amount)}".strip() for name, amount in value.items()) or "-"


def _plain(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
