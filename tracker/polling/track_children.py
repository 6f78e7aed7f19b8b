"""Tracks what panels list under drip-feeds and subscriptions, before the answer that lists them is recorded.

Once the answer is recorded, the same entry is not read again. So its children come first: if the process is killed in
between, the panel's next answer lists them once more and finds them tracked.
"""

from collections.abc import Sequence

from tracker.core.orders.children import Family
from tracker.intake.journal import Journal
from tracker.log import get
from tracker.store import Store

log = get(__name__)


def track_children(store: Store, journal: Journal, families: Sequence[Family], now: float) -> None:
    """Tracks every child that is not tracked yet; its row goes into the journal first, like any accepted id.

    Raises OSError when the journal cannot be written.
    """
    if not store.children.untracked(families):
        return
    # Looked up again under the journal's lock, so that no parent is erased meanwhile: its link must not come back with
    # its children.
    with journal.held() as held:
        new = store.children.untracked(families)
        held.append(new, now)
        added = store.new_orders.add(new, now)
    log.debug("children.tracked", panel=families[0].parent.panel, new=sum(added), known=len(added) - sum(added))
