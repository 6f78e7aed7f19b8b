"""What an order may cost, and when a client's limit is met."""

from decimal import Decimal

import pytest

from tests.defaults import client_rules
from tracker.core.gateway.price import Tariff, price, quantity
from tracker.core.gateway.spending_limit import ClientUsage, limit

RATE = Tariff(Decimal("0.90"), "Default")
RULES = client_rules(
    "shop", frozenset({"main"}), frozenset({"add"}), max_spend_per_day=Decimal("50.00"), max_adds_per_minute=30
)


@pytest.mark.parametrize(
    ("fields", "type_", "cost"),
    [
        ({"quantity": "1", "comments": "a\nb\nc\nd"}, "Custom Comments", "0.0036"),
        ({"quantity": "100", "usernames": "a\nb"}, "Mentions with Hashtags", "0.09"),
        ({"quantity": "0", "comments": "a\nb"}, "Custom Comments", "0.0018"),
        ({"quantity": "1", "min": "100", "max": "200", "posts": "10"}, "Subscriptions", "1.80"),
        ({"quantity": "1", "min": "100", "max": "200"}, "Subscriptions", None),
        ({"quantity": "1", "min": "100", "max": "200"}, "Default", None),
        ({"quantity": "1"}, "Subscriptions", None),
        ({"quantity": "many", "comments": "a"}, "Custom Comments", None),
        ({"quantity": "999999999999999", "runs": "999999999999999"}, "Default", None),
    ],
)
def test_the_price_is_the_highest_that_a_form_may_be_read_as(fields, type_, cost):
    """A panel takes the parameter that its service goes by, whichever others are there."""
    assert price(fields, Tariff(RATE.rate, type_)) == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("fields", "pieces", "cost"),
    [
        ({"quantity": "1000"}, 1000, "0.90"),
        ({"quantity": " 50 "}, 50, "0.045"),
        ({"quantity": "100", "runs": "5", "interval": "30"}, 500, "0.45"),
        ({"comments": "One\nTwo\n\nThree\r\n"}, 3, "0.0027"),
        ({"usernames": "a\nb", "quantity": ""}, 2, "0.0018"),
        ({"min": "100", "max": "200", "posts": "10", "old_posts": "5", "username": "x"}, 3000, "2.70"),
        ({"min": "100", "max": "200", "username": "x"}, None, None),
        ({}, None, None),
        ({"quantity": "0"}, None, None),
        ({"quantity": "-5"}, None, None),
        ({"quantity": "1e3"}, None, None),
        ({"quantity": "9" * 40}, None, None),
        ({"quantity": "100", "runs": "many"}, None, None),
        ({"quantity": "\u0661\u0662"}, None, None),
        ({"quantity": "999999999999999", "runs": "999999999999999"}, None, None),
    ],
)
def test_a_price_follows_from_the_form_or_is_not_known(fields, pieces, cost):
    assert quantity(fields) == pieces
    assert price(fields, RATE) == (None if cost is None else Decimal(cost))


def test_a_package_costs_its_rate_and_what_the_catalogue_lacks_has_no_price():
    assert price({}, Tariff(Decimal("4.50"), "Package")) == Decimal("4.50")
    assert price({"quantity": "3"}, Tariff(Decimal("4.50"), "Custom Comments Package")) == Decimal("13.50")
    assert price({"quantity": "1000"}, None) is None
    assert price({"quantity": "1000"}, Tariff(None, "Default")) is None
    assert price({"quantity": "1000"}, Tariff(Decimal("-0.90"), "Default")) is None, "it would make room for others"
    assert price({}, Tariff(Decimal("-0.90"), "Package")) is None


@pytest.mark.parametrize(
    ("reserved", "adds", "cost", "error"),
    [
        ("49.10", 0, "0.90", None),
        ("49.11", 0, "0.90", "Spending limit reached: it costs 0.90, 0.89 of 50.00 a day is left (max_spend_per_day)"),
        (
            "0",
            0,
            None,
            "Not ordered: the price is not known: the catalogue has no rate for it, or the quantity does not follow",
        ),
        ("0", 30, "0.01", "Too many orders: this key may place 30 a minute (max_adds_per_minute)"),
        ("0", 29, "50.00", None),
        ("0", 0, "50.01", "Spending limit reached: it costs 50.01, 50.00 of 50.00 a day is left (max_spend_per_day)"),
    ],
)
def test_the_limit_is_met_exactly(reserved, adds, cost, error):
    found = limit(RULES, ClientUsage(Decimal(reserved), adds), None if cost is None else Decimal(cost))
    assert (found and found.error) == error
