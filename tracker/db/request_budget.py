"""Counts how much of a panel's request budget is used: one count for the store and the reports."""

from tracker.core.polling.request_budget import counted_after
from tracker.core.rules import PollRules
from tracker.db.database import Cursor


def used(cur: Cursor, panel: str, rules: PollRules, now: float) -> int:
    """Returns how many calls count against `max_requests_per_minute`: under way, or ended in the last 60 seconds."""
    row = cur.run(
        "SELECT count(*) FROM poll_runs WHERE panel = ? AND started_at > ?"
        " AND (finished_at IS NULL OR finished_at > ?)",
        (panel, *counted_after(rules, now)),
    ).one()
    assert row is not None
    return int(row[0])
