"""How numbers, texts, ids and errors are read as panels print them."""

import pytest

from tests.core.wire.wire_answers import ORDER, answer, as_read, one, order, status, trouble
from tracker.core import wire
from tracker.core.model import OrderKind
from tracker.core.status import ORDER_WORDS, REFILL_WORDS, OrderStatus
from tracker.core.wire.errors import NO_OWN_WORDS, Meaning
from tracker.core.wire.values import short
from tracker.errors import Trouble

# --- numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "charge"),
    [
        ('"1,234.50"', "1234.50"), ('"12,345,678"', "12345678"), ("1E+3", "1000"), ('"-0.5"', "-0.5"), ("0", "0"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"), ('" 2.50 "', "2.50"),
    ],
)  # fmt: skip
def test_money_is_the_digits_that_were_printed(printed, charge):
    reading = status(f'{{"status":"Pending","charge":{printed}}}')
    assert str(reading.snapshots["1"].charge) == charge
    assert reading.unreadable == 0


@pytest.mark.parametrize(
    "printed",
    [
        "NaN", "Infinity", "-Infinity", "1e309", "1e-309", "9" * 400, '"' + "9" * 500 + '"', '"0,27819"', '"0,278"',
        '"12,34"', '"1.2.3"', '"$1"', "true", "[]", "{}", '"١٢"', '"NaN"', '"1e999999999"',
    ],
)  # fmt: skip
def test_money_that_cannot_be_read_is_left_out_and_counted(printed):
    body = f'{{"1":{{"status":"Completed","charge":{printed},"remains":"5"}}}}'
    reading = status(body)
    snapshot = reading.snapshots["1"]
    assert (snapshot.charge, snapshot.remains, snapshot.status) == (None, 5, OrderStatus.COMPLETED)
    assert reading.unreadable == 1
    assert status(body, known={"1": snapshot.entry}).unchanged == ["1"]


@pytest.mark.parametrize(
    ("printed", "number", "unreadable"),
    [
        (str(2**63 - 1), 2**63 - 1, 0), (str(2**63), None, 1), ('"-12"', -12, 0), ('"+12"', -12, 0), ('"+0"', 0, 0),
        ("157.0", 157, 0), ("157.5", None, 1), ('"1,570"', 1570, 0), ('""', None, 0), ("null", None, 0),
        ("1e3", 1000, 0), ('" 7 "', 7, 0), ('"٣"', None, 1), ('"lots"', None, 1),
    ],
)  # fmt: skip
def test_remains_is_a_whole_number_or_unknown(printed, number, unreadable):
    reading = status(f'{{"status":"Pending","remains":{printed}}}')
    assert (reading.snapshots["1"].remains, reading.unreadable) == (number, unreadable)


# --- texts, kinds, ids -------------------------------------------------------------------------------


def test_what_is_said_always_fits_into_a_row():
    snapshot = one('{"status":"\\ud800\\u0000' + "x" * 5000 + '","currency":"' + "y" * 5000 + '"}')
    assert len(snapshot.said) == 200
    assert "\0" not in snapshot.said
    assert snapshot.said.encode()
    assert snapshot.currency is None


def test_the_panels_own_words_go_before_ours():
    status_map = {"2": OrderStatus.COMPLETED, "success": OrderStatus.PENDING, "ordernotfound": OrderStatus.CANCELED}
    for said, meant in ((2, "completed"), ("Success", "pending"), ("Order not found", "canceled")):
        reading = status({"1": order(status=said)}, words=wire.OwnWords(status_map))
        assert reading.snapshots["1"].status == meant


def test_children_are_ids_once_each_and_the_rest_is_counted():
    reading = status({"1": {"status": "Active", "posts": 2, "orders": {"0": 7, "3": "8", "4": "7", "5": None}}})
    assert reading.snapshots["1"].children == ("7", "8")
    assert reading.snapshots["1"].kind is OrderKind.SUBSCRIPTION
    assert reading.unreadable == 1


@pytest.mark.parametrize(
    ("body", "strangers"),
    [
        ({"1": ORDER, "9": ORDER, "status": "success"}, 1),
        ([order(order=1), order(order=9), ORDER, "text"], 3),
        ({"9": ORDER, "8": "Incorrect order ID"}, 2),
        ({"orders": {"9": ORDER}}, 1),
        (order(order="9"), 1),
    ],
)
def test_what_was_not_asked_for_is_counted_and_dropped(body, strangers):
    reading = status(body)
    assert reading.strangers == strangers
    assert set(reading.snapshots) <= {"1"}


@pytest.mark.parametrize("entry", [None, [], 5, True, [ORDER], "", {}, {"charge": "1"}, {"status": ["Pending"]}])
def test_an_entry_that_says_nothing_is_no_answer(entry):
    reading = status({"1": entry, "2": ORDER}, "1", "2")
    assert (reading.absent, list(reading.snapshots), len(reading.refusals)) == (["1"], ["2"], 0)


# --- errors ------------------------------------------------------------------------------------------

TEXTS = {
    Meaning.ACCOUNT: "Invalid API key|Incorrect API key|Your account is inactive|Missing key or action"
    "|API key not found|invalid_api_key|Your account has been suspended|Unauthorized|Access denied"
    "|Your IP address is not allowed",
    Meaning.RATE: "Too many requests|Rate limit exceeded. Try again later.|Request limit reached|slow down",
    Meaning.NOT_FOUND: "Incorrect order ID|Order not found.|Order Not found|Refill not found|Invalid order"
    "|No such order|Order 15 does not exist|incorrect_order_id|Wrong refill id: 7",
    Meaning.SERVER: "Service temporarily unavailable|Database connection failed. Please try again later."
    "|Under maintenance|Internal server error|SQLSTATE[HY000] [2002]|Request timed out",
    Meaning.REQUEST: "Incorrect request|Unknown action|Invalid parameters|Order ID is required|Method not allowed",
    Meaning.UNCLEAR: "neworder.error.not_enough_funds|Order cannot be refilled|Cancellation Requested"
    "|Invalid order status|Temporarily paused|Keyword is taken|Awaiting approval|"
    + "|".join([*ORDER_WORDS, *REFILL_WORDS]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("meaning", "text"), [(kind, text) for kind, texts in TEXTS.items() for text in texts.split("|")]
)
def test_an_error_text_means_what_its_words_say(meaning, text):
    assert NO_OWN_WORDS.meaning_of(text) is meaning
    assert NO_OWN_WORDS.meaning_of(text.upper()) is meaning


@pytest.mark.parametrize(
    "error",
    ["Order not found", ["Order not found"], {"code": 7, "message": "Order not found"}, {"id": ["Order not found"]}],
)
def test_an_error_is_found_in_whatever_it_is_wrapped_in(error):
    for body in ({"1": {"error": error}}, {"error": error}, {"errors": error}, {"Error": error, "status": "Pending"}):
        refusal = status(body).refusals["1"]
        assert (refusal.message, refusal.not_found) == ("Order not found", True)


@pytest.mark.parametrize("error", [None, False, "", " ", 0, [], {}])
def test_an_error_that_is_nothing_is_none(error):
    assert status({"1": order(error=error)}).snapshots["1"].status is OrderStatus.PARTIAL


def test_words_of_no_known_kind_refuse_the_batch_or_the_one_id():
    assert trouble(wire.read_status, {"error": "Nope"}, ["1", "2"]).kind is Trouble.BATCH_REFUSED
    refusal = status({"error": "Nope"}).refusals["1"]
    assert (refusal.message, refusal.not_found) == ("Nope", False)


def test_error_and_fail_are_statuses_beside_an_orders_data():
    assert one({"status": "Error", "message": "x", "remains": "5"}).status is OrderStatus.FAILED
    assert status({"status": "Error", "message": "x", "remains": None}).refusals["1"].message == "x"


@pytest.mark.parametrize(
    ("http", "body", "kind"),
    [
        (429, "<html>", "rate_limited"), (401, "", "auth"), (403, "<html>", "unreadable"), (404, "null", "unreadable"),
        (429, {"message": "Hold on"}, "rate_limited"), (401, {"error": "No."}, "auth"), (502, "", "unavailable"),
        (500, {"error": "Invalid API key"}, "auth"), (503, {"error": "Too many requests"}, "rate_limited"),
        (500, b"\xff", "unavailable"), (500, "[" * 100_000, "unavailable"), (200, '"Invalid API key"', "auth"),
        (200, '"hello"', "unreadable"), (200, {"message": "hello"}, "unreadable"), (200, [ORDER], "unreadable"),
        (200, '{"1":{"status":"Pending"}} ok', "unreadable"), (200, 'Warning: x {"status":"Pending"}', "unreadable"),
        (200, '{"status":"Pending"}'.encode("utf-16"), "unreadable"), (200, b'{"status":"\xff"}', "unreadable"),
        (200, '{"1":{"status":"a\nb"}}', "unreadable"), (200, '{"1":' + "[" * 100_000, "unreadable"),
        (200, '{"1":' + "[" * 100_000 + "]" * 100_000 + "}", "unreadable"), (200, '{"1":' * 100_000, "unreadable"),
        (200, "[" * 900 + "]" * 900, "unreadable"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_only_says_what_kind_of_trouble_it_is(http, body, kind):
    assert trouble(wire.read_status, body, ["1"], http=http).kind == kind


@pytest.mark.parametrize("name", ["status", "error", "errors", "orders", "cancel", "refill", "1", "x"])
@pytest.mark.parametrize("depth", [30, 300, 900, 990, 5_000])
def test_no_nesting_goes_further_than_a_panel_error(name, depth):
    body = f'{{"{name}":' * depth + "1" + "}" * depth
    for action in ("status", "refill_status", "refill", "cancel", "add", "balance", "services"):
        as_read(action, answer(body), ["1"])
        as_read(action, answer(body, 500), ["1"])


# --- what people get to read --------------------------------------------------------------------------


def test_a_message_is_short_and_harmless_to_a_terminal():
    error = trouble(wire.read_balance, {"error": "No \x1b[31m\u202e\nway " + "x y " * 500})
    assert error.kind is Trouble.REFUSED
    assert error.message.startswith("No \\x1b[31m\\u202e\\nway x y")
    assert len(error.message) <= 200
    assert error.message.endswith("…")


def test_half_a_key_is_never_shown():
    key = "k3y" * 12
    for before in range(150, 210):
        said = short("x" * (before - 1) + " " + key + " is wrong, and so is everything else you sent us today")
        assert key in said or "k3y" not in said


def test_an_unreadable_answer_says_how_it_began():
    error = trouble(wire.read_balance, "<!DOCTYPE html><title>Just a moment...</title>" + "<p>" * 500, http=403)
    assert error.message.startswith("HTTP 403, not JSON: <!DOCTYPE html>")
    assert len(error.message) < 240
