"""Drip-feeds and subscriptions: the orders that a panel lists under another one, as orders of their own.

Each is tracked once, with what is known of its parent. Is it a baseline, or was it just placed?

1. listed by the first answer about a parent of which nothing was told: it may be as old as the parent, a baseline;
2. all others: placed since the parent was last looked at.
"""

from collections.abc import Callable, Container, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.ids import valid_id
from tracker.core.model import Order
from tracker.core.orders.new_orders import NewOrder


class Family(Struct, frozen=True):
    """parent: as it was believed before the answer that listed these children."""

    parent: Order
    children: tuple[str, ...]


TrackChildren = Callable[[Sequence[Family], float], None]  # tracks what these families list


def untracked(
    family: Family, link: str | None, known: Mapping[str, str | None], removed: Container[str]
) -> list[NewOrder]:
    """What there is to write down about a family's children: those to track, and those that lack their parent.

    link: the parent's. known: tracked child -> its parent. removed: children that a person wants to see no more.
    """
    mother = family.parent
    old = mother.baseline or (mother.status_raw is None and mother.seq == 0)
    found = []
    for child in family.children:
        if child == mother.remote_id or child in removed or not valid_id(child):
            continue
        new = NewOrder(mother.panel, child, baseline=old, just_placed=not old, parent=mother.remote_id)
        if child not in known:
            found.append(replace(new, service=mother.service, link=link, ref=mother.ref, tags=mother.tags))
        elif known[child] is None:
            found.append(new)
    return found
