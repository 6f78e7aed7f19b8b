"""Whether a client of the gateway may place an order: its spending in a day, its orders in a minute."""

from decimal import Decimal

from msgspec import Struct

from tracker.core.gateway.requests import CallState
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
    error: str = "Spending limit reached"
    emitted: bool = True


TOO_FAST = RefusedOrder("too many orders in a minute", "Too many requests, try again in a minute", emitted=False)


def limit(rules: ClientRules, used: ClientUsage, cost: Decimal | None) -> RefusedOrder | None:
    """Returns why this client may not place an order of this price now; None when it may."""
    if used.adds >= rules.max_adds_per_minute:
        return TOO_FAST
    if cost is None:
        return RefusedOrder("the price is not known: the catalogue has no rate for it, or the quantity does not follow")
    most = rules.max_spend_per_day
    if most is None or used.reserved + cost > most:
        return RefusedOrder("over max_spend_per_day")
    return None
