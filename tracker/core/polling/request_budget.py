"""Which calls count against a panel's request budget, and who may use how much of it.

limit             counts the calls of           at most                                   while
the budget        everybody                     max_requests_per_minute                   always
the clients' part all clients of the gateway    what polling_share leaves                 polling has a call waiting
a client's share  one client                    its `share` of the clients' part          another client asks too
polling's part    the tracker itself            polling_share of the budget               a client waits for the budget
room for a client the tracker itself            all but a tenth of the budget             a client could order or cancel
"""

from collections.abc import Callable, Mapping
from enum import Enum

from msgspec import Struct

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


class Whose(Enum):
    """Whose calls a limit counts."""

    ALL = "all"
    CLIENTS = "clients"
    CLIENT = "client"


class Caller(Struct, frozen=True):
    """The client of the gateway that a call is made for.

    share: of the clients' part, how much it may use.
    competes: another client asked for calls in the last BUDGET_WINDOW_S.
    """

    client: str
    share: float
    competes: bool


class LimitMet(Struct, frozen=True):
    """A limit that one more call would exceed. why: for the client, in words."""

    whose: Whose
    at_most: int
    why: str


def limit_met(
    used: Mapping[str | None, int], caller: Caller, rules: PollRules, polling_waits: Callable[[], bool]
) -> LimitMet | None:
    """Returns the limit that keeps a client from one more call to the panel; None when there is none.

    used: how many calls count now, by client; None for the tracker's own.
    polling_waits: whether polling has a call to make; only called when that matters.
    """
    budget = rules.max_requests_per_minute
    if sum(used.values()) >= budget:
        return LimitMet(Whose.ALL, budget, f"its {budget} requests a minute are used up (max_requests_per_minute)")
    part = max(1, budget - int(budget * rules.polling_share))
    share = max(1, int(part * caller.share))
    if caller.competes and used.get(caller.client, 0) >= share:
        why = f"this key has used its share of {share} requests a minute, and other keys ask too (share)"
        return LimitMet(Whose.CLIENT, share, why)
    if sum(calls for client, calls in used.items() if client is not None) >= part and polling_waits():
        why = f"the clients have used their {part} of {budget} requests a minute, and polling waits (polling_share)"
        return LimitMet(Whose.CLIENTS, part, why)
    return None


def polling_at_most(rules: PollRules, *, clients_wait: bool) -> int:
    """Returns how many of the calls that count now may be the tracker's own.

    clients_wait: a client was refused a call in the last BUDGET_WINDOW_S because the budget was used up.
    """
    budget = rules.max_requests_per_minute
    if clients_wait:
        return max(1, int(budget * rules.polling_share))
    room = max(1, budget // 10) if rules.clients_change else 0
    return max(1, budget - room)


def rechecks_used_up(calls: int, rules: PollRules) -> bool:
    """Whether `recheck` calls have had their share.

    calls: how many there were in the last RECHECK_WINDOW_S. A tenth of the budget over ten windows is as many calls as
    one window has.
    """
    return calls >= rules.max_requests_per_minute
