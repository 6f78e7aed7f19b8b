"""The longest that each kind of call to a panel can take.

The client of the panel cuts a call off at this moment, a claim's lease outlasts it, the request budget counts a call
until a minute after it, and the watchdog waits for it. All of them read it here.
"""

from collections.abc import Callable, Mapping

from tracker.core.rules import PollRules

BUDGET_WINDOW_S = 60.0
LEASE_MARGIN_S = 30.0  # from the end of a call to having recorded its answer
SERVICES_TIMEOUT_S = 90.0  # catalogues run to tens of thousands of services

Timeout = Callable[[PollRules], float]


def _usual(rules: PollRules) -> float:
    return rules.timeout_s


def _catalogue(rules: PollRules) -> float:
    return max(rules.timeout_s, SERVICES_TIMEOUT_S)


def _change(rules: PollRules) -> float:
    return rules.add_timeout_s


# Kinds as `poll_runs` has them. A command's and a gateway's call (`api.balance`, `gateway.balance`) may take as long as
# the tracker's own, unless it has a row here.
_TIMEOUTS: Mapping[str, Timeout] = {
    "status": _usual,
    "recheck": _usual,
    "refill_status": _usual,
    "balance": _usual,
    "services": _catalogue,
    "retry": _catalogue,  # a second try ends with the deadline of the call that it repeats
    "add": _usual,
    "refill": _usual,
    "cancel": _usual,
    "gateway.add": _change,
    "gateway.refill": _change,
    "gateway.cancel": _change,
}
# What the tracker calls on its own.
_POLLED = ("status", "recheck", "refill_status", "balance", "services")


def timeout_s(kind: str, rules: PollRules) -> float:
    """Returns the longest that a call of this kind can take, in seconds. KeyError: no such kind."""
    timeout = _TIMEOUTS.get(kind) or _TIMEOUTS[kind.rpartition(".")[2]]
    return timeout(rules)


def longest_poll_s(rules: PollRules) -> float:
    """Returns how long the longest of the calls that the tracker makes on its own can take, in seconds."""
    return max(timeout_s(kind, rules) for kind in _POLLED)


def counted_after(rules: PollRules, now: float) -> tuple[float, float]:
    """Returns two moments, (started_after, ended_after), that say which calls count against the budget now.

    A call counts if it started after the first moment, unless it ended before the second. It reaches the panel
    somewhere between its start and its end, so it counts until a minute after its end. A call that never ended, because
    its process died, counts for as long as the longest of all calls could have taken.
    """
    ended_after = now - BUDGET_WINDOW_S
    longest_s = max(timeout_s(kind, rules) for kind in _TIMEOUTS)
    return ended_after - longest_s - LEASE_MARGIN_S, ended_after
