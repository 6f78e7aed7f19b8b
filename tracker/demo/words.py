"""The words of the views: a sentence or two on what happens now, and a note beside a hook."""

from collections.abc import Mapping

from tracker.demo.snapshot import DemoSnapshot, HookSeen, PanelSeen

FRESH_S = 5.0  # how long the sentence is about a hook

# Beside a hook, where there is room for it.
NOTES: Mapping[str, str] = {
    "order.changed": "{status_raw}",
    "order.unknown_status": "{word}",
    "order.partial": "{delivered} of {quantity}",
    "order.refunded": "{observed} back",
    "refill.tracked": "refill {refill}",
    "refill.changed": "{status_raw}",
    "balance.low": "{amount} {currency}",
    "balance.recovered": "{amount} {currency}",
    "panel.down": "{reason}",
}

# What an event means, the most important first.
MEANINGS: Mapping[str, str] = {
    "order.partial": "Order {id} ended partial, {delivered} of {quantity} delivered. {expected} should come back, "
    "and {observed} did: that is checked for every order.",
    "order.unknown_status": 'Panel {panel} answers "{word}", which is not a known status. It is stored as it is and '
    "shown as unknown, never taken for another one.",
    "order.reopened": "Order {id} was completed and is in progress again. Finished orders are still polled, less "
    "often, so that this is noticed.",
    "balance.low": "The balance at panel {panel} fell below {threshold} {currency}. That is reported once, and not "
    "again until money has been paid in.",
    "balance.recovered": "Money was paid in at panel {panel}: the balance is {amount} {currency}. That is reported "
    "once, too.",
    "order.canceled": "Order {id} was canceled before anything was delivered. {expected} should come back, "
    "and {observed} did.",
    "refill.tracked": "A refill was requested for order {id}. Refills are tracked like orders.",
    "refill.completed": "The refill of order {id} is completed.",
    "panel.recovered": "Panel {panel} answers again. Everything that changed in the meantime is seen at once and "
    "reported.",
}
OPENING = (
    "Orders in progress were imported; their first status is not reported. New orders follow. The tracker polls "
    "all of them, a hundred in a call."
)
MIDDLE = (
    "Every status change is stored together with its hooks, in one transaction: if the tracker is killed, it loses "
    "neither."
)
CLOSING = "The last orders end. Then both sides are compared: what was answered, and what arrived."


def sentence(snapshot: DemoSnapshot) -> str:
    """Says what happens now: a panel is down, else a hook failed, else the most important recent event.

    Without any of these it says which part of the story this is.
    """
    recent = [hook for hook in snapshot.hooks[-40:] if snapshot.at_s - hook.at_s < FRESH_S]
    for panel in snapshot.panels:
        if panel.trouble:
            return _trouble(panel, snapshot)
    if any(not hook.accepted for hook in recent):
        return (
            "The receiver answered 500 to some hooks. They are sent again, with the same id and the same bytes, "
            "until it accepts them."
        )
    for type_, meaning in MEANINGS.items():
        for hook in reversed(recent):
            if hook.type == type_:
                return meaning.format_map(hook.facts)
    return _chapter(snapshot)


def note(hook: HookSeen) -> str:
    """A few words beside a hook; "" where its type says everything."""
    if not hook.accepted:
        return "answered 500"
    if hook.attempt > 1:
        return "sent again"
    return NOTES.get(hook.type, "").format_map(hook.facts)


def _trouble(panel: PanelSeen, snapshot: DemoSnapshot) -> str:
    others = " and ".join(
        f"panel {other.name}" for other in snapshot.panels if other is not panel and not other.trouble
    )
    goes_on = f"{others} goes on as before, and " if others else ""
    return (
        f"Panel {panel.name} answers 503 and is asked less and less often; {goes_on}nothing is lost: what changes "
        "now is reported when it is back."
    )


def _chapter(snapshot: DemoSnapshot) -> str:
    share = snapshot.at_s / snapshot.total_s
    return OPENING if share < 0.15 else MIDDLE if share < 0.85 else CLOSING
