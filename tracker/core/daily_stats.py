"""Daily sums over the moves of orders: what each move adds to which day, panel, service and tag.

    counts     tracked                orders that came in
               to:STATUS              moves into it from another status
               ended:STATUS           moves into a final status from one that is not, or from none
               regressed              unexpected moves out of a final status
               delivered:CURRENCY     units that ended orders delivered, where quantity, remains and charge are known
    money      spend                  what a panel was seen to charge: the change of the charge, or the whole charge
                                      at the first answer about the order
               back                   what charges fell by
               cost                   the charges of the orders that `delivered` counts, and later changes of them
    durations  start, finish          from the order's birth to its first "in progress", and to its end
               window                 between the two polls that a move lies between

All of them add up, so that a move can be taken out again by adding it with the opposite sign.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tracker.core.status import FINAL, NOT_STARTED, OrderStatus

_FINAL = frozenset(status.value for status in FINAL)
_NOT_STARTED = frozenset(status and status.value for status in NOT_STARTED)
_STARTED = OrderStatus.IN_PROGRESS.value

DayOf = Callable[[float], str]  # from a moment to its day in the configured time zone, "2026-11-26"
# (at, not_before, old, new, charge, old_charge, remains, regressed, currency, panel, service, quantity, born_at, tags):
# money as Decimal, tags as a sequence; old is None for the first answer about an order.
CountedMove = tuple[Any, ...]


class Sums(Struct):
    """The sums by key. A service or currency that is not known is "".

    counts: (day, panel, service, what).
    money: (day, panel, "service" or "tag", its name, currency, what).
    durations: (panel, service, what, seconds) -> how many.
    """

    counts: dict[tuple[str, str, str, str], int]
    money: dict[tuple[str, str, str, str, str, str], Decimal]
    durations: dict[tuple[str, str, str, int], int]

    @classmethod
    def empty(cls) -> "Sums":
        return cls(defaultdict(int), defaultdict(Decimal), defaultdict(int))


def rounded(seconds: float) -> int:
    """Returns whole seconds, rounded down to three significant digits; durations are counted by this number."""
    whole = max(int(seconds), 0)
    unit: int = 10 ** max(len(str(whole)) - 3, 0)
    return whole // unit * unit


def add_moves(sums: Sums, moves: Iterable[CountedMove], day_of: DayOf, sign: int = 1) -> None:
    """Add moves to the sums.

    sign: -1 takes them out again.
    """
    for move in moves:
        _add(sums, move, day_of(move[0]), sign)


def add_tracked(sums: Sums, found: Iterable[tuple[str, str, float]], day_of: DayOf, sign: int = 1) -> None:
    """Add newly tracked orders to the sums.

    found: (panel, service, tracked_at) of each.
    """
    for panel, service, at in found:
        sums.counts[day_of(at), panel, service, "tracked"] += sign


def _add(sums: Sums, move: CountedMove, day: str, sign: int) -> None:
    at, not_before, old, new, charge, old_charge, remains, regressed, currency, panel, service, quantity, born_at, _ = (
        move
    )
    moved = old != new
    ended = new in _FINAL and old not in _FINAL
    if moved:
        sums.counts[day, panel, service, f"to:{new}"] += sign
        if not_before is not None:
            sums.durations[panel, "", "window", rounded(at - not_before)] += sign
    if regressed:
        sums.counts[day, panel, service, "regressed"] += sign
    if ended:
        sums.counts[day, panel, service, f"ended:{new}"] += sign
    if born_at is not None and ended:
        sums.durations[panel, service, "finish", rounded(at - born_at)] += sign
    elif born_at is not None and new == _STARTED and old in _NOT_STARTED:
        sums.durations[panel, service, "start", rounded(at - born_at)] += sign
    if charge is not None:
        _add_money(sums, move, day, sign, charge - (old_charge or 0) if old is not None else charge)
    if ended and charge is not None and quantity and remains is not None:
        delivered = quantity - min(max(remains, 0), quantity)
        sums.counts[day, panel, service, f"delivered:{currency}"] += sign * delivered
        sums.money[day, panel, "service", service, currency, "cost"] += sign * charge
    elif charge is not None and old_charge is not None and old in _FINAL and new in _FINAL and quantity:
        sums.money[day, panel, "service", service, currency, "cost"] += sign * (charge - old_charge)


def _add_money(sums: Sums, move: CountedMove, day: str, sign: int, spent: Decimal) -> None:
    if not spent:
        return
    _, _, _, _, _, _, _, _, currency, panel, service, _, _, tags = move
    for dim, names in (("service", (service,)), ("tag", tags)):
        for name in names:
            sums.money[day, panel, dim, name, currency, "spend"] += sign * spent
            if spent < 0:
                sums.money[day, panel, dim, name, currency, "back"] -= sign * spent


def merged(into: Sums, other: Sums) -> Sums:
    """Adds all of `other` to `into` and returns it."""
    _merge(into.counts, other.counts)
    _merge(into.money, other.money)
    _merge(into.durations, other.durations)
    return into


def _merge(into: dict[Any, Any], other: Mapping[Any, Any]) -> None:
    for key, value in other.items():
        into[key] = into.get(key, 0) + value
