"""Whether a hook's messages of the last minute reach its limit.

One answer for the store, which claims deliveries, and for the reports, which explain why one waits.
"""

from tracker.core.delivery import message_limit
from tracker.core.rules import HookRules
from tracker.db.database import Cursor


def full_until(cur: Cursor, rules: HookRules, now: float) -> float | None:
    """The moment before which nothing is sent because `max_per_minute` is reached; None: there is room."""
    # The attempts of one digest began at the very same moment, and are one message.
    what = "DISTINCT started_at" if rules.digest else "started_at"
    last = cur.run(
        f"SELECT {what} FROM attempts WHERE hook = ? AND started_at > ? ORDER BY started_at DESC LIMIT 1 OFFSET ?",
        (rules.name, message_limit.counted_after(now), rules.max_per_minute - 1),
    ).one()
    return None if last is None else message_limit.free_again_at(float(last[0]))
