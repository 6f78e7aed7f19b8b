"""Whether a gateway client may have one more call to a panel made; core.polling.request_budget has the limits."""

from tracker.core.polling.request_budget import BUDGET_WINDOW_S, Caller, Whose, limit_met
from tracker.core.rules import PollRules
from tracker.db import request_budget
from tracker.db.database import Cursor
from tracker.store import set_aside
from tracker.store.values import NoCall


def refusal(cur: Cursor, panel: str, caller: Caller, rules: PollRules, now: float) -> NoCall | None:
    """Returns why no call is made for this client now, and for how long; None: it may be made."""
    used = request_budget.used_by(cur, panel, rules, now)
    limit = limit_met(used, caller, rules, lambda: _polling_waits(cur, panel, now))
    if limit is None:
        return None
    if limit.whose is Whose.ALL:
        # Polling keeps to its part from now on, so that the client finds room when it comes again.
        cur.run("UPDATE panels SET clients_wait_until = ? WHERE name = ?", (now + BUDGET_WINDOW_S, panel))
    return NoCall(limit.why, request_budget.again_s(cur, panel, limit, caller, rules, now))


def _polling_waits(cur: Cursor, panel: str, now: float) -> bool:
    """Whether an open order or refill, or the balance, is due and has no call yet."""
    due = "panel = ? AND tracking = 'active' AND next_poll_at <= ?"
    found = cur.run(
        f"SELECT EXISTS (SELECT 1 FROM orders WHERE {due}{set_aside.not_aside('orders')})"
        f" OR EXISTS (SELECT 1 FROM refills WHERE {due}{set_aside.not_aside('refills')})"
        " OR EXISTS (SELECT 1 FROM panels WHERE name = ? AND next_balance_at <= ?)",
        (panel, now) * 3,
    ).one()
    return found is not None and bool(found[0])
