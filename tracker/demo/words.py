"""What is said about what is seen: one sentence on what happens now, and a note beside a hook."""

from collections.abc import Mapping

from tracker.demo.scene import HookSeen, PanelSeen, Scene

FRESH_S = 5.0  # so long a hook is what is talked about

# Beside a hook, where there is room for it.
NOTES: Mapping[str, str] = {
    "order.changed": "{said}",
    "order.unknown_status": "{word}",
    "order.partial": "{delivered} of {quantity}",
    "order.refunded": "{observed} back",
    "refill.tracked": "refill {refill}",
    "refill.changed": "{said}",
    "balance.low": "{amount} {currency}",
    "balance.recovered": "{amount} {currency}",
    "panel.down": "{reason}",
}

# What an event means, the most telling first.
MEANINGS: Mapping[str, str] = {
    "order.partial": "Order {id} ended partial, {delivered} of {quantity} delivered. {expected} should come back, "
    "and {observed} did: that is checked for every order.",
    "order.unknown_status": 'Panel {panel} says "{word}", a word that nobody knows: it is kept as said and shown '
    "as unknown, never taken for another.",
    "order.reopened": "Order {id} was completed and is in progress again. Finished orders are still asked about, "
    "seldom, so that this does not go by unseen.",
    "balance.low": "The balance at panel {panel} fell below {threshold} {currency}. That is told once, however often "
    "it is looked at, until money is paid in.",
    "balance.recovered": "Money was paid in at panel {panel}: {amount} {currency}. That is told once, too.",
    "order.canceled": "Order {id} was canceled, nothing was delivered. {expected} should come back, "
    "and {observed} did.",
    "refill.tracked": "A refill was asked for order {id}. Refills are followed like orders.",
    "refill.completed": "The refill of order {id} is completed.",
    "panel.recovered": "Panel {panel} answers again: all that moved meanwhile is seen at once, and told.",
}
OPENING = (
    "Orders under way were imported, and nobody is told their first status. New ones follow; the tracker asks "
    "for all of them, a hundred in a call."
)
MIDDLE = (
    "Every move is written down together with its hook, in one transaction: killed at any moment, the tracker "
    "loses neither."
)
CLOSING = "The last orders come to their end. Then both sides are compared: what was said, and what arrived."


def sentence(scene: Scene) -> str:
    """What happens now: trouble first, then the most telling of the latest hooks, then the chapter."""
    recent = [hook for hook in scene.hooks[-40:] if scene.at_s - hook.at_s < FRESH_S]
    for panel in scene.panels:
        if panel.trouble:
            return _trouble(panel, scene)
    if any(not hook.accepted for hook in recent):
        return (
            "The receiver answered 500 to some hooks. They are sent again, with the same id and the same bytes, "
            "until it takes them."
        )
    for type_, meaning in MEANINGS.items():
        for hook in reversed(recent):
            if hook.type == type_:
                return meaning.format_map(hook.facts)
    return _chapter(scene)


def note(hook: HookSeen) -> str:
    """A few words beside a hook, "" where its type says it all."""
    if not hook.accepted:
        return "answered 500"
    if hook.attempt > 1:
        return "sent again"
    return NOTES.get(hook.type, "").format_map(hook.facts)


def _trouble(panel: PanelSeen, scene: Scene) -> str:
    others = " and ".join(f"panel {other.name}" for other in scene.panels if other is not panel and not other.trouble)
    goes_on = f"{others} goes on as before, and " if others else ""
    return (
        f"Panel {panel.name} answers 503. It is asked less and less; {goes_on}nothing is lost: what moves now is "
        "told when it is back."
    )


def _chapter(scene: Scene) -> str:
    share = scene.at_s / scene.total_s
    return OPENING if share < 0.15 else MIDDLE if share < 0.85 else CLOSING
