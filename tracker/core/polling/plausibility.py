"""Answers that are too odd to be believed at once: the panel is asked a second time.

Panels restore backups, swap entries and lose tables. What such an answer says about a single order looks like any other
news. Only the answer as a whole shows that something is wrong with it.
"""

from collections.abc import Sequence

from tracker.core.model import Change, Order, OrderSnapshot
from tracker.core.status import FINAL
from tracker.core.wire import StatusReading

FEW = 3  # orders: what happens to fewer proves nothing


def doubt(
    orders: Sequence[Order], changes: Sequence[Change], reading: StatusReading, asked: int, finished: int
) -> str | None:
    """Returns why the panel should be asked again; None: its answer can be believed.

    orders: what we believe about those that it says anything new about.
    asked: how many ids the call was about.
    finished: how many of these were finished orders, with news or without.
    """
    backwards = sum(1 for change in changes if change.transition is not None and change.transition.regressed)
    if backwards >= FEW and backwards * 5 >= finished:
        return f"{backwards} of {finished} finished orders moved backwards"
    lost = sum(1 for order in orders if order.status is not None and _refused(order, reading))
    if lost >= FEW and lost * 2 > asked:
        return f"{lost} of {asked} orders it knew are suddenly unknown to it"
    swapped = [order for order in orders if _is_another(order, reading.snapshots.get(order.remote_id))]
    if swapped:
        return f"order {swapped[0].remote_id} looks like another one ({len(swapped)} of {asked})"
    return None


def _refused(order: Order, reading: StatusReading) -> bool:
    refusal = reading.refusals.get(order.remote_id)
    return refusal is not None and refusal.not_found and order.refusals == 0


def _is_another(order: Order, said: OrderSnapshot | None) -> bool:
    """Whether the entry seems to be another order's: its start changed later, or it is final and its charge rose."""
    if said is None or order.baseline:
        return False
    if order.start_count and said.start_count is not None and said.start_count != order.start_count:
        return True
    dearer = order.charge is not None and said.charge is not None and said.charge > order.charge
    return dearer and order.known_status in FINAL and said.status in FINAL
