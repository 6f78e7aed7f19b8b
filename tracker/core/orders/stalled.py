"""When a service has stopped delivering, and what that puts at risk.

A service is stalled when at least ORDERS_MIN of its open orders are stuck and none of its orders, open or ended, was
seen to deliver anything for `stuck_after`. Orders that are placed meanwhile do not hide it: that the panel accepts an
order, or says that it is in progress, delivers nothing.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from tracker.core.money import PLACES, undelivered
from tracker.core.rules import PollRules

ORDERS_MIN = 5


def is_stalled(stuck: int, delivered_at: float | None, now: float, rules: PollRules) -> bool:
    """Whether a service is stalled.

    stuck: how many of its open orders are. delivered_at: when one of its orders was last seen to deliver something;
    None: never.
    """
    return stuck >= ORDERS_MIN and (delivered_at is None or now - delivered_at >= rules.stuck_after_s)


def at_risk(
    orders: Iterable[tuple[Decimal | None, str | None, int | None, int | None]],
) -> tuple[dict[str | None, Decimal], int]:
    """Returns what was charged for what is not delivered, by currency, and of how many orders that is not known.

    orders: charge, currency, `remains` and quantity of each open order. Where the last two are not known, nothing
    counts as delivered.
    """
    sums: dict[str | None, Decimal] = defaultdict(Decimal)
    unknown = 0
    for charge, currency, remains, quantity in orders:
        if charge is None:
            unknown += 1
            continue
        sums[currency] += undelivered(charge, remains, quantity) if quantity and remains is not None else charge
    ordered = sorted(sums.items(), key=lambda sum_: sum_[0] or "")
    return {currency: amount.quantize(PLACES) for currency, amount in ordered}, unknown
