"""Tracking what panels list under drip-feeds and subscriptions, before their answer is recorded.

Once the answer is recorded, the same entry is not read again. So its children come first: killed in between, the
panel's next answer lists them once more, and finds them tracked.
"""

from collections.abc import Sequence

from tracker.core.orders.children import Family
from tracker.intake.journal import Journal
from tracker.log import get
from tracker.store import Store

log = get(__name__)


def track_children(store: Store, journal: Journal, families: Sequence[Family], now: float) -> None:
    """Track every child that is not tracked yet, written down first like any accepted id.

    Raises OSError when the journal's disk does not take them.
    """
    if not store.children.untracked(families):
        return
    # Looked at again while nobody forgets a parent: its link must not come back by way of its children.
    with journal.held() as held:
        new = store.children.untracked(families)
        held.append(new, now)
        added = store.new_orders.add(new, now)
    log.debug("children.tracked", panel=families[0].parent.panel, new=sum(added), known=len(added) - sum(added))
