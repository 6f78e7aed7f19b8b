"""When a service has stopped delivering, and what that puts at risk."""

from decimal import Decimal

import pytest

from tests.core.beliefs import DAY, NOW
from tests.defaults import poll_rules
from tracker.core.orders import stalled

RULES = poll_rules()  # stuck_after is a day


@pytest.mark.parametrize(
    ("stuck", "delivered_at", "is_so"),
    [
        (5, NOW - DAY, True),
        (5, None, True),
        (4, NOW - 9 * DAY, False),
        (500, NOW - DAY + 1, False),
    ],
)
def test_five_orders_stuck_and_nothing_delivered_for_a_day(stuck, delivered_at, is_so):
    assert stalled.is_stalled(stuck, delivered_at, NOW, RULES) is is_so


# charge, currency, remains, quantity; what is at risk
RISKS = [
    ((Decimal("2.00"), "USD", 250, 1000), {"USD": Decimal("0.5")}, 0),
    ((Decimal("2.00"), "USD", None, 1000), {"USD": Decimal(2)}, 0),
    ((Decimal("2.00"), "USD", 10, None), {"USD": Decimal(2)}, 0),
    ((Decimal("2.00"), "USD", 10, 0), {"USD": Decimal(2)}, 0),
    ((Decimal("2.00"), "USD", 1200, 1000), {"USD": Decimal(2)}, 0),
    ((Decimal("2.00"), "USD", -5, 1000), {"USD": Decimal(0)}, 0),
    ((Decimal("2.00"), None, 500, 1000), {None: Decimal(1)}, 0),
    ((None, "USD", 500, 1000), {}, 1),
]


@pytest.mark.parametrize(("order", "sums", "unknown"), RISKS)
def test_what_was_charged_for_what_is_not_delivered_is_at_risk(order, sums, unknown):
    assert stalled.at_risk([order]) == (sums, unknown)


def test_each_currency_is_summed_by_itself():
    orders = [(Decimal("0.1"), currency, 1, 3) for currency in ("USD", "EUR", "USD", None)]
    sums, _ = stalled.at_risk(orders)
    assert list(sums.items()) == [(None, Decimal("0.03333")), ("EUR", Decimal("0.03333")), ("USD", Decimal("0.06667"))]
