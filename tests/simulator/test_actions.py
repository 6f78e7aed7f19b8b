"""The seven actions over HTTP, in the exact shapes of the reference."""

import pytest

from tests.simulator import answer, ask, fetch, order, small_world
from tracker.simulator import SimulatedPanel


@pytest.fixture
def panel():
    with SimulatedPanel(small_world(), speed=0) as panel:
        yield panel


def test_services_are_listed_as_documented(panel):
    first, second, *_ = answer(panel, action="services")
    assert first == {
        "service": 1, "name": "Newsletter inserts", "type": "Default", "category": "Print", "rate": "0.90",
        "min": "50", "max": "10000", "refill": True, "cancel": True,
    }  # fmt: skip
    assert (second["service"], second["type"], second["refill"]) == (2, "Custom Comments", False)


def test_one_status_is_flat(panel):
    panel.forward(15 * 60)
    assert answer(panel, action="status", order="2") == {
        "charge": "0.75870", "start_count": "3572", "status": "Partial", "remains": "157", "currency": "USD",
    }  # fmt: skip


def test_many_statuses_are_a_map_in_the_order_asked_for(panel):
    told = answer(panel, action="status", orders="3,1,77")
    assert list(told) == ["3", "1", "77"]
    assert told["1"]["status"] == "Pending"
    assert told["77"] == {"error": "Incorrect order ID"}


def test_the_answer_is_printed_as_php_prints_it(panel):
    _, body = fetch(panel, action="status", orders="30")
    assert body == b'{"30":{"status":"Active","expiry":"31\\/12\\/2030","posts":"1","orders":["3"]}}'


def test_a_drip_feed_lists_the_children_placed_so_far(panel):
    told = answer(panel, action="status", order="20")
    assert told == {"status": "In progress", "runs": "1", "orders": ["1"]}
    panel.forward(30 * 60)
    assert answer(panel, action="status", order="20")["orders"] == ["1", "10"]


@pytest.mark.parametrize("params", [{"order": "10"}, {"order": "999"}, {"order": "nonsense"}])
def test_an_order_that_is_not_there_is_an_incorrect_id(panel, params):
    assert answer(panel, action="status", **params) == {"error": "Incorrect order ID"}


@pytest.mark.parametrize("style", ["form", "json", "get"])
def test_form_json_and_query_are_understood(panel, style):
    assert answer(panel, style=style, action="balance") == {"balance": "100.00", "currency": "USD"}
    assert set(answer(panel, style=style, action="status", orders="1,2")) == {"1", "2"}


def test_a_panel_that_wants_a_form_refuses_the_rest():
    with SimulatedPanel(small_world(), request="form") as panel:
        assert answer(panel, style="get", action="balance") == {"error": "Incorrect request"}
        assert "balance" in answer(panel, action="balance")
        assert panel.audit.wrong_calls()[0].wrong == ["get where form was expected"]


def test_a_wrong_key_and_an_unknown_action_are_told_apart(panel):
    assert ask(panel, action="balance", key="other") == (200, {"error": "Invalid API key"})
    assert answer(panel, action="orders") == {"error": "Incorrect request"}
    assert answer(panel, action="status") == {"error": "Incorrect request"}


def test_more_than_a_hundred_ids_are_cut_silently_and_noted(panel):
    told = answer(panel, action="status", orders=",".join(map(str, range(1, 151))))
    assert list(told) == [str(i) for i in range(1, 101)]
    assert panel.audit.wrong_calls()[0].wrong == ["more than 100 ids"]


# ---- add


ADD = {"action": "add", "link": "https://client.example/page"}


@pytest.mark.parametrize(
    "params",
    [
        {"service": "1", "quantity": "100"},
        {"service": "2", "comments": "one\r\ntwo\nthree"},
        {"service": "3", "quantity": "20", "username": "reader7"},
    ],
)
def test_each_documented_form_of_add_places_an_order(panel, params):
    told = answer(panel, **ADD, **params)
    assert told == {"order": 31}
    assert answer(panel, action="status", order="31")["status"] == "Pending"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"service": "9", "quantity": "100"}, "Incorrect service ID"),
        ({"service": "1", "quantity": "49"}, "Quantity less than minimal 50"),
        ({"service": "1", "quantity": "10001"}, "Quantity more than maximum 10000"),
        ({"service": "1", "quantity": "some"}, "Quantity less than minimal 50"),
        ({"service": "1", "quantity": "100", "link": ""}, "neworder.error.link"),
        ({"service": "1", "quantity": "100", "runs": "0"}, "neworder.error.runs"),
        ({"service": "2"}, "neworder.error.comments"),
        ({"service": "2", "comments": "1\n2\n3\n4\n5\n6"}, "Quantity more than maximum 5"),
        ({"service": "3", "quantity": "20"}, "neworder.error.username"),
    ],
)
def test_a_bad_add_is_refused_and_changes_nothing(panel, params, error):
    orders = set(panel.truths())
    assert answer(panel, **ADD | params) == {"error": error}
    assert set(panel.truths()) == orders
    assert answer(panel, action="balance")["balance"] == "100.00"


def test_the_charge_leaves_the_balance_at_once(panel):
    answer(panel, **ADD, service="1", quantity="1000")
    assert answer(panel, action="balance")["balance"] == "99.10000"


def test_an_empty_account_buys_nothing(panel):
    panel.set_balance("0.89")
    told = answer(panel, **ADD, service="1", quantity="1000")
    assert told == {"error": "neworder.error.not_enough_funds"}
    assert answer(panel, action="balance")["balance"] == "0.89"


def test_runs_and_interval_make_a_drip_feed_paid_in_advance(panel):
    answer(panel, **ADD, service="4", quantity="100", runs="3", interval="60")
    assert answer(panel, action="balance")["balance"] == "99.70000"
    assert answer(panel, action="status", order="31") == {"status": "In progress", "runs": "1", "orders": ["32"]}
    panel.forward(121 * 60)
    told = answer(panel, action="status", orders="31,32,33,34")
    assert told["31"]["orders"] == ["32", "33", "34"]
    assert (told["33"]["status"], told["34"]["status"]) == ("Completed", "Pending")


def test_a_service_with_a_life_of_its_own_gives_it_to_new_orders(panel):
    answer(panel, **ADD, service="4", quantity="10")
    words = []
    for _ in range(3):
        words.append(answer(panel, action="status", order="31")["status"])
        panel.forward(5 * 60)
    assert words == ["Pending", "In progress", "Completed"]


# ---- refill, refill_status, cancel


def test_one_refill_is_an_id_as_text(panel):
    panel.forward(22 * 60)
    assert answer(panel, action="refill", order="1") == {"refill": "2"}
    assert answer(panel, action="refill_status", refill="2") == {"status": "Pending"}
    assert "error" in answer(panel, action="refill", order="1")


def test_many_refills_are_rows_with_numbers(panel):
    panel.forward(22 * 60)
    told = answer(panel, action="refill", orders="1,2,999")
    assert told[0] == {"order": 1, "refill": 2}
    assert "error" in told[1]["refill"]
    assert told[2] == {"order": 999, "refill": {"error": "Incorrect order ID"}}


def test_refill_statuses_are_rows(panel):
    assert answer(panel, action="refill_status", refills="1,5") == [
        {"refill": 1, "status": "Pending"},
        {"refill": 5, "status": {"error": "Refill not found"}},
    ]
    assert answer(panel, action="refill_status", refill="5") == {"error": "Refill not found"}
    panel.forward(600)
    assert answer(panel, action="refill_status", refill="1") == {"status": "Completed"}


def test_a_cancel_is_accepted_now_and_seen_later(panel):
    panel.forward(15 * 60)
    assert answer(panel, action="cancel", orders="999,1,3") == [
        {"order": 999, "cancel": {"error": "Incorrect order ID"}},
        {"order": 1, "cancel": 1},
        {"order": 3, "cancel": {"error": "Cancel is not available for this order"}},
    ]
    assert answer(panel, action="status", order="1")["status"] == "In progress"
    panel.forward(120)
    told = answer(panel, action="status", order="1")
    assert (told["status"], told["remains"], told["charge"]) == ("Partial", "300", "0.63000")
    assert panel.truth("1", at_s=15 * 60)["status"] == "In progress"


def test_a_pending_order_is_canceled_whole_and_paid_back(panel):
    panel.add(order("40", placed_at=1.0, timeline=((1.0, "Pending", 1000),)))
    panel.forward(60)
    assert answer(panel, action="balance")["balance"] == "99.10000"
    answer(panel, action="cancel", orders="40")
    panel.forward(120)
    told = answer(panel, action="status", order="40")
    assert (told["status"], told["charge"]) == ("Canceled", "0.00000")
    assert answer(panel, action="balance")["balance"] == "100.00000"
