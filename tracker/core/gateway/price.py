"""What an order may cost at most, and whether the client may spend that."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from tracker.core.gateway.requests import LINE_FIELDS, SUBSCRIPTION_FIELDS, CallState
from tracker.core.rules import ClientRules
from tracker.core.wire.values import INT_MAX

DAY_S, MINUTE_S = 86_400.0, 60.0

# The states in which a call counts towards a client's spending: all but those that certainly came to nothing.
RESERVING = (CallState.OPEN, CallState.DONE, CallState.UNCLEAR, CallState.PLACED)


class Tariff(Struct, frozen=True):
    """The price of a service, as the catalogue has it.

    rate: of a thousand, or of a package.
    """

    rate: Decimal | None
    type: str


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


def quantity(fields: Mapping[str, str]) -> int | None:
    """Returns how many pieces are ordered in all, at most; None when the fields do not say.

    A panel goes by the one parameter that its service knows, so the highest number given is what the order may come to.
    """
    found = [_whole(fields["quantity"])] if fields.get("quantity", "").strip() else []
    found += [lines for name in LINE_FIELDS if (lines := _lines(fields.get(name, "")))]
    if any(fields.get(name, "").strip() for name in SUBSCRIPTION_FIELDS):
        found.append(_posts(fields))
    known = [one for one in found if one is not None]
    pieces = max(known, default=0) * (_whole(fields.get("runs", "1") or "1") or 0)
    return pieces if len(known) == len(found) and 0 < pieces <= INT_MAX else None


def price(fields: Mapping[str, str], tariff: Tariff | None) -> Decimal | None:
    """Returns what an order may cost at most; None when that is not known."""
    if tariff is None or tariff.rate is None or tariff.rate < 0:
        return None
    if "package" in tariff.type.lower():
        return tariff.rate * (_whole(fields.get("quantity", "1") or "1") or 1)
    # Without its own parameters a subscription has no end, even if the form holds a quantity.
    endless = "subscription" in tariff.type.lower() and _posts(fields) is None
    pieces = None if endless else quantity(fields)
    return None if pieces is None else tariff.rate * pieces / 1000


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


def _lines(text: str) -> int:
    """Counts the lines that are not blank."""
    return sum(bool(line.strip()) for line in text.splitlines())


def _posts(fields: Mapping[str, str]) -> int | None:
    """Returns the most pieces of a subscription: its highest quantity for every post, new and old.

    None: it has no end, and so no price.
    """
    most, posts, old = (_whole(fields.get(name, "")) for name in ("max", "posts", "old_posts"))
    return most * (posts + (old or 0)) if most and posts else None


def _whole(text: str) -> int | None:
    cleaned = text.strip()
    return int(cleaned) if cleaned.isascii() and cleaned.isdigit() and 0 < len(cleaned) < 16 else None
