"""Answers in an envelope, balances as people print them, errors under other names, words in other alphabets."""

from decimal import Decimal

import pytest

from tests.core.wire.wire_answers import ORDER, answer, as_read, one, order, status, trouble
from tracker.core import wire
from tracker.core.model import Balance
from tracker.core.status import OrderStatus, fold
from tracker.core.wire.errors import NO_OWN_WORDS, Meaning
from tracker.errors import Trouble

# --- envelopes

ENVELOPES = [
    {"status": True},
    {"status": "success"},
    {"success": True},
    {"success": 1, "message": ""},
    {"error": False},
    {"status": 200, "count": 1},
    {"code": 200, "msg": "ok"},
    {},
]


@pytest.mark.parametrize("envelope", ENVELOPES, ids=repr)
@pytest.mark.parametrize(
    "inside",
    [ORDER, {"1": ORDER}, [{"order": 1} | ORDER], {"orders": {"1": ORDER}}],
    ids=["flat", "map", "list", "nest"],
)
def test_an_order_in_an_envelope_is_read(envelope, inside):
    assert one(envelope | {"data": inside}).status is OrderStatus.PARTIAL


def test_many_orders_in_an_envelope_are_read_by_their_ids():
    reading = status({"status": True, "data": {"1": ORDER, "2": order(status="Completed")}}, "1", "2", "3")
    assert {i: s.status for i, s in reading.snapshots.items()} == {"1": OrderStatus.PARTIAL, "2": OrderStatus.COMPLETED}
    assert reading.absent == ["3"]


def test_an_entry_in_an_envelope_is_known_the_next_time():
    body = {"status": True, "data": {"1": ORDER}}
    reading = status(body)
    assert status(body, known=reading.entries).unchanged == ["1"]


@pytest.mark.parametrize(
    "envelope",
    [
        {"status": False, "message": "Order not found"},
        {"success": False, "message": "Order not found"},
        {"error": "Order not found"},
        {"success": "false", "detail": "Order not found"},
    ],
    ids=repr,
)
def test_an_envelope_that_says_no_is_an_error_whatever_is_in_it(envelope):
    for inside in ({}, [], None, "x"):
        assert status(envelope | {"data": inside}).refusals["1"].message == "Order not found"


def test_data_beside_data_of_an_order_is_no_envelope():
    assert one(ORDER | {"data": {"status": "Completed"}}).status is OrderStatus.PARTIAL


def test_balance_refills_and_a_new_order_come_in_envelopes_too():
    assert as_read("balance", answer({"status": True, "data": {"balance": "5"}}), [])["balance"]["amount"] == 5
    assert as_read("refill_status", answer({"success": True, "data": {"status": "Completed"}}), ["7"])[
        "refills"
    ].keys() == {"7"}
    assert as_read("add", answer({"status": "success", "data": {"order": 23501}}), []) == {"order": "23501"}


SERVICE = {"service": 1, "name": "Flyer rounds", "rate": "0.90", "min": 50, "max": 100}


@pytest.mark.parametrize(
    "body",
    [
        [SERVICE],
        {"0": SERVICE},
        {"services": [SERVICE]},
        {"services": {"4": SERVICE}, "count": 1},
        {"data": [SERVICE]},
        {"status": "success", "data": {"services": [SERVICE]}},
        {"success": True, "services": [SERVICE]},
    ],
)
def test_a_catalogue_is_found_in_any_envelope(body):
    assert [service.service for service in wire.read_services(answer(body))] == ["1"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"services": []},
        {"services": {}, "count": 0},
        {"data": []},
        {"status": "success", "data": "Empty Data"},
        {"status": True, "data": None},
        {"success": 1, "services": []},
    ],
)
def test_an_empty_catalogue_is_no_trouble(body):
    assert wire.read_services(answer(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        "null",
        '"Empty Data"',
        {"services": "soon"},
        {"data": "Empty Data"},
        {"status": "busy", "data": None},
        {"services": [1, 2]},
    ],
)
def test_what_only_looks_empty_is_unreadable(body):
    assert trouble(wire.read_services, body).kind is Trouble.UNREADABLE


# --- errors under other names


@pytest.mark.parametrize("name", ["message", "msg", "detail"])
def test_a_message_in_words_of_a_known_kind_is_an_error(name):
    assert status({name: "Order not found"}).refusals["1"].not_found
    assert trouble(wire.read_status, {name: "Invalid API key"}, ["1"]).kind is Trouble.AUTH
    assert trouble(wire.read_balance, {name: "Please try again"}).kind is Trouble.UNAVAILABLE


@pytest.mark.parametrize("name", ["message", "msg", "detail"])
def test_a_message_of_no_known_kind_is_no_error_by_itself(name):
    assert trouble(wire.read_status, {name: "Welcome"}, ["1"]).kind is Trouble.UNREADABLE
    assert one(ORDER | {name: "Order not found"}).status is OrderStatus.PARTIAL


def test_a_positive_message_after_a_cancel_is_no_refusal():
    assert wire.read_cancel(answer({"status": "success", "message": "Your request was sent"}), ["1"]).accepted == ("1",)


@pytest.mark.parametrize(
    "text",
    [
        "API is Disable for this user or User Not Found! Contact the Support",
        "Please provide a valid API key",
        "Your API access has been revoked",
        "User is disabled",
        "Your IP address is not in the whitelist",
        "IP not on our allow-list",
        "INVAL\u0130D AP\u0130 KEY",
        "\uff21\uff30\uff29 is disabled",
    ],
)
def test_these_words_are_about_the_account(text):
    assert NO_OWN_WORDS.meaning_of(text) is Meaning.ACCOUNT


@pytest.mark.parametrize("text", ["User not found", "Link user is private", "Incorrect user name", "Not a valid link"])
def test_these_words_are_not_about_the_account(text):
    assert NO_OWN_WORDS.meaning_of(text) is Meaning.UNCLEAR


# --- balances as people print them


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("$12.50", "12.50"),
        ("12.50 $", "12.50"),
        ("\u20ac 12.50", "12.50"),
        ("-$5", "-5"),
        ("$-5.25", "-5.25"),
        ("1 234.50", "1234.50"),
        ("1\u00a0234\u00a0567.5", "1234567.5"),
        ("1\u202f234", "1234"),
        ("$1,234.50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("12.50 USD", "12.50"),
        ("USD 12.50", "12.50"),
        ("\u221212.50", "-12.50"),
        ("\u20ba0.00", "0.00"),
    ],
)
def test_a_balance_beyond_doubt_is_read(said, amount):
    assert wire.read_balance(answer({"balance": said, "currency": "USD"})) == Balance(Decimal(amount), "USD")


@pytest.mark.parametrize(
    "said",
    [
        "12,50",
        "1.234,50",
        "1 23",
        "12 34.50",
        "1,234 567",
        "$",
        "$$5",
        "$5\u20ac",
        "5 EUR",
        "+-5",
        "-$-5",
        "#5",
        "5%",
        "about 5",
        "0 123",
        "1 234,50",
        "5 usd",
        "$1e3",
        "NaN",
    ],
)
def test_a_balance_in_doubt_is_unreadable(said):
    assert trouble(wire.read_balance, {"balance": said, "currency": "USD"}).kind is Trouble.UNREADABLE


# --- words in other alphabets


@pytest.mark.parametrize(
    ("one_way", "other_way"),
    [
        ("\u0130PTAL ED\u0130LD\u0130", "iptal edildi"),
        ("HESAP KAPALI", "hesap kapal\u0131"),
        ("In\u00a0progress", "in progress"),
        ("In\u2011progress", "in-progress"),
        ("\uff30\uff45\uff4e\uff44\uff49\uff4e\uff47", "Pending"),
        ("Com\u200bpleted", "completed"),
        ("\u0412\u042b\u041f\u041e\u041b\u041d\u0415\u041d", "\u0432\u044b\u043f\u043e\u043b\u043d\u0435\u043d"),
        ("STRASSE", "stra\u00dfe"),
        ("Hoa\u0300n tha\u0300nh", "ho\u00e0n th\u00e0nh"),
        ("\u2003Partial\u3000", "partial"),
    ],
)
def test_spellings_of_a_word_meet(one_way, other_way):
    assert fold(one_way) == fold(other_way)


@pytest.mark.parametrize(
    ("one_word", "other_word"),
    [("ho\u00e0n", "hoan"), ("\u0434\u0430", "\u043d\u0435\u0442"), ("\u5b8c\u6210", "\u5904\u7406")],
)
def test_different_words_stay_different(one_word, other_word):
    assert fold(one_word) != fold(other_word)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b'{"\x80service":1}', "not UTF-8"),
        (b'{"service":"\xff"}', "not UTF-8"),
        (b'{"service":NaN}', None),
        (b'{"service":1,}', "not JSON"),
        (b'{"service":1', "not JSON"),
    ],
)
def test_a_row_of_a_catalogue_that_is_no_text_or_no_json_makes_all_of_it_unreadable(row, why):
    body = b'[{"service":7,"name":"Flyer rounds"},' + row + b"]"
    if why is None:
        assert [service.service for service in wire.read_services(answer(body))] == ["7"]
    else:
        assert why in trouble(wire.read_services, body).message
