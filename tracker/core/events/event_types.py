"""The names of all events, how much each of them matters, and which of them a hook hears by default.

A hook's `events` are globs over the list of names.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from tracker.core.model import Severity

EVENT_TYPES: tuple[str, ...] = (
    # Orders: one status event for each move of status; `order.changed` where no other type fits the move.
    "order.tracked",
    "order.started",
    "order.completed",
    "order.partial",
    "order.canceled",
    "order.refunded",
    "order.failed",
    "order.reopened",
    "order.stuck",
    "order.unanswered",
    "order.not_found",
    "order.found",
    "order.unknown_status",
    "order.changed",
    # Many orders of a panel at once: one event in place of one each.
    "orders.stuck",
    "orders.unanswered",
    "orders.not_found",
    # Refills: the same, with `refill.changed` for all other moves.
    "refill.tracked",
    "refill.completed",
    "refill.rejected",
    "refill.canceled",
    "refill.failed",
    "refill.not_found",
    "refill.changed",
    # Balances: raised and cleared by the thresholds of `balance_alert`, or because the answer cannot be read.
    "balance.low",
    "balance.runway_low",
    "balance.unreadable",
    "balance.recovered",
    # Panels: what is wrong with a panel as a whole, and what changed in its catalogue.
    "panel.down",
    "panel.degraded",
    "panel.recovered",
    "panel.auth_failed",
    "panel.behind",
    "panel.children_capped",
    "catalogue.changed",
    # Services: none of the orders of one gets on.
    "service.stalled",
    # Hooks: a receiver is in trouble. A hook never hears its own.
    "hook.failing",
    "hook.disabled",
    "hook.recovered",
    # The tracker: its database took no writes, and takes them again.
    "tracker.degraded",
    "tracker.recovered",
    # The gateway: a call whose outcome is not known; an order refused by a client's spending limit.
    "gateway.unclear",
    "gateway.limit",
)

# Events about an order or a refill that are no move of it: time made them due, or the panel knows the id no more, or
# again. Each order counts them apart from its moves, so that none of them shifts the ids of the moves after it.
NOTICES = frozenset({"order.stuck", "order.unanswered", "order.not_found", "order.found", "refill.not_found"})

# All others are INFO. The end of an alert matters as much as the alert, so that who hears its beginning hears its end.
SEVERITIES: Mapping[str, Severity] = {
    **dict.fromkeys(
        (
            "order.failed", "order.stuck", "order.unanswered", "order.not_found", "order.unknown_status",
            "orders.stuck", "orders.unanswered", "orders.not_found",
            "refill.rejected", "refill.failed", "refill.not_found",
            "balance.low", "balance.runway_low", "balance.unreadable",
            "panel.degraded", "panel.behind", "panel.children_capped",
            "service.stalled", "hook.failing", "gateway.limit",
        ),
        Severity.WARNING,
    ),
    **dict.fromkeys(
        (
            "panel.down", "panel.auth_failed", "hook.disabled", "hook.recovered", "tracker.degraded",
            "tracker.recovered", "gateway.unclear",
        ),
        Severity.CRITICAL,
    ),
}  # fmt: skip

# What a hook hears unless it says otherwise. People get no message for what ends as it should, or every day.
PROGRAM_EVENTS = (
    "order.completed", "order.partial", "order.canceled", "order.refunded", "order.failed", "order.stuck",
    "order.unanswered", "order.not_found", "refill.rejected",
    "balance.*", "panel.*", "service.stalled", "gateway.*", "hook.*", "tracker.*",
)  # fmt: skip
_FOR_PROGRAMS_ONLY = frozenset({"order.completed", "order.canceled", "refill.rejected"})
PEOPLE_EVENTS = tuple(name for name in PROGRAM_EVENTS if name not in _FOR_PROGRAMS_ONLY)


def matching(pattern: str) -> tuple[str, ...]:
    """Returns the names that a glob fits."""
    return tuple(name for name in EVENT_TYPES if fnmatchcase(name, pattern))


def severity_of(name: str, alert: str | None = None) -> Severity:
    """Returns how much an event matters. alert: the alert that it is about, if it is about one."""
    return SEVERITIES.get(alert or name, Severity.INFO)
