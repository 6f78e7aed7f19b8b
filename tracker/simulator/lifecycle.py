"""The life of an order: what a panel would answer about it at any simulated minute. Pure.

Rule 1: the state of an order is a function of (its life, the simulated minute) and nothing else.
Rule 2: a life is changed only from now on; its past stays as it was.

Times are minutes from the scenario's start, as in the workload files; statuses are the panel's own words.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

Timeline = tuple[tuple[float, str, int], ...]  # (minute, status, remains), ascending

MOVING = "In progress"  # between two such points `remains` moves in a straight line
OPEN_WORDS = frozenset({"Pending", "Processing", MOVING})

# The statuses that give back a part of the charge, by what remains, and those that give back all of it.
BACK_BY_REMAINS = frozenset({"Partial", "Canceled"})
BACK_ALL = frozenset({"Refunded"})

# How a service gives back -> (what `charge` shows afterwards, whether the money comes back).
GIVES_BACK: dict[str, tuple[str, bool]] = {
    "net": ("net", True),
    "unchanged": ("full", True),
    "zero": ("zero", True),
    "nothing": ("full", False),
}

_CENT = Decimal("0.00001")  # panels print five digits
_LATEST = "\U0010ffff"  # sorts after every status word of the same minute


@dataclass(frozen=True, slots=True)
class SimulatedService:
    """One row of the catalogue.

    rate: the price of a thousand, as printed.
    gives_back: a key of GIVES_BACK.
    life: (minutes after placing, status, share of the quantity that remains) for orders added at run time;
    when it is empty, their lives are random.
    """

    service: str
    name: str
    type: str = "Default"
    category: str = "Print"
    rate: str = "1.00"
    min: int = 10
    max: int = 100_000
    refill: bool = True
    cancel: bool = True
    gives_back: str = "net"
    life: tuple[tuple[float, str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class OrderLife:
    """One order from its placing to its end. Before `placed_at` the panel does not know it.

    kind: default | drip_feed | subscription. The latter two have neither charge nor remains; their `children` are
    orders of their own.
    paid_at: when the charge left the balance; None stands for `placed_at`, see movements().
    """

    id: str
    service: str
    quantity: int
    charge: str
    placed_at: float
    timeline: Timeline
    start_count: int = 0
    kind: str = "default"
    children: tuple[tuple[float, str], ...] = ()  # (placed_at, id)
    gives_back: str = "net"
    paid_at: float | None = None
    expiry: str = "31/12/2030"


@dataclass(frozen=True, slots=True)
class RefillLife:
    """One refill: its timeline begins when it is asked for. order: the id of the order."""

    id: str
    order: str
    timeline: tuple[tuple[float, str], ...]


class State(NamedTuple):
    """An order at one minute. charge: as the panel prints it; None for drip-feeds and subscriptions."""

    status: str
    remains: int
    charge: str | None


def state_at(life: OrderLife, minute: float) -> State | None:
    """The order's state at that minute; None before it was placed."""
    if minute < life.placed_at:
        return None
    timeline = life.timeline
    # _LATEST sorts after every status, so the search ends after all points of this minute.
    index = max(bisect_right(timeline, (minute, _LATEST, 0)) - 1, 0)
    at, status, remains = timeline[index]
    if status == MOVING and index + 1 < len(timeline) and timeline[index + 1][1] == MOVING:
        until, _, last = timeline[index + 1]
        remains = round(remains + (last - remains) * (minute - at) / (until - at))
    if life.kind != "default":
        return State(status, remains, None)
    return State(status, remains, shown_charge(life, status, remains))


def money_back(life: OrderLife, status: str, remains: int) -> Decimal:
    """The money that the panel has returned for an order in this state."""
    if not GIVES_BACK[life.gives_back][1]:
        return Decimal(0)
    return _unearned(life, status, remains)


def shown_charge(life: OrderLife, status: str, remains: int) -> str:
    """`charge` as the order's service prints it: once money is due back, net, unchanged or zero."""
    if status not in BACK_BY_REMAINS and status not in BACK_ALL:
        return life.charge
    shown = GIVES_BACK[life.gives_back][0]
    if shown == "full":
        return life.charge
    left = Decimal(life.charge) - _unearned(life, status, remains)
    return str(left if shown == "net" else _CENT * 0)


def _unearned(life: OrderLife, status: str, remains: int) -> Decimal:
    if status in BACK_ALL:
        return Decimal(life.charge)
    if status not in BACK_BY_REMAINS or life.quantity <= 0:
        return Decimal(0)
    share = Decimal(min(max(remains, 0), life.quantity)) / life.quantity
    return (Decimal(life.charge) * share).quantize(_CENT)


def movements(life: OrderLife) -> Iterator[tuple[float, Decimal]]:
    """(minute, amount) for each thing that the order does to the balance: the charge, and money that comes back.

    An order placed at minute 0 was paid before the scenario began, unless its paid_at says otherwise.
    """
    if life.kind != "default":
        return
    if life.paid_at is not None:
        yield life.paid_at, -Decimal(life.charge)
    elif life.placed_at > 0:
        yield life.placed_at, -Decimal(life.charge)
    returned = Decimal(0)
    for minute, status, remains in life.timeline:
        back = money_back(life, status, remains)
        if back != returned:
            yield minute, back - returned
            returned = back


def moved(life: OrderLife, minute: float, status: str, remains: int) -> OrderLife:
    """Returns the same life up to `minute`, and from then on this state for good."""
    past = tuple(point for point in life.timeline if point[0] < minute)
    now = state_at(life, minute)
    if now is not None and past and past[-1][1] == now.status == MOVING:
        # Keep a point where the straight line is cut: otherwise the order's past would change with its future.
        past = (*past, (minute, now.status, now.remains))
    return replace(life, timeline=(*past, (minute, status, remains)))


def parent_life(parent_id: str, kind: str, placed_at: float, children: Sequence[OrderLife]) -> OrderLife:
    """Returns the drip-feed or subscription that these orders belong to; it ends with the last of them."""
    end = max(child.timeline[-1][0] for child in children)
    return OrderLife(
        parent_id,
        children[0].service,
        sum(child.quantity for child in children),
        "0.00000",
        placed_at,
        ((placed_at, "Active" if kind == "subscription" else MOVING, 0), (end, "Completed", 0)),
        kind=kind,
        children=tuple((child.placed_at, child.id) for child in children),
    )


def refill_status_at(life: RefillLife, minute: float) -> str | None:
    """The refill's status word at that minute; None before it was asked for."""
    index = bisect_right(life.timeline, (minute, _LATEST)) - 1
    return None if index < 0 else life.timeline[index][1]
