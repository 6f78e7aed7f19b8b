"""Who gets how much of a panel's requests: clients that change something, clients that ask, and polling."""

import time
from collections import Counter

import pytest

from tests.gateway import BOT_KEY, CLIENTS, SHOP_KEY, track
from tests.polling import poll_named
from tests.scripted_panel import ids_of, scripted
from tests.simulator import order as life
from tracker.clock import Clock
from tracker.gateway.unknown_ids import UnknownIds

ENTRY = {"charge": "1.00", "start_count": "5", "status": "In progress", "remains": "0", "currency": "USD"}


class SetClock(Clock):
    at = 0.0

    def monotonic(self):
        return self.at


def made(panel, *actions):
    return [call for call in panel.audit.calls if call.action in actions]


def test_of_120_cancels_at_30_a_minute_the_panel_sees_30_and_the_others_are_told_when(desks, panel):
    ids = [str(n) for n in range(5_000, 5_120)]
    for one in ids:
        panel.add(life(one))
    desk = desks(panel.url, budget=30)
    idle_for_a_minute(desk)
    answered = [desk.send(action="cancel", orders=one) for one in ids]
    passed = [one for one in answered if one.status_code == 200]
    assert len(passed) == len(made(panel, "cancel")) == 30
    refused = [one for one in answered if one.status_code != 200]
    assert {one.status_code for one in refused} == {503}
    assert all(1 <= int(one.headers["Retry-After"]) <= 60 for one in refused)
    assert refused[0].json() == {
        "error": "Nothing was passed on: its 30 requests a minute are used up (max_requests_per_minute)"
    }
    assert desk.rows("SELECT count(*) FROM gateway_calls") == [(30,)], "what was not passed on was not written down"


def test_after_retry_after_there_is_room(desks, panel):
    desk = desks(panel.url, budget=2)
    idle_for_a_minute(desk)
    for one in ("1", "2"):
        assert desk.send(action="cancel", orders=one).status_code == 200
    again_s = int(desk.send(action="cancel", orders="3").headers["Retry-After"])
    earlier(desk, again_s - 2)
    assert desk.send(action="cancel", orders="3").status_code == 503
    earlier(desk, 2)
    assert desk.send(action="cancel", orders="3").status_code == 200


def test_polling_keeps_its_share_while_it_has_something_to_ask(desks, panel):
    desk = desks(panel.url, budget=10)
    track(desk, "1", "2")
    refused = [desk.send(action="cancel", orders=str(n)) for n in range(6)][-1]
    assert len(made(panel, "cancel")) == 5
    assert refused.json()["error"] == (
        "Nothing was passed on: the clients have used their 5 of 10 requests a minute, "
        "and polling waits (polling_share)"
    )
    polls = until_idle(desk)
    assert polls >= 3, "balance, catalogue and orders"
    assert desk.send(action="cancel", orders="6").status_code == 200, "polling has nothing to ask now"


def test_polling_leaves_room_where_clients_may_order_and_more_when_one_came_in_vain(desks, panel):
    desk = desks(panel.url, budget=20, panel='batch_size = 1\npoll_every = "1m"')
    track(desk, *map(str, range(6_000, 6_080)))
    assert until_idle(desk) == 18, "a tenth is left for who changes something"
    assert [desk.send(action="cancel", orders=one).status_code for one in ("1", "2", "3")] == [200, 200, 503]
    earlier(desk, 59)
    assert until_idle(desk) == 0, "the client comes first now"
    earlier(desk, 2)
    assert until_idle(desk) == 18, "a minute later the client has not come"
    assert desk.send(action="cancel", orders="1").status_code == 200
    assert desk.send(action="cancel", orders="1").status_code == 200
    assert desk.send(action="cancel", orders="1").status_code == 503
    with desk.parts.database.transaction() as cur:
        cur.run("UPDATE poll_runs SET started_at = 0, finished_at = 0 WHERE client IS NULL")
    assert until_idle(desk) == 10, "for a minute polling keeps to its half"


@pytest.mark.parametrize(("share", "own"), [("0.5", 15), ("0.2", 6)])
def test_while_another_client_asks_each_keeps_to_its_share(desks, panel, share, own):
    clients = CLIENTS.replace("max_adds_per_minute = 1000", f"max_adds_per_minute = 1000\nshare = {share}")
    desk = desks(panel.url, clients=clients, budget=60)
    idle_for_a_minute(desk)
    used = len(panel.audit.calls)
    assert desk.send(BOT_KEY, action="status", order="1").status_code == 200
    answered = [desk.send(action="cancel", orders=str(n)) for n in range(own + 3)]
    assert Counter(one.status_code for one in answered) == {200: own, 503: 3}
    assert "share" in answered[-1].json()["error"]
    assert desk.send(BOT_KEY, action="status", order="2").status_code == 200, "the other has its own"
    assert len(panel.audit.calls) - used == own + 2


def test_a_client_alone_may_use_what_nobody_else_wants(desks, panel):
    desk = desks(panel.url, budget=30)
    idle_for_a_minute(desk)
    answered = [desk.send(action="cancel", orders=str(n)).status_code for n in range(20)]
    assert answered == [200] * 20


def test_a_client_over_its_share_leaves_others_their_ids(desks, panel):
    """Two clients ask about one id; the one that is refused takes no call away from the other."""
    clients = CLIENTS.replace("max_adds_per_minute = 1000", "max_adds_per_minute = 1000\nshare = 0.01")
    desk = desks(panel.url, clients=clients, budget=100, gateway='fresh = "1s"')
    desk.send(BOT_KEY, action="status", order="2")
    assert desk.send(SHOP_KEY, action="status", order="1").status_code == 200
    assert desk.send(SHOP_KEY, action="status", order="3").status_code == 503
    assert desk.send(BOT_KEY, action="status", order="3").status_code == 200


# --- what the panel is asked


def test_an_id_that_the_panel_does_not_know_costs_a_call_now_and_then(desks, panel):
    desk = desks(panel.url, gateway='fresh = "1s"')
    track(desk, "900")
    panel.add(life("900"))
    desk.said(action="status", order="900")
    before = len(panel.audit.calls)
    for _ in range(3):
        assert desk.said(action="status", order="404") == {"error": "Incorrect order ID"}
        assert desk.said(action="status", order="901") == {"error": "Incorrect order ID"}
        time.sleep(1.05)  # what was said a moment ago is kept that long
    asked = Counter(one for call in panel.audit.calls[before:] for one in call.ids)
    assert (asked["404"], asked["901"]) == (1, 3), "above the highest known id it may have been made just now"
    before = len(panel.audit.calls)
    assert desk.said(action="status", orders="404,9x 0,null,None,")["404"] == {"error": "Incorrect order ID"}
    assert len(panel.audit.calls) == before, "nothing in it that a panel can be asked about"


def test_an_unknown_id_is_remembered_for_longer_and_longer(tmp_path):
    clock = SetClock()
    unknown = UnknownIds(lambda: 900, clock)
    asked = []
    for minute in range(250):
        clock.at = minute * 60.0
        if unknown.said("404") is None:
            asked.append(minute)
            unknown.note({"404": "no"}, [])
    assert asked == [0, 1, 2, 4, 8, 16, 32, 64, 124, 184, 244], "30 s, a minute, two, and so on up to an hour"
    unknown.forget(["404"])
    assert unknown.said("404") is None
    unknown.note({"404": "no", "901": "no", "9" * 30: "no", "x7": "no"}, [])
    assert [unknown.said(one) for one in ("404", "901", "9" * 30, "x7")] == ["no", None, "no", "no"]
    unknown.note({}, ["1000", "\u00b2"])
    unknown.note({"901": "no"}, [])
    assert unknown.said("901") == "no", "a higher id is known by now"


def test_where_no_number_is_known_no_id_is_remembered():
    unknown = UnknownIds(lambda: None, SetClock())
    unknown.note({"404": "no", "x7": "no"}, [])
    assert unknown.said("404") is unknown.said("x7") is None


def test_an_id_that_was_unknown_and_is_there_now_is_forgotten_as_unknown(desks, panel):
    desk = desks(panel.url, gateway='fresh = "1s"')
    track(desk, "900")
    panel.add(life("900"))
    desk.said(action="status", order="900")
    desk.said(action="status", order="404")
    panel.add(life("404"))
    assert desk.said(action="status", order="404") == {"error": "Incorrect order ID"}, "for half a minute"
    track(desk, "404")
    poll_named(desk.parts, "404")
    assert desk.said(action="status", order="404")["status"]


@pytest.mark.parametrize("rows", [["3", "1", "2"], ["2", "3", "1"]])
def test_the_rows_of_an_answer_come_in_the_panels_own_order(desks, rows):
    said = lambda fields: {one: ENTRY for one in rows if one in ids_of(fields)[0]}  # noqa: E731
    with scripted(said) as panel:
        desk = desks(panel.url)
        assert list(desk.said(action="status", orders="1,2,3,x y")) == [*rows, "x y"]
        assert list(desk.said(action="status", orders="1,2,3")) == ["1", "2", "3"], "from the database: as asked"


# --- missing and unknown actions, and codes that are none


@pytest.mark.parametrize(
    ("action", "asked", "said"),
    [
        ("", {}, {"error": "Bad request"}),
        (None, {}, {"error": "Bad request"}),
        ("mass_order", {"action": "unknown"}, {"error": "Not supported"}),
        ("add2", {"action": "unknown"}, {"error": "Not supported"}),
    ],
)
def test_a_missing_or_unknown_action_gets_the_panels_own_text(desks, action, asked, said):
    with scripted(lambda fields: {"error": "Not supported" if "action" in fields else "Bad request"}) as panel:
        desk = desks(panel.url)
        for _ in range(3):
            assert desk.ask(link="x", **({} if action is None else {"action": action})) == (200, said)
        assert panel.asked == [asked], "once, with nothing of what the client sent"


@pytest.mark.parametrize("answer", [{"balance": "1"}, (500, b"oops"), (200, b"<html>"), (200, b"null"), (200, b"")])
def test_where_the_panel_has_no_words_for_it_the_gateway_has_its_own(desks, answer):
    with scripted(lambda _: answer) as panel:
        assert desks(panel.url).ask(action="mass_order") == (200, {"error": "Incorrect request"})


CODES = [(200, 200), (299, 299), (404, 404), (599, 599), (600, 502), (999, 502)]


@pytest.mark.parametrize(("code", "relayed"), CODES)
def test_nothing_outside_200_to_599_is_relayed(desks, code, relayed):
    with scripted(lambda _: (code, b'{"error":"Not today"}')) as panel:
        sent = desks(panel.url).send(action="balance")
    assert (sent.status_code, sent.json()) == (relayed, {"error": "Not today"})


@pytest.mark.parametrize(("code", "_relayed"), CODES)
@pytest.mark.parametrize(
    "fields", [{"action": "status", "order": "7"}, {"action": "cancel", "orders": "7"}, {}], ids=str
)
def test_whatever_a_panel_answers_the_client_gets_a_status_code_that_http_has(desks, code, _relayed, fields):
    with scripted(lambda _: (code, b'{"error":"Not today"}')) as panel:
        sent = desks(panel.url).send(**fields)
    assert sent.status_code in (200, 299, 404, 502, 599), sent.text
    assert sent.json()["error"].startswith(("Not today", "Outcome unknown", "Incorrect request"))


# ---


def until_idle(desk):
    """Polls until there is nothing to ask or no budget; returns how many calls that were."""
    n = 0
    while desk.parts.panels["main"].poller.poll_once():
        n += 1
        assert n < 200
    return n


def idle_for_a_minute(desk):
    """Nothing waits to be polled, and the whole budget is free."""
    for _ in range(5):
        until_idle(desk)
        earlier(desk, 61)


def earlier(desk, seconds):
    """As if every call had been made so much longer ago."""
    with desk.parts.database.transaction() as cur:
        cur.run("UPDATE poll_runs SET started_at = started_at - ?, finished_at = finished_at - ?", (seconds, seconds))
        cur.run("UPDATE panels SET clients_wait_until = clients_wait_until - ?", (seconds,))
