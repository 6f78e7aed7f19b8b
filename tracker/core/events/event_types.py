"""The names of all events. A hook's `events` are globs over this list."""

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
