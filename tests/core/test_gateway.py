"""What a request means, and what an order may cost."""

import json
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from tests.defaults import client_rules
from tracker.core import gateway
from tracker.core.gateway import BadRequest, ClientUsage, GatewayRequest, Tariff, limit, price, quantity, read_request

MANY = b"action=status&orders=" + b",".join(b"%d" % n for n in range(1_001))
FORM = "application/x-www-form-urlencoded"
OVER = "Spending limit reached"
RATE = Tariff(Decimal("0.90"), "Default")
RULES = client_rules(
    "shop", frozenset({"main"}), frozenset({"add"}), max_spend_per_day=Decimal("50.00"), max_adds_per_minute=30
)


@pytest.mark.parametrize(
    ("query", "kind", "body"),
    [
        ("", FORM, b"key=k&action=status&orders=1%2C2"),
        ("", "application/json; charset=utf-8", b'{"key": "k", "action": "status", "orders": "1,2"}'),
        ("", "application/json", b'{"key": "k", "action": "status", "orders": ["1", 2]}'),
        ("key=k&action=status&orders=1,2", "", b""),
        ("key=k", FORM, b"action=status&orders=1, 2,,1"),
        ("action=balance", "text/plain", b"key=k&action=status&orders=1,2"),
    ],
)
def test_a_request_means_the_same_however_it_is_written(query, kind, body):
    ask = read_request(query, kind, body)
    assert (ask.key, ask.action, ask.ids, ask.many) == ("k", "status", ("1", "2"), True)
    assert not ask.fields.keys() & {"key", "action"}


def test_comments_in_a_json_list_are_lines():
    ask = read_request(
        "", "application/json", b'{"comments": ["One, two", "Three"], "drip": true, "x": null, "runs": 2}'
    )
    assert ask.fields == {"comments": "One, two\nThree", "drip": "true", "runs": "2"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json", b"{"), ("application/json", b"[]"), ("application/json", b'{"a": {"b": 1}}'), (FORM, b"\xff"),
     ("application/json", b'{"a": [[1]]}'), (FORM, b"a=%00"), (FORM, MANY)],
)  # fmt: skip
def test_what_is_no_request_is_refused(kind, body):
    with pytest.raises(BadRequest):
        read_request("", kind, body)


@pytest.mark.parametrize(
    "name",
    [" action", "  action", "action[]", "action[x]", "Action", "ACTION", " key", "Key", "\u212aey", "key[0]",
     " service", "\u017fervice", " quantity", "quantity[", "Quantity", "quantity[]", "old.posts", "old posts",
     "old[posts", "comments[]", "orders[]", "Orders", " link"],
)  # fmt: skip
@pytest.mark.parametrize("kind", [FORM, "application/json"])
def test_a_name_that_a_panel_may_take_for_one_that_counts_is_refused(name, kind):
    """PHP strips, cuts and rewrites names of parameters, Go and .NET ignore their case: a panel would read another
    action, price or key than the one that was looked at here."""
    fields = {"key": "k", "action": "cancel", "orders": "1", name: "add"}
    body = json.dumps(fields) if kind != FORM else urlencode(fields)
    with pytest.raises(BadRequest, match="may be taken for"):
        read_request("", kind, body.encode())


def test_other_names_may_look_as_they_like():
    fields = {"dripfeed": "1", "answer.number": "2", "extra[x]": "3", "Country": "XX", " note": "4", "action_": "5"}
    assert read_request(urlencode(fields), "", b"").fields == fields


def test_what_is_not_utf8_is_not_passed_on_as_something_else():
    with pytest.raises(BadRequest, match="not UTF-8"):
        read_request("", FORM, b"action=add&link=caf%E9")


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
        ("49.11", 0, "0.90", OVER),
        ("0", 0, None, OVER),
        ("0", 30, "0.01", "Too many requests, try again in a minute"),
        ("0", 29, "50.00", None),
        ("0", 0, "50.01", OVER),
    ],
)
def test_the_limit_is_met_exactly(reserved, adds, cost, error):
    found = limit(RULES, ClientUsage(Decimal(reserved), adds), None if cost is None else Decimal(cost))
    assert (found and found.error) == error


def test_answers_keep_the_panels_own_bytes_and_the_order_of_the_question():
    ask = GatewayRequest("status", "k", {}, ("2", '"odd"', "1", "3"), many=True)
    entries = {"1": '{"charge":"0.90000"}', "2": '{"charge": 1.10}', '"odd"': '{"error":"x"}'}
    assert (
        gateway.orders_answer(ask, entries)
        == b'{"2":{"charge": 1.10},"\\"odd\\"":{"error":"x"},"1":{"charge":"0.90000"}}'
    )
    single = GatewayRequest("status", "k", {}, ("1",))
    assert gateway.orders_answer(single, entries) == b'{"charge":"0.90000"}'
    assert "says nothing" in json.loads(gateway.orders_answer(single, {}))["error"]
    refills = GatewayRequest("refill_status", "k", {}, ("7", "x7", "8"), many=True)
    said = json.loads(gateway.refills_answer(refills, {"7": '"Completed"', "x7": '{"error":"Refill not found"}'}))
    assert said == [{"refill": 7, "status": "Completed"}, {"refill": "x7", "status": {"error": "Refill not found"}}]


def test_an_id_of_many_digits_is_answered_too():
    long = "9" * 5_000
    refills = GatewayRequest("refill_status", "k", {}, (long,), many=True)
    assert json.loads(gateway.refills_answer(refills, {long: gateway.NOT_A_REFILL}))[0]["refill"] == long


@pytest.mark.parametrize("remote_id", ["0023501", "+23501", "-1", "23501.0", "23501.", "\u0661\u0662", "00"])
def test_a_number_in_another_spelling_is_none_of_the_panels_own(remote_id):
    assert gateway.is_respelled(remote_id)


@pytest.mark.parametrize(
    "remote_id", ["23501", "0", "23501-7", "ab12", "0x1f", "1.2", "2e4", "6f9619ff-8b86-d011", "1e4a"]
)
def test_any_other_id_is_the_panels_own(remote_id):
    assert not gateway.is_respelled(remote_id)
