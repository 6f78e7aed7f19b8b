"""Children of drip-feeds and subscriptions: orders that a panel lists under another one, each an order of its own.

Each is tracked once, with the service, link, ref and tags of its parent. Is it a baseline, or was it just placed?

1. A child that the first answer about its parent lists is a baseline, if no event was told about the parent yet: it may
   be as old as the parent.
2. All others were placed since the last answer about the parent.

A panel may list any number of ids, in good faith or not, and every one of them would be polled. Therefore a child has
no children, and an order and a day have so many that `ChildLimits` allows.
"""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.ids import valid_id
from tracker.core.model import Order
from tracker.core.orders.new_orders import NewOrder
from tracker.core.rules import ChildLimits


class Family(Struct, frozen=True):
    """An order with its children. parent: as it was believed before the answer that listed these children."""

    parent: Order
    children: tuple[str, ...]


class Limit(StrEnum):
    """The limit that children are left out by."""

    PER_ORDER = "per_order"
    PER_DAY = "per_day"


class LeftOut(Struct, frozen=True):
    """Children of one order that are not tracked, because a limit is reached."""

    parent: Order
    count: int
    limit: Limit


TrackChildren = Callable[[Sequence[Family], float], None]  # tracks the children of these families


def untracked(
    family: Family, link: str | None, known: Mapping[str, str | None], removed: Container[str]
) -> list[NewOrder]:
    """Returns what there is to write about a family's children: those to track, and those that lack their parent.

    link: the parent's. known: tracked child -> its parent. removed: children that a person has removed.
    """
    parent = family.parent
    old = parent.baseline or (parent.status_raw is None and parent.seq == 0)
    found = []
    for child in family.children:
        if child == parent.remote_id or child in removed or not valid_id(child):
            continue
        new = NewOrder(parent.panel, child, baseline=old, just_placed=not old, parent=parent.remote_id)
        if child not in known and parent.parent is None:
            found.append(replace(new, service=parent.service, link=link, ref=parent.ref, tags=parent.tags))
        elif child in known and known[child] is None:
            found.append(new)
    return found


def within(
    found: Sequence[NewOrder],
    parent: Order,
    known: Collection[str],
    limits: ChildLimits,
    of_order: int,
    of_day: int,
) -> tuple[list[NewOrder], LeftOut | None]:
    """Returns what of `found` is written, and what is left out; an order that is tracked already takes no room.

    known: the children that are tracked already.
    of_order, of_day: how many children this order has, and how many the panel's orders got in the last 24 hours.
    """
    rooms = {Limit.PER_ORDER: limits.per_order - of_order, Limit.PER_DAY: limits.per_day - of_day}
    limit = min(rooms, key=lambda each: rooms[each])
    room = max(0, rooms[limit])
    new = [child for child in found if child.remote_id not in known]
    kept = [child for child in found if child.remote_id in known] + new[:room]
    left_out = LeftOut(parent, len(new) - room, limit) if len(new) > room else None
    return kept, left_out
