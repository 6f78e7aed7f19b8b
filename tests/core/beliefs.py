"""What the tests of the diff believe about an order, and what they let a panel say about it."""

from decimal import Decimal

from tracker.core.model import Order, OrderSnapshot, Refusal, Tracking
from tracker.core.orders import diff
from tracker.core.status import FINAL, OrderStatus, order_status

NOW = 1_795_400_047.0  # 2026-11-23T02:14:07Z
HOUR, DAY = 3_600.0, 86_400.0


def believed(word=None, **fields):
    """An order last seen in status `word` (None: never), 305 seconds ago."""
    status = order_status(word, {}) if word else None
    facts = {
        "status": status,
        "known_status": status,
        "status_raw": word,
        "tracking": Tracking.FINISHED if status in FINAL else Tracking.ACTIVE,
        "finished_at": NOW - DAY if status in FINAL else None,
        "last_polled_at": NOW - 305 if status else None,
        "tracked_at": NOW - 2 * DAY,
        "version": 4,
    }
    if "charge" in fields:
        fields["charge"] = Decimal(fields["charge"])
        facts |= {"highest_charge": fields["charge"], "charge_mark": fields["charge"], "currency": "USD"}
    return Order(**{"id": 1, "panel": "main", "remote_id": "23501"} | facts | fields)


def said(word, charge=None, **fields):
    """What a panel says: its own word, and whatever else it prints."""
    amount = None if charge is None else Decimal(charge)
    return OrderSnapshot("23501", order_status(word, {}), word, charge=amount, **fields)


def not_found():
    return Refusal("23501", "Incorrect order ID", not_found=True)


def observed(order, word, charge=None, *, at=NOW, **fields):
    """The Change that this answer makes; there has to be one."""
    change = diff.observe(order, said(word, charge, **fields), at)
    assert change is not None
    return change


def walked(order, *answers):
    """The changes of these answers (words, or snapshots) in a row, five minutes apart."""
    changes = []
    for n, answer in enumerate(answers):
        snapshot = said(answer) if isinstance(answer, str) else answer
        change = diff.observe(order, snapshot, NOW + 300 * n)
        if change is not None:
            changes.append(change)
            order = change.after
    return changes


def names(*changes):
    return [event.type for change in changes for event in change.events]


OPEN_WORDS = ("Pending", "Processing", "In progress", "Refilling", "Paused")
FINAL_WORDS = ("Completed", "Partial", "Canceled", "Refunded", "Failed", "Expired")
STATUS_OF = {word: order_status(word, {}) for word in (*OPEN_WORDS, *FINAL_WORDS)}
assert set(STATUS_OF.values()) == set(OrderStatus) - {OrderStatus.UNKNOWN}
