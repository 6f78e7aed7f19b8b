"""Answers too odd to be true: each is asked again once before it is believed.

Panels restore backups, swap entries and lose tables. What such an answer says about single orders looks
like any other news; only the whole of it gives it away.
"""

from collections.abc import Sequence

from tracker.core.model import Change, Order, OrderSnapshot
from tracker.core.status import FINAL
from tracker.core.wire import StatusReading

FEW = 3  # fewer orders than this prove nothing: anything can happen to two


def doubt(
    orders: Sequence[Order], changes: Sequence[Change], reading: StatusReading, asked: int, finished: int
) -> str | None:
    """Why this answer should be asked for again; None when there is no reason to.

    orders: what we believe about those it says anything new about. asked: how many ids it was about, and
    finished: how many of them were finished, news or not.
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
    """A start that changed after the fact, or a final order that got dearer."""
    if said is None or order.baseline:
        return False
    if order.start_count and said.start_count is not None and said.start_count != order.start_count:
        return True
    dearer = order.charge is not None and said.charge is not None and said.charge > order.charge
    return dearer and order.known_status in FINAL and said.status in FINAL
