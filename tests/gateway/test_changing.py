"""What changes something: written down, passed on once, settled, or told to be unclear."""

import json
import threading
import time
from decimal import Decimal

import pytest
import requests

from tests.gateway import BOT_KEY, CLIENTS, SHOP_KEY, order, track
from tests.polling import poll_named
from tests.system.site import wait_for
from tracker import clock
from tracker.intake.erasure import forget

ADD = {"action": "add", "service": "1", "link": "https://pages.example/p/1", "quantity": 1000}  # costs 0.90


def adds(panel):
    return [call for call in panel.audit.calls if call.action == "add"]


def written(desk):
    """The calls that were written down, the oldest first."""
    return desk.rows("SELECT action, state, service, quantity, ids, reserved FROM gateway_calls ORDER BY id")


def test_an_order_that_is_placed_is_tracked_with_what_is_known_of_it_and_told(desk, panel):
    said = desk.said(**ADD, comment_for_nobody="x")
    made = order(desk, str(said["order"]))
    assert (made["service"], made["quantity"], made["link"]) == ("1", 1000, ADD["link"])
    assert made["tracking"] == "active"
    assert [event["type"] for event in desk.events()] == ["order.tracked"]
    assert str(said["order"]) in (desk.folder / "data" / "intake.ndjson").read_text()
    ((action, state, service, quantity, ids, reserved),) = written(desk)
    assert (action, state, service, quantity, ids) == ("add", "done", "1", 1000, str(said["order"]))
    assert Decimal(str(reserved)) == Decimal("0.90")
    assert len(adds(panel)) == 1


def test_what_was_said_about_an_id_before_it_was_an_order_is_forgotten(desk, panel):
    first = int(desk.said(**ADD)["order"])
    following = str(first + 1)
    assert "error" in desk.said(action="status", order=following)
    assert str(desk.said(**ADD)["order"]) == following
    assert desk.said(action="status", order=following)["status"]


def test_what_cannot_be_kept_of_an_order_takes_nothing_else_along(desk, panel):
    said = desk.said(**ADD | {"link": "https://pages.example/" + "x" * 5_000})
    made = order(desk, str(said["order"]))
    assert (made["service"], made["quantity"], made["link"]) == ("1", 1000, None)


def test_what_the_gateway_does_not_know_is_passed_on_and_what_it_must_not_say_is_not(desk, panel):
    desk.said(**ADD, runs=2, interval=10, country="XX", username="someone")
    (sent,) = adds(panel)
    assert sent.wrong == []
    ((_, _, _, quantity, parent, reserved),) = written(desk)
    assert (quantity, Decimal(str(reserved))) == (2000, Decimal("1.80"))
    assert panel.book.orders[parent].kind == "drip_feed", "runs and interval arrived"


def test_a_refusal_of_the_panel_comes_as_it_is_and_frees_what_was_reserved(desk, panel):
    assert desk.ask(**ADD | {"quantity": 1}) == (200, {"error": "Quantity less than minimal 50"})
    assert written(desk)[0][:2] == ("add", "refused")
    assert desk.rows("SELECT count(*) FROM orders") == [(0,)]
    ((label,),) = desk.rows("SELECT reason FROM gateway_calls")
    assert label == "Quantity less than minimal 50"


@pytest.mark.parametrize("fault", ["hang", "reset", "truncated", "empty_reply", "garbage", "http_502", "html_200"])
def test_an_order_whose_outcome_nobody_knows_is_never_sent_again_and_everybody_is_told(desks, panel, fault):
    desk = desks(panel.url, gateway='add_timeout = "1s"')
    desk.catalogue()
    panel.faults.queue(fault)
    answered = desk.send(**ADD)
    ((name, state, reserved),) = desk.rows("SELECT name, state, reserved FROM gateway_calls")
    assert answered.status_code == 200
    assert answered.json() == {"error": f"Outcome unknown, do not resend ({name})"}
    assert (state, Decimal(str(reserved))) == ("unclear", Decimal("0.90"))
    (event,) = desk.events("gateway.unclear")
    assert event["data"]["gateway"]["call"] == name
    assert "link" not in str(event)
    assert len(adds(panel)) == 1


def test_a_panel_that_was_not_reached_is_no_mystery(desks, panel):
    desk = desks(panel.url)
    desk.catalogue()
    panel.stop()
    answered = desk.send(**ADD)
    assert answered.status_code == 503
    assert "nothing was passed on" in answered.json()["error"]
    assert written(desk)[0][1] == "refused"
    assert desk.events("gateway.unclear") == []


def test_a_client_that_hangs_up_cancels_nothing(desk, panel):
    url = f"http://127.0.0.1:{desk.port}/gateway/main"
    panel.faults.queue("drip_body")
    panel.faults.max_hang_s = 1.0
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, data={"key": SHOP_KEY, **ADD}, timeout=0.2)
    wait_for(lambda: written(desk) and written(desk)[0][1] != "open", 10, "the call to be settled")
    assert written(desk)[0][1] == "unclear"
    assert requests.post(url, data={"key": SHOP_KEY, **ADD}, timeout=10).json()["order"]


def test_spending_is_reserved_before_the_call_and_the_limit_holds_for_all_at_once(desk, panel):
    panel.set_balance("1000")
    found, lock = [], threading.Lock()

    def client():
        said = desk.said(**ADD | {"quantity": 8_000})  # 7.20 each; 50.00 takes six
        with lock:
            found.append(said)

    threads = [threading.Thread(target=client) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum("order" in said for said in found) == 6
    assert [said for said in found if "order" not in said] == [{"error": f"{OVER} 7.20, 6.80{OF}"}] * 6
    assert len(adds(panel)) == 6
    (told,) = desk.events("gateway.limit")
    assert told["data"]["gateway"]["reserved"] == "43.20"
    assert told["data"]["gateway"]["max_spend_per_day"] == "50.00"
    assert told["data"]["gateway"]["price"] == "7.20"


OVER, OF = "Spending limit reached: it costs", " of 50.00 a day is left (max_spend_per_day)"
NO_PRICE = "Not ordered: the price is not known: the catalogue has no rate for it, or the quantity does not follow"
SLOW_INSERT = (
    "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$",
    "CREATE TRIGGER dawdle BEFORE INSERT ON gateway_calls FOR EACH ROW EXECUTE FUNCTION dawdle()",
)


def test_two_orders_of_a_client_never_see_the_same_money_left(desk, panel):
    """However long it takes between the look at what is reserved and the reservation."""
    desk.said(**ADD)
    with desk.parts.database.transaction() as cur:
        cur.run("UPDATE gateway_calls SET reserved = ?", (desk.parts.database.money(Decimal("45.00")),))
        for statement in SLOW_INSERT if desk.parts.database.postgres else ():
            cur.run(statement)
    said = []
    threads = [threading.Thread(target=lambda: said.append(desk.said(**ADD | {"quantity": 5_000}))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted("order" in one for one in said) == [False, False, True], "4.50 each, and 5.00 left"
    assert len(adds(panel)) == 2


@pytest.mark.parametrize(
    "fields",
    [{"service": "404"}, {"quantity": ""}, {"quantity": "many"}, {"service": "1", "quantity": "-5"},
     {"quantity": "9" * 15, "runs": "9" * 15}],
    ids=str,
)  # fmt: skip
def test_an_order_without_a_known_price_is_not_placed(desk, panel, fields):
    assert desk.ask(**ADD | fields) == (200, {"error": NO_PRICE})
    assert adds(panel) == []
    assert written(desk) == []
    assert len(desk.events("gateway.limit")) == 1


def test_a_day_later_the_money_is_there_again_and_unclear_orders_hold_theirs(desk, panel):
    desk.said(**ADD)
    with desk.parts.database.transaction() as cur:
        most = desk.parts.database.money(Decimal("49.99"))
        cur.run("UPDATE gateway_calls SET reserved = ?, state = 'unclear'", (most,))
    assert desk.said(**ADD) == {"error": f"{OVER} 0.90, 0.01{OF}"}
    with desk.parts.database.transaction() as cur:
        cur.run("UPDATE gateway_calls SET at = at - 86401")
    assert "order" in desk.said(**ADD)


def test_a_clock_that_was_years_ahead_blocks_nobody_once_it_is_right(desk, panel):
    year = 365 * 86_400
    for _ in range(2):
        desk.said(**ADD)
    assert desk.said(**ADD | {"service": "404"}) == {"error": NO_PRICE}
    with desk.parts.database.transaction() as cur:
        most = desk.parts.database.money(Decimal("49.99"))
        cur.run("UPDATE gateway_calls SET at = at + ?, reserved = ?", (year, most))
        cur.run("UPDATE events SET at = at + ?", (year,))
    assert "order" in desk.said(**ADD)
    desk.said(**ADD | {"service": "404"})
    assert len(desk.events("gateway.limit")) == 2
    with desk.parts.database.transaction() as cur:  # a clock that is a little off gives nobody more to spend
        cur.run("UPDATE gateway_calls SET at = ?", (clock.now() + 3_600,))
    assert desk.said(**ADD)["error"].startswith(OVER)


def test_too_many_orders_in_a_minute_are_refused(desks, panel):
    desk = desks(panel.url, clients=CLIENTS.replace("= 1000", "= 2"))
    desk.catalogue()
    found = [desk.said(**ADD) for _ in range(3)]
    assert found[2] == {"error": "Too many orders: this key may place 2 a minute (max_adds_per_minute)"}
    assert len(adds(panel)) == 2
    assert desk.events("gateway.limit") == []


def test_a_refill_is_tracked_and_a_cancelled_order_is_asked_about_at_once(desk, panel):
    track(desk, "1", "10")
    poll_named(desk.parts, "1", "10")
    refill = desk.said(action="refill", order="1")["refill"]
    assert desk.rows("SELECT remote_id, order_remote_id, baseline FROM refills") == [(refill, "1", 0)]
    assert [event["type"] for event in desk.events()] == ["refill.tracked"]
    assert order(desk, "10")["next_poll_at"] > clock.now() + 1
    assert desk.said(action="cancel", orders="10,404")[0] == {"order": 10, "cancel": 1}
    assert order(desk, "10")["next_poll_at"] <= clock.now()
    assert [row[:2] for row in written(desk)] == [("refill", "done"), ("cancel", "done")]


def test_a_refill_whose_outcome_nobody_knows_is_unclear_too(desk, panel):
    panel.faults.queue("reset")
    assert "do not resend" in desk.said(action="refill", orders="1,2")["error"]
    assert written(desk)[0][:2] == ("refill", "unclear")
    assert desk.events("gateway.unclear")[0]["data"]["gateway"]["orders"] == ["1", "2"]


@pytest.mark.parametrize("action", ["refill", "cancel", "status", "refill_status"])
def test_a_request_about_nothing_is_answered_here(desk, panel, action):
    before = len(panel.audit.calls)
    assert desk.ask(action=action) == (200, {"error": "Incorrect request"})
    assert len(panel.audit.calls) == before


def test_the_switch_stops_what_changes_something_and_nothing_else(desk, panel):
    assert desk.parts.store.gateway.stop("prices changed", clock.now())
    assert not desk.parts.store.gateway.stop(None, clock.now())
    for fields in (ADD, {"action": "refill", "order": "1"}, {"action": "cancel", "orders": "10"}):
        assert desk.ask(**fields) == (200, {"error": "The gateway is stopped, nothing was ordered"})
    assert desk.said(action="status", order="1")["status"] == "Completed"
    assert desk.parts.store.gateway.start()
    assert "order" in desk.said(**ADD)
    assert len(adds(panel)) == 1


def test_while_it_closes_it_refuses_new_changes_and_waits_for_those_under_way(desk, panel):
    panel.faults.queue("hang")
    panel.faults.max_hang_s = 1.5
    first = []
    client = threading.Thread(target=lambda: first.append(desk.said(**ADD)))
    client.start()
    wait_for(lambda: len(adds(panel)) == 1, 10, "the order to be under way")
    beats = []
    closing = threading.Thread(target=lambda: desk.gateway.changes.close(lambda: beats.append(1)))
    started = time.monotonic()
    closing.start()
    wait_for(lambda: desk.send(**ADD).status_code == 503, 10, "it to refuse")
    assert desk.said(action="balance")["currency"] == "USD", "looking is still allowed"
    closing.join(20)
    assert time.monotonic() - started > 1.0
    assert beats
    client.join(10)
    assert "do not resend" in first[0]["error"]
    assert len(adds(panel)) == 1


@pytest.mark.parametrize("action", ["add", "refill", "cancel"])
def test_a_client_does_what_its_entry_lists_and_nothing_else(desk, panel, action):
    said = desk.ask(BOT_KEY, **ADD | {"action": action, "order": "1", "orders": "1"})
    assert said == (200, {"error": f"Not allowed for this key: '{action}'"})
    assert desk.ask(panel="spare", action="balance") == (404, {"error": "No such panel"})
    assert desk.ask(panel="nowhere", action="balance") == (404, {"error": "No such panel"})
    assert written(desk) == []


def test_disk_trouble_before_the_call_places_nothing(desk, panel):
    with desk.parts.database.transaction() as cur:
        cur.run("ALTER TABLE gateway_calls RENAME TO elsewhere")
    answered = desk.send(**ADD)
    assert answered.status_code == 500
    assert "Traceback" not in answered.text
    assert adds(panel) == []


def test_disk_trouble_after_the_call_tells_the_client_what_happened_and_the_next_start_finds_it(desk, panel):
    journal = desk.folder / "data" / "intake.ndjson"
    journal.mkdir()  # cannot be written
    said = desk.said(**ADD)
    assert said["order"], "it is placed, whatever happens here"
    assert written(desk)[0][1] == "open"
    journal.rmdir()
    (lost,) = desk.parts.intake.recover(clock.now() + 1)
    assert lost.action == "add"
    assert written(desk)[0][1] == "unclear"


def test_a_call_is_unclear_after_a_crash_whatever_the_clock_did_meanwhile(desk, panel):
    desk.said(**ADD)
    with desk.parts.database.transaction() as cur:
        cur.run("UPDATE gateway_calls SET state = 'open', name = 'G-aaaaaaaaaa', at = ?", (clock.now() + 1e8,))
    (lost,) = desk.parts.intake.recover(clock.now())
    assert (lost.name, written(desk)[0][1]) == ("G-aaaaaaaaaa", "unclear")
    assert len(desk.events("gateway.unclear")) == 1


def test_an_order_that_reached_the_journal_and_no_more_is_found_there(desk, panel):
    said = desk.said(**ADD)
    with desk.parts.database.transaction() as cur:  # as a kill between the two would have left it
        cur.run("DELETE FROM orders")
        cur.run("UPDATE gateway_calls SET state = 'open', ids = ''")
    journal = desk.folder / "data" / "intake.ndjson"
    (line,) = journal.read_text().splitlines()
    ahead = json.loads(line) | {"placed_at": clock.now() + 1e8}  # by a clock that has been put right since
    journal.write_text(json.dumps(ahead) + "\n")
    assert desk.parts.intake.recover(clock.now() + 1) == []
    assert written(desk)[0][:2] == ("add", "done")
    assert order(desk, str(said["order"]))["quantity"] == 1000


def test_the_link_of_an_order_can_be_forgotten_here_too(desk, panel):
    assert "error" in desk.said(**ADD | {"quantity": 1}), "tried before, and refused"
    said = desk.said(**ADD)
    assert desk.rows("SELECT link FROM gateway_calls") == [(ADD["link"],)] * 2
    done = forget(desk.parts.store, desk.parts.journal, "main", [str(said["order"])])
    assert done.clean
    assert desk.rows("SELECT link FROM gateway_calls") == [(None,)] * 2
    for file in (desk.folder / "data").iterdir():
        assert ADD["link"].encode() not in file.read_bytes(), file
