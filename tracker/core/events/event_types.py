"""The names of everything worth telling. A hook's `events` are globs over this list."""

EVENT_TYPES: tuple[str, ...] = (
    # Orders: one status event for each move of status; `order.changed` where a move has none of its own.
    "order.tracked",
    "order.started",
    "order.completed",
    "order.partial",
    "order.canceled",
    "order.refunded",
    "order.failed",
    "order.reopened",
    "order.stuck",
    "order.not_found",
    "order.found",
    "order.unknown_status",
    "order.changed",
    # Refills: the same, with `refill.changed` for what is left.
    "refill.tracked",
    "refill.completed",
    "refill.rejected",
    "refill.canceled",
    "refill.failed",
    "refill.not_found",
    "refill.changed",
    # Balances: raised and cleared by the thresholds of `balance_alert`.
    "balance.low",
    "balance.runway_low",
    "balance.recovered",
    # Panels: what is wrong with a panel as a whole, and what changed in its catalogue.
    "panel.down",
    "panel.recovered",
    "panel.auth_failed",
    "panel.behind",
    "catalogue.changed",
    # Hooks: the way out itself is in trouble; a hook never hears its own.
    "hook.failing",
    "hook.disabled",
    "hook.recovered",
    # The tracker: it cannot write what it sees, or can again.
    "tracker.degraded",
    "tracker.recovered",
    # The gateway: an `add` whose outcome nobody knows; a client's spending limit was met.
    "gateway.unclear",
    "gateway.limit",
)
