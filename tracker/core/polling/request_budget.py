"""Which calls count against a panel's request budget, and how much of it goes to finished orders."""

from tracker.core.polling.call_timeouts import LEASE_MARGIN_S, longest_call_s
from tracker.core.rules import PollRules

BUDGET_WINDOW_S = 60.0
# Finished orders get at most a tenth of the calls, counted over ten windows so that it comes out whole for a panel with
# few requests a minute.
RECHECK_WINDOW_S = 10 * BUDGET_WINDOW_S


def counted_after(rules: PollRules, now: float) -> tuple[float, float]:
    """Returns two moments, (started_after, ended_after), that say which calls count against the budget now.

    A call counts if it started after the first moment, unless it ended before the second. It reaches the panel
    somewhere between its start and its end, so it counts until a minute after its end. A call that never ended, because
    its process died, counts for as long as the longest of all calls could have taken.
    """
    ended_after = now - BUDGET_WINDOW_S
    return ended_after - longest_call_s(rules) - LEASE_MARGIN_S, ended_after


def rechecks_used_up(calls: int, rules: PollRules) -> bool:
    """Whether `recheck` calls have had their share.

    calls: how many there were in the last RECHECK_WINDOW_S. A tenth of the budget over ten windows is as many calls as
    one window has.
    """
    return calls >= rules.max_requests_per_minute
