"""The longest that each kind of call to a panel can take.

The client of the panel cuts a call off at this moment, a claim's lease outlasts it, the request budget counts a call
until a minute after it, and the watchdog waits for it. All of them read it here.
"""

from collections.abc import Callable, Mapping

from tracker.core.rules import PollRules

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
    "gateway.unknown": _usual,
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


def longest_call_s(rules: PollRules) -> float:
    """Returns the longest of all calls to a panel, those of commands and of clients included, in seconds."""
    return max(timeout_s(kind, rules) for kind in _TIMEOUTS)
