"""What only asks: from the database while it is fresh, else one call for all, in the panel's own words."""

import threading
import time

import pytest
import requests

from tests.gateway import BOT_KEY, CLIENTS, PANEL_KEY, order, track
from tests.polling import poll_named
from tests.simulator import answer, small_world
from tests.simulator import order as life
from tests.system.site import wait_for
from tracker import clock
from tracker.simulator import SimulatedPanel


def calls(panel, action="status"):
    return [call for call in panel.audit.calls if call.action == action]


@pytest.mark.parametrize(
    "fields",
    [{"action": "status", "order": "2"}, {"action": "status", "orders": "1,2,10,404"},
     {"action": "status", "order": "404"}, {"action": "status", "order": "20"},
     {"action": "refill_status", "refill": "1"}, {"action": "refill_status", "refills": "1,9"},
     {"action": "refill_status", "refill": "9"}, {"action": "balance"}, {"action": "services"}],
    ids=str,
)  # fmt: skip
def test_the_answer_is_the_panels_own_the_first_time_and_from_then_on(desk, panel, fields):
    direct = answer(panel, **fields)
    asked = len(panel.audit.calls)
    for style in ("form", "multipart", "json", "get", "mixed"):
        for path in ("", "/", "/api/v2"):
            assert desk.ask(BOT_KEY, style=style, path=path, **fields) == (200, direct)
    assert len(panel.audit.calls) == asked + 1, "all but one were answered without the panel"


def test_what_is_fresh_in_the_database_costs_the_panel_nothing_and_what_is_not_one_call(desk, panel):
    track(desk, "1", "2", "3")
    poll_named(desk.parts, "1", "2", "3")
    polled = len(calls(panel))
    assert set(desk.said(action="status", orders="1,2,3")) == {"1", "2", "3"}
    assert len(calls(panel)) == polled
    desk.age(61)
    assert set(desk.said(action="status", orders="1,2")) == {"1", "2"}
    assert len(calls(panel)) == polled + 1
    assert calls(panel)[-1].ids[:2] == ("1", "2")
    ((at,),) = desk.rows("SELECT last_polled_at FROM orders WHERE remote_id = '1'")
    assert clock.now() - at < 30, "the call refreshed the row"


def test_what_was_asked_in_the_future_of_a_clock_that_was_set_back_is_not_fresh(desk, panel):
    track(desk, "1")
    poll_named(desk.parts, "1")
    polled = len(calls(panel))
    desk.age(-7_200)
    for _ in range(2):
        assert desk.said(action="status", order="1")["status"] == "Completed"
    assert len(calls(panel)) == polled + 1


def test_a_move_seen_by_way_of_a_client_is_recorded_and_told(desk, panel):
    track(desk, "10")
    poll_named(desk.parts, "10")
    panel.advance(1.0)
    desk.age(61)
    assert desk.said(action="status", order="10")["status"] == "Completed"
    assert order(desk, "10")["status"] == "completed"
    assert [event["type"] for event in desk.events()] == ["order.completed"]


def test_ids_that_nobody_handed_over_are_tracked_when_the_panel_knows_them_and_fire_nothing(desk, panel):
    desk.said(action="status", orders="1,2,404")
    desk.said(action="refill_status", refills="1,9")
    assert desk.rows("SELECT remote_id FROM orders ORDER BY id") == [("1",), ("2",)]
    assert desk.rows("SELECT remote_id FROM refills") == [("1",)]
    assert (order(desk, "2")["status"], order(desk, "2")["baseline"]) == ("partial", 0)
    assert desk.events() == []
    journal = (desk.folder / "data" / "intake.ndjson").read_text()
    assert '"id": "2"' in journal
    assert '"404"' not in journal
    panel.add(life("2", timeline=((0.0, "In progress", 10),)))
    desk.age(61)
    assert desk.said(action="status", order="2")["status"] == "In progress"
    assert [event["type"] for event in desk.events()] == ["order.reopened"], "from then on moves are told"


def test_a_number_that_is_spelled_otherwise_is_answered_about_and_not_tracked_twice(desk, panel):
    """To many a panel 0002 is 2, and its answer about one order does not say which."""
    panel.add(life("0002"))
    assert desk.said(action="status", order="0002")["status"]
    assert desk.said(action="status", order="0002")["status"]
    assert len(calls(panel)) == 1
    assert desk.rows("SELECT count(*) FROM orders") == [(0,)]


def test_an_order_that_was_removed_stays_so_whatever_a_client_asks(desk, panel):
    track(desk, "1")
    desk.parts.store.order_edits.remove("main", ["1"], clock.now())
    assert desk.said(action="status", order="1")["status"] == "Completed"
    assert desk.rows("SELECT count(*) FROM orders") == [(0,)]


def test_all_who_ask_at_one_moment_share_a_call(desks, panel):
    desk = desks(panel.url, panel="max_concurrency = 1")
    track(desk, "1", "2", "3", "10")
    panel.faults.queue("hang")
    panel.faults.max_hang_s = 1.0
    found, lock = [], threading.Lock()

    def client(remote_id):
        said = desk.said(action="status", order=remote_id)
        with lock:
            found.append(said)

    before = len(calls(panel))
    threads = [threading.Thread(target=client, args=(one,)) for one in ("1", "1", "2", "3", "10", "1") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 18
    assert len(calls(panel)) - before <= 3, "the one that hung, its second try, and one for all who came meanwhile"


def test_single_asks_take_what_is_asked_for_beside_them_along(desks, panel):
    desk = desks(panel.url, gateway='fresh = "4s"', panel="batch_size = 10")
    ids = [str(n) for n in range(5_000, 5_012)]
    for one in ids:
        panel.add(life(one))
    for one in ids:
        desk.said(action="status", order=one)
    assert len(calls(panel)) == 12, "the first time nobody knows who will ask"
    newest = "SELECT max(last_polled_at) FROM orders"
    wait_for(lambda: clock.now() - desk.rows(newest)[0][0] > 4, 10, "all of them to be out of date")
    for one in ids:
        assert desk.said(action="status", order=one)["status"]
    assert len(calls(panel)) - 12 == 2, "12 orders, 10 in a call"


@pytest.mark.parametrize("fields", [{"action": "balance"}, {"action": "status", "order": "1"}], ids=str)
def test_a_second_try_is_counted_and_over_when_its_call_is(desk, panel, fields):
    before = len(desk.rows("SELECT id FROM poll_runs"))
    panel.faults.queue("reset")
    assert desk.ask(**fields)[0] == 200
    runs = desk.rows("SELECT kind, outcome, finished_at IS NOT NULL FROM poll_runs ORDER BY id")[before:]
    assert len(runs) == 2
    assert runs[1] == ("retry", "retry", 1)
    assert runs[0][1:] == ("ok", 1)


def test_a_panel_that_takes_no_lists_is_asked_one_by_one(desk, panel):
    track(desk, "1", "2", "3")
    panel.faults.batch_unknown = True
    assert set(desk.said(action="status", orders="1,2,3")) == {"1", "2", "3"}
    assert [len(call.ids) for call in calls(panel)] == [3, 1, 1, 1]
    desk.age(61)
    assert desk.said(action="status", order="1")["status"] == "Completed"
    assert len(calls(panel)[-1].ids) == 1


@pytest.mark.parametrize("why", ["no lists", "removed"])
def test_who_wants_what_was_to_fill_a_call_up_and_did_not_has_it_asked_for(desks, panel, why):
    """An order goes along with a call only where it is tracked, and the panel takes lists."""
    desk = desks(panel.url, gateway='fresh = "1s"', panel="max_concurrency = 1")
    track(desk, "1", "2")
    panel.faults.batch_unknown = why == "no lists"
    if why == "removed":
        desk.parts.store.order_edits.remove("main", ["2"], clock.now())
    expected = desk.said(action="status", orders="1,2")["2"]
    desk.age(10)
    time.sleep(1.1)  # what was said a moment ago is kept that long
    panel.delay_s = 0.5
    before = len(calls(panel))
    first = threading.Thread(target=desk.said, kwargs={"action": "status", "order": "1"})
    first.start()
    wait_for(lambda: desk.rows("SELECT count(*) FROM poll_runs WHERE finished_at IS NULL") == [(1,)], 5, "the call")
    assert desk.said(action="status", order="2") == expected
    first.join(10)
    asked = [call.ids for call in calls(panel)[before:] if len(call.ids) == 1]
    assert asked == [("1",), ("2",)]


def test_what_cannot_go_along_keeps_its_seat_from_nobody_twice(desks, panel):
    desk = desks(panel.url, gateway='fresh = "4s"', panel="batch_size = 2")
    track(desk, "1", "2", "3", "10")
    desk.parts.store.order_edits.remove("main", ["10"], clock.now())
    for one in ("10", "1", "2", "3"):
        desk.said(action="status", order=one)
    desk.age(10)
    time.sleep(2.1)  # half of what is fresh: from now on it is worth a seat
    before = len(calls(panel))
    for one in ("1", "2", "3"):
        desk.said(action="status", order=one)
    after = [call.ids for call in calls(panel)[before:]]
    assert sorted(id_ for ids in after for id_ in ids) == ["1", "2", "3"]
    assert len(after) == 2, "one call took no second order along, for 10 had the seat; or 10 had had it before"


# fault, what the client is answered, in which words; is the panel left alone, or only the id?
ERRORS = [
    ("wrong_key", 200, "Invalid API key", True),
    ("rate_limit_200", 200, "Limit", True),
    ("key_echo", 200, "***", False),
    ("http_502", 502, "Bad Gateway", False),
    ("php_warning", 200, "Warning", False),
    ("truncated", 503, "does not answer", False),
]


@pytest.mark.parametrize(("fault", "code", "words", "whole"), ERRORS)
def test_the_panels_errors_come_as_they_are_and_what_they_are_about_is_left_alone(
    desk, panel, fault, code, words, whole
):
    panel.faults.queue(*[fault] * 2)
    sent = desk.send(action="status", order="404")
    assert sent.status_code == code
    assert words in sent.text
    assert PANEL_KEY not in sent.text
    before = len(panel.audit.calls)
    again = desk.send(action="status", order="404")
    assert again.status_code == 503
    assert int(again.headers["Retry-After"]) in ((30, 31, 32, 33) if whole else (59, 60)), "as long as it is left alone"
    assert "not asked now" in again.json()["error"]
    assert len(panel.audit.calls) == before, "a client's bad id costs the panel one call"
    other = desk.send(action="status", order="405")
    assert (other.status_code == 503) is whole


@pytest.mark.parametrize("action", ["balance", "services"])
def test_a_panel_that_is_left_alone_is_left_alone_by_what_is_cached_too(desks, panel, action):
    desk = desks(panel.url, gateway='cache = "0s"')
    track(desk, "1")
    panel.faults.queue("wrong_key")
    assert desk.said(action="status", order="1") == {"error": "Invalid API key"}
    before = len(panel.audit.calls)
    answered = desk.send(action=action)
    assert (answered.status_code, 30 <= int(answered.headers["Retry-After"]) <= 33) == (503, True)
    assert answered.json() == {"error": "The panel is not asked now: waiting"}
    with desk.parts.database.transaction() as cur:
        cur.run("UPDATE panels SET wait_until = NULL, paused = 1 WHERE name = 'main'")
    assert len(panel.audit.calls) == before


def test_while_the_panel_cannot_be_asked_the_last_answer_does_for_a_quarter_of_an_hour(desk, panel):
    track(desk, "1", "2")
    first = desk.said(action="status", order="1")
    desk.age(300)
    panel.faults.auth_broken = True
    assert desk.said(action="status", order="1") == first
    assert "not asked now" in desk.said(action="status", order="2")["error"], "of this one nothing is known"
    desk.age(700)
    assert desk.send(action="status", order="1").status_code == 503


def test_the_budget_of_the_panel_holds_for_clients_too(desks, panel):
    desk = desks(panel.url, panel="batch_size = 1\n", gateway='cache = "0s"')
    spent = "INSERT INTO poll_runs (panel, kind, started_at, finished_at, asked) VALUES ('main', 'status', ?, ?, 1)"
    with desk.parts.database.transaction() as cur:
        cur.many(spent, [(clock.now(), clock.now())] * 5_999)
    before = len(panel.audit.calls)
    assert desk.said(action="status", order="1")["status"] == "Completed"
    assert desk.send(action="status", order="2").status_code == 503
    assert desk.send(action="balance").status_code == 503
    assert len(panel.audit.calls) == before + 1


def test_an_order_paused_by_hand_is_answered_about_and_stays_paused(desk, panel):
    track(desk, "1")
    desk.parts.store.order_edits.pause("main", ["1"])
    assert desk.said(action="status", order="1")["status"] == "Completed"
    assert (order(desk, "1")["tracking"], order(desk, "1")["next_poll_at"]) == ("paused", None)


def test_a_list_longer_than_a_call_takes_is_asked_for_in_several(desk, panel):
    ids = [str(n) for n in range(5_000, 5_250)]
    for one in ids:
        panel.add(life(one))
    assert list(desk.said(action="status", orders=",".join(ids))) == ids
    assert sorted(len(call.ids) for call in calls(panel)) == [50, 100, 100]
    assert desk.send(action="status", orders=",".join(map(str, range(1_001)))).status_code == 400


def test_who_waits_for_a_panel_keeps_no_connection_of_the_server(desks, panel):
    """It has a hundred, and pollers and pages need some while panels hang."""
    desk = desks(panel.url)
    if not desk.parts.database.postgres:
        pytest.skip("SQLite's connections are the process's own")
    panel.faults.hang_all, panel.faults.max_hang_s = True, 3.0
    asked = [{"action": "status", "order": str(n)} for n in range(8)] + [{"action": "balance"}] * 8
    threads = [threading.Thread(target=desk.send, kwargs=fields) for fields in asked]
    for thread in threads:
        thread.start()
    wait_for(lambda: desk.rows("SELECT count(*) FROM poll_runs WHERE finished_at IS NULL") >= [(2,)], 5, "the calls")
    time.sleep(0.3)
    ((open_,),) = desk.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    assert open_ <= 3
    panel.faults.hang_all = False
    for thread in threads:
        thread.join(20)


def test_a_panel_that_hangs_keeps_the_clients_of_no_other_and_no_page_waiting(desks, panel):
    with SimulatedPanel(small_world(), speed=0, key=PANEL_KEY) as deaf:
        deaf.faults.hang_all = True
        both = CLIENTS.replace('panels = ["main"]', 'panels = ["main", "deaf"]')
        section = f'[panels.deaf]\nurl = "{deaf.url}"\nkey = "{PANEL_KEY}"\ntimeout = "4s"'
        desk = desks(panel.url, clients=both, more=section)
        codes, lock = [], threading.Lock()

        def client(fields):
            answered = desk.send(panel="deaf", **fields)
            with lock:
                codes.append(answered.status_code)

        asked = [{"action": "status", "order": str(n)} for n in range(30)] + [{"action": "balance"}] * 30
        threads = [threading.Thread(target=client, args=(fields,)) for fields in asked]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(codes) == 36, 3.5, "those who find no seat to be told at once")
        assert desk.ask(action="balance")[0] == 200
        assert requests.get(f"http://127.0.0.1:{desk.port}/healthz", timeout=2).text == "ok\n"
        assert len(codes) == 36, "the others still wait"
        for thread in threads:
            thread.join(30)
        assert set(codes) == {503}
