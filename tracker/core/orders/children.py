"""Children of drip-feeds and subscriptions: orders that a panel lists under another one, each an order of its own.

Each is tracked once, with the service, link, ref and tags of its parent. Is it a baseline, or was it just placed?

1. A child that the first answer about its parent lists is a baseline, if no event was told about the parent yet: it may
   be as old as the parent.
2. All others were placed since the last answer about the parent.
"""

from collections.abc import Callable, Container, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.ids import valid_id
from tracker.core.model import Order
from tracker.core.orders.new_orders import NewOrder


class Family(Struct, frozen=True):
    """An order with its children. parent: as it was believed before the answer that listed these children."""

    parent: Order
    children: tuple[str, ...]


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
        if child not in known:
            found.append(replace(new, service=parent.service, link=link, ref=parent.ref, tags=parent.tags))
        elif known[child] is None:
            found.append(new)
    return found
