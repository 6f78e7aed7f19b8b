"""Whether a client of the gateway may place an order: its spending in a day, its orders in a minute."""

from decimal import Decimal

from msgspec import Struct

from tracker.core.gateway.requests import CallState
from tracker.core.money import money
from tracker.core.rules import ClientRules

DAY_S, MINUTE_S = 86_400.0, 60.0

# The states in which a call counts towards a client's spending: all but those that certainly came to nothing.
RESERVING = (CallState.OPEN, CallState.DONE, CallState.UNCLEAR, CallState.PLACED)


class ClientUsage(Struct, frozen=True):
    """What a client has reserved in the last DAY_S seconds, and how many orders it placed in the last MINUTE_S."""

    reserved: Decimal
    adds: int


class RefusedOrder(Struct, frozen=True):
    """Why an order is not passed on.

    error: what the client is answered.
    emitted: an event says it too.
    """

    reason: str
    error: str
    emitted: bool = True


def limit(rules: ClientRules, used: ClientUsage, cost: Decimal | None) -> RefusedOrder | None:
    """Returns why this client may not place an order of this price now; None when it may."""
    if used.adds >= rules.max_adds_per_minute:
        error = f"Too many orders: this key may place {rules.max_adds_per_minute} a minute (max_adds_per_minute)"
        return RefusedOrder("too many orders in a minute", error, emitted=False)
    if cost is None:
        reason = "the price is not known: the catalogue has no rate for it, or the quantity does not follow"
        return RefusedOrder(reason, f"Not ordered: {reason}")
    most = rules.max_spend_per_day
    if most is None or used.reserved + cost > most:
        left = None if most is None else max(Decimal(0), most - used.reserved)
        error = f"Spending limit reached: it costs {money(cost)}, {money(left)} of {money(most)} a day is left"
        return RefusedOrder("over max_spend_per_day", f"{error} (max_spend_per_day)")
    return None
