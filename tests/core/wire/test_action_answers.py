"""The answers to add, refill, cancel, balance and services, and what stays uncertain after them."""

from decimal import Decimal

import pytest

from tests.core.wire.wire_answers import answer, trouble
from tracker.core import wire
from tracker.core.model import Balance
from tracker.core.wire import Receipt
from tracker.errors import Trouble

# --- calls that change something ---------------------------------------------------------------------

NO_REASON = "refused without a reason"

# body, order ids asked -> created, accepted, refused
REFILLS = [
    ({"refill": "7"}, "1", Receipt({"1": "7"}, (), {})),
    ({"1": {"refill": 7}, "2": 8, "3": "Not allowed"}, "123", Receipt({"1": "7", "2": "8"}, (), {"3": "Not allowed"})),
    ({"orders": {"1": {"refill": 7}}}, "1", Receipt({"1": "7"}, (), {})),
    ([{"order": 1, "refill": {"status": "Success"}}], "1", Receipt({}, ("1",), {})),
    ([{"order": 1, "refill": True}, {"order": 2, "refill": False}], "12", Receipt({}, ("1",), {"2": NO_REASON})),
    ([{"order": 1, "refill": "rfl_01"}, {"order": 2, "refill": "Success"}], "12", Receipt({"1": "rfl_01"}, ("2",), {})),
    ([{"order": 1, "refill": 1}, {"order": 9, "refill": 2}, {"order": 1, "refill": 3}], "12", Receipt({}, (), {})),
    ('[{"order": 1, "refill": 1, "refill": 2}]', "1", Receipt({}, (), {})),
    ([{"order": 1, "refill": None}], "1", Receipt({}, (), {})),
    ([], "12", Receipt({}, (), {})),
    ({"error": "Order not found"}, "1", Receipt({}, (), {"1": "Order not found"})),
    ({"success": False, "message": "Too early"}, "1", Receipt({}, (), {"1": "Too early"})),
    ({"status": "fail", "message": "Too early"}, "1", Receipt({}, (), {"1": "Too early"})),
    ({"status": "Success"}, "12", Receipt({}, ("1", "2"), {})),
    ("1", "1", Receipt({}, ("1",), {})),
]  # fmt: skip


@pytest.mark.parametrize(("body", "asked", "receipt"), REFILLS)
def test_a_refill_is_created_accepted_or_refused(body, asked, receipt):
    assert wire.read_refill(answer(body), list(asked)) == receipt


# body, order ids asked -> accepted, refused
CANCELS = [
    ({"cancel": 1}, "1", ("1",), {}),
    ({"cancel": {"error": "Not cancelable"}}, "1", (), {"1": "Not cancelable"}),
    ({"Canceled": ["2", 9, None]}, "12", ("2",), {}),
    ({"cancelled": [1], "error": "Some failed"}, "12", ("1",), {}),
    ({"success": "Cancel request sent"}, "12", ("1", "2"), {}),
    ([{"order": 1, "cancel": 555}, {"order": 2, "cancel": 0}], "12", ("1",), {"2": NO_REASON}),
    ([{"order": 1, "cancel": "Already started"}], "1", (), {"1": "Already started"}),
]


@pytest.mark.parametrize(("body", "asked", "accepted", "refused"), CANCELS)
def test_a_cancel_is_accepted_or_refused(body, asked, accepted, refused):
    assert wire.read_cancel(answer(body), list(asked)) == Receipt({}, accepted, refused)


@pytest.mark.parametrize(
    ("body", "http", "kind", "uncertain"),
    [
        ("", 200, "unreadable", True), ("{}", 200, "unreadable", True), ({"order": ""}, 200, "unreadable", True),
        ({"order": 0}, 200, "unreadable", True), ({"order": "success"}, 200, "unreadable", True),
        ({"order": "1,2"}, 200, "unreadable", True), ({"order": 1.5}, 200, "unreadable", True),
        ({"order": True}, 200, "unreadable", True), ('{"order":1,"order":2}', 200, "unreadable", True),
        ({"order": 5}, 500, "unavailable", True), ("<html>", 502, "unavailable", True),
        ({"error": "Database connection failed"}, 200, "unavailable", True),
        ({"error": "Not enough funds"}, 200, "refused", False), ({"error": "Unknown action"}, 200, "refused", False),
        ({"status": "fail", "message": "Not enough funds"}, 200, "refused", False),
        ({"error": "Duplicate", "order": 5}, 200, "refused", True), ({"error": "Invalid API key"}, 200, "auth", False),
        ("slow", 429, "rate_limited", False), ({"error": "Too many requests"}, 200, "rate_limited", False),
    ],
)  # fmt: skip
def test_an_add_without_an_id_tells_whether_it_may_have_been_placed(body, http, kind, uncertain):
    error = trouble(wire.read_add, body, http=http)
    assert (error.kind, error.uncertain) == (kind, uncertain)


def test_a_refusal_of_add_is_in_the_panels_own_words():
    assert (
        trouble(wire.read_add, {"error": "neworder.error.not_enough_funds"}).message
        == "neworder.error.not_enough_funds"
    )


@pytest.mark.parametrize("read", [wire.read_refill, wire.read_cancel])
def test_a_refill_or_cancel_that_is_not_answered_is_uncertain_and_one_refused_is_not(read):
    for body in ("<html>", {"hello": 1}, [{"refill": 1}], '"ok', "null"):
        error = trouble(read, body, ["1", "2"])
        assert (error.kind, error.uncertain) == (Trouble.UNREADABLE, True)
    for body in ({"error": "Incorrect request"}, {"error": "Order not found"}, {"success": False}):
        error = trouble(read, body, ["1", "2"])
        assert (error.kind, error.uncertain) == (Trouble.BATCH_REFUSED, False)
    assert trouble(read, {"error": "Incorrect request"}, ["1"]).kind is Trouble.REQUEST


def test_one_refill_id_for_many_orders_is_nobodys():
    assert trouble(wire.read_refill, {"refill": 5}, ["1", "2"]).kind is Trouble.UNREADABLE


# --- balance and services ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"balance": None}, "unreadable"), ({"balance": "NaN"}, "unreadable"), ({"currency": "USD"}, "unreadable"),
        ('{"balance":1,"Balance":2}', "unreadable"), ("[]", "unreadable"), ({"error": "Nope"}, "refused"),
        ({"error": "Unknown action"}, "request"), ({"status": "error", "message": "Invalid API key"}, "auth"),
    ],
)  # fmt: skip
def test_a_balance_that_cannot_be_read_is_trouble_and_never_zero(body, kind):
    assert trouble(wire.read_balance, body).kind == kind


def test_a_balance_may_be_negative():
    assert wire.read_balance(answer({"Balance": "-0.50", "Currency": " eur "})) == Balance(Decimal("-0.50"), "eur")


def test_a_catalogue_is_read_row_by_row():
    rows = {"0": {"Service": 5, "rate": 0.10, "min": "NaN", "refill": "true", "name": None}, "4": {"name": "x"}, "5": 1}
    for body in (rows, list(rows.values())):
        (service,) = wire.read_services(answer(body))
        assert (service.service, service.rate, service.min, service.name) == ("5", Decimal("0.1"), None, "")
        assert (service.refill, service.cancel) == (True, False)
    assert wire.read_services(answer("[]")) == []


@pytest.mark.parametrize("body", [{"hello": "world"}, [{"name": "x"}], "null", '{"1":{"service":1},"1":{"service":2}}'])
def test_a_catalogue_without_a_service_is_none(body):
    assert trouble(wire.read_services, body).kind is Trouble.UNREADABLE
