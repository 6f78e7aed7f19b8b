"""What an order may cost at most."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from tracker.core.gateway.requests import LINE_FIELDS, SUBSCRIPTION_FIELDS
from tracker.core.wire.values import INT_MAX


class Tariff(Struct, frozen=True):
    """The price of a service, as the catalogue has it.

    rate: of a thousand, or of a package.
    """

    rate: Decimal | None
    type: str


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
