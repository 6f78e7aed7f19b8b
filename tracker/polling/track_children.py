"""Tracks what panels list under drip-feeds and subscriptions, before the answer that lists them is recorded.

Once the answer is recorded, the same entry is not read again. So its children come first: if the process is killed in
between, the panel's next answer lists them once more and finds them tracked.
"""

from collections.abc import Sequence

from tracker.core.orders.children import Family
from tracker.core.rules import ChildLimits
from tracker.intake.journal import Journal
from tracker.log import get
from tracker.store import Store

log = get(__name__)


def track_children(store: Store, journal: Journal, limits: ChildLimits, families: Sequence[Family], now: float) -> None:
    """Tracks every child that is not tracked yet; its row goes into the journal first, like any accepted id.

    What is over a limit is left out, and told. Raises OSError when the journal cannot be written.
    """
    new, left_out = store.children.untracked(families, limits, now)
    if left_out and store.children.tell_capped(left_out, limits, now):
        panel, order = left_out[0].parent.panel, left_out[0].parent.remote_id
        log.warning("children.capped", panel=panel, order=order, left_out=sum(each.count for each in left_out))
    if not new:
        return
    # Looked up again under the journal's lock, so that no parent is erased meanwhile: its link must not come back with
    # its children.
    with journal.held() as held:
        new, _ = store.children.untracked(families, limits, now)
        held.append(new, now)
        added = store.new_orders.add(new, now)
    log.debug("children.tracked", panel=families[0].parent.panel, new=sum(added), known=len(added) - sum(added))
