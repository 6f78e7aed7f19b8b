"""The text of a message about many events: its title, its totals, and as many lines as there is room for.

An event here is the decoded JSON that every receiver gets: {type, id, timestamp, data}.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

EventFields = Mapping[str, Any]


def title(events: Sequence[EventFields]) -> str:
    """Returns `12 events`, or `12 x order.completed` when all have the same type."""
    types = {event["type"] for event in events}
    return f"{len(events)} x {types.pop()}" if len(types) == 1 else f"{len(events)} events"


def totals(events: Sequence[EventFields]) -> str:
    """Returns the number of events of each type, the most frequent first, and the refunds expected and seen."""
    counts = Counter(event["type"] for event in events)
    types = [", ".join(f"{count} {type_}" for type_, count in counts.most_common())] if len(counts) > 1 else []
    return "; ".join([*types, *_money_back(events)])


def fitted(head: str, lines: Sequence[str], most: int) -> str:
    """Returns `head` and the lines below it in at most `most` bytes of UTF-8, and how many lines were left out."""
    text = "\n".join(filter(None, (head, *lines)))
    kept = len(lines)
    while len(text.encode(errors="replace")) > most and kept > 0:
        kept -= 1
        text = "\n".join(filter(None, (head, *lines[:kept], f"… and {len(lines) - kept} more")))
    return text.encode(errors="replace")[:most].decode(errors="ignore")


def _money_back(events: Sequence[EventFields]) -> Iterable[str]:
    """Yields `refunds: 0.31 USD expected, 0.2 USD seen`, summed over the last event of each order."""
    last: dict[tuple[str, str], tuple[str, Mapping[str, str | None]]] = {}
    for event in events:
        order, refund = event["data"].get("order"), event["data"].get("refund")
        if order and refund:
            last[event["data"]["panel"], order["id"]] = (order.get("currency") or "", refund)
    sums = {what: _sums(what, last.values()) for what in ("expected", "observed")}
    texts = [f"{sums[what]} {word}" for what, word in (("expected", "expected"), ("observed", "seen")) if sums[what]]
    return [f"refunds: {', '.join(texts)}"] if texts else []


def _sums(what: str, refunds: Iterable[tuple[str, Mapping[str, str | None]]]) -> str:
    """Returns the sum in each currency, exact to the last digit; "" when nothing is known."""
    found: dict[str, Decimal] = {}
    for currency, refund in refunds:
        if (amount := refund.get(what)) is not None:
            found[currency] = found.get(currency, Decimal(0)) + Decimal(amount)
    return " + ".join(f"{amount.normalize():f} {currency}".strip() for currency, amount in sorted(found.items()))
