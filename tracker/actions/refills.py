"""What people may do with refills: add them."""

from collections.abc import Sequence

from msgspec import Struct

from tracker.actions.context import ActionContext, require_ids
from tracker.store import NewRefill


class AddedRefills(Struct, frozen=True):
    """How many of the given refills are new, and how many were tracked before."""

    added: int
    known: int


class RefillActions:
    """Everything that people may do with refills."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    def add(self, panel: str, ids: Sequence[str], *, order: str | None = None, baseline: bool = False) -> AddedRefills:
        """Track refills by their own ids. Raises UserError (2) for an unknown panel, and for what is not an id.

        order: the id of the order that is refilled.
        baseline: they are old, and their first answer fires nothing.
        """
        self._context.panel(panel)
        require_ids([*ids, *([order] if order else [])])
        new = [NewRefill(panel, remote_id, baseline, order) for remote_id in dict.fromkeys(ids)]
        added = sum(self._context.store.new_orders.add_refills(new, self._context.now()))
        return AddedRefills(added, len(new) - added)
