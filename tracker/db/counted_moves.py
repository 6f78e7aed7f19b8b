"""The rows that the daily statistics are made of.

One query for the store, which adds them up, and for the reports, which count those that are not added yet.
"""

import json

from tracker.core.daily_stats import CountedMove
from tracker.db.database import DbRow, amount

# `t` are the transitions, `o` their orders. The first column is the number of the transition.
MOVES = (
    "SELECT t.id, t.at, t.not_before, t.old, t.new, t.charge, t.old_charge, t.remains, t.regressed,"
    " coalesce(t.currency, ''), o.panel, coalesce(o.service, ''), o.quantity, o.born_at, o.tags"
    " FROM transitions t JOIN orders o ON o.id = t.order_id"
)
# The first column is the number of the order; the others are what core.daily_stats.add_tracked takes.
TRACKED = "SELECT id, panel, coalesce(service, ''), tracked_at FROM orders"


def counted(row: DbRow) -> CountedMove:
    """A row of MOVES as core.daily_stats.add_moves takes it."""
    _, at, not_before, old, new, charge, old_charge, remains, regressed, *order, tags = row
    money = (amount(charge), amount(old_charge))
    return (at, not_before, old, new, *money, remains, regressed, *order, () if tags == "[]" else json.loads(tags))
