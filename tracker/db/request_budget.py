"""Counts how much of a panel's request budget is used: one count for the store and the reports."""

from collections.abc import Mapping

from tracker.core.polling.request_budget import BUDGET_WINDOW_S, Caller, LimitMet, Whose, counted_after
from tracker.core.rules import PollRules
from tracker.db.database import Cursor

_COUNTED = "panel = ? AND started_at > ? AND (finished_at IS NULL OR finished_at > ?)"
_OF = {Whose.ALL: "", Whose.CLIENTS: " AND client IS NOT NULL", Whose.CLIENT: " AND client = ?"}


def used(cur: Cursor, panel: str, rules: PollRules, now: float) -> int:
    """Returns how many calls count against `max_requests_per_minute`: under way, or ended in the last 60 seconds."""
    row = cur.run(f"SELECT count(*) FROM poll_runs WHERE {_COUNTED}", (panel, *counted_after(rules, now))).one()
    assert row is not None
    return int(row[0])


def used_by(cur: Cursor, panel: str, rules: PollRules, now: float) -> Mapping[str | None, int]:
    """Returns how many calls count now, by the client of the gateway that they were made for; None: the tracker."""
    found = cur.run(
        f"SELECT client, count(*) FROM poll_runs WHERE {_COUNTED} GROUP BY client", (panel, *counted_after(rules, now))
    ).rows()
    return dict(found)


def again_s(cur: Cursor, panel: str, limit: LimitMet, caller: Caller, rules: PollRules, now: float) -> float:
    """Returns after how many seconds the limit has room for one more call, if none is made meanwhile.

    A call that is under way counts as one that ends now.
    """
    one = (caller.client,) if limit.whose is Whose.CLIENT else ()
    ended = cur.run(
        f"SELECT coalesce(finished_at, ?) AS ended FROM poll_runs WHERE {_COUNTED}{_OF[limit.whose]}"
        " ORDER BY ended DESC LIMIT 1 OFFSET ?",
        (now, panel, *counted_after(rules, now), *one, limit.at_most - 1),
    ).one()
    return BUDGET_WINDOW_S if ended is None else max(0.0, ended[0] + BUDGET_WINDOW_S - now)
