"""One event and a receiver that takes it badly: answers late, dies of it, wants to be left alone. Real processes."""

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.net.servers import Server, answer, hang
from tests.system.site import KEY, hook_section, panel_section, wait_for
from tracker.simulator import Scenario, SimulatedPanel

QUIET = {"poll_every": '"12h"', "balance_every": '"12h"'}


# The way from an event to its hooks, cut off as soon as the transaction is over.
COMMITTED = """
import os, signal, sys
from pathlib import Path
from tracker import clock
from tracker.config import load
from tracker.core.orders.new_orders import NewOrder
from tracker.db.database import connect
from tracker.store import Store

config = load(Path(sys.argv[1]), {}, cwd=Path.cwd())
hooks = [hook.rules for hook in config.hooks.values()]
store = Store(connect(config.database_url), hooks, lambda _hooks: os.kill(os.getpid(), signal.SIGKILL))
store.new_orders.add([NewOrder("main", "1", baseline=False, just_placed=True)], clock.now())
"""


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(5), key=KEY) as panel:
        yield panel


def hooked(sites, panel, url, **keys):
    keys = {"events": '["order.tracked"]', "timeout": '"1s"', "retry_schedule": '["0s", "1s", "1s"]'} | keys
    return sites(panel_section(panel.url, **QUIET) + hook_section(url, **keys))


def sent(request):
    return (request.headers["webhook-id"], request.body)


def test_what_was_taken_and_answered_too_late_comes_again_under_the_same_id_in_the_same_bytes(sites, panel):
    with Server(hang(), answer()) as server:
        site = hooked(sites, panel, server.url)
        site.track(["1"])
        site.start()
        wait_for(lambda: site.rows("SELECT state FROM deliveries") == [("delivered",)], 15, "the second attempt")
    first, second = server.requests
    assert sent(first) == sent(second)
    assert [request.headers["tracker-attempt"] for request in server.requests] == ["1", "2"]
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])


def test_killed_between_send_and_mark_it_sends_the_same_again(sites, panel):
    with Server(hang(), answer()) as server:
        site = hooked(sites, panel, server.url, timeout='"60s"')
        site.track(["1"])
        site.start()
        wait_for(lambda: server.requests, 10, "the first attempt")
        site.kill()
        site.start()
        wait_for(lambda: site.rows("SELECT state FROM deliveries") == [("delivered",)], 15, "the second attempt")
    first, second = server.requests
    assert sent(first) == sent(second)
    assert site.rows("SELECT number, outcome FROM attempts ORDER BY id") == [(1, "lost"), (2, "delivered")]


def test_killed_between_commit_and_send_it_sends_what_was_committed(sites, panel):
    with Server(answer()) as server:
        site = hooked(sites, panel, server.url)
        killed = subprocess.run([sys.executable, "-c", COMMITTED, str(site.file)], timeout=30, cwd=site.folder)
        assert killed.returncode == -signal.SIGKILL
        ((committed,),) = site.rows("SELECT event_id FROM events")
        assert server.requests == []
        site.start()
        wait_for(lambda: site.rows("SELECT state FROM deliveries") == [("delivered",)], 15, "the first attempt")
    assert [request.headers["webhook-id"] for request in server.requests] == [committed]


def test_a_poisonous_event_dies_of_its_schedule_and_holds_up_neither_its_order_nor_the_others(sites, panel):
    poison = min(panel.truths())

    def taken(connection, request):
        event = json.loads(request.body)
        bad = (event["type"], event["data"]["order"]["id"]) == ("order.tracked", poison)
        return answer(b"it hurts", 500 if bad else 200)(connection, request)

    with Server(taken) as server:
        site = hooked(sites, panel, server.url, events='["order.*"]')
        site.track(panel.truths())
        site.start()
        settled = "SELECT count(*) FROM deliveries WHERE state IN ('delivered', 'dead')"
        wait_for(lambda: site.rows(settled)[0][0] == 10, 30, "everything to come to an end")
    ((event, order, error),) = site.rows(
        "SELECT e.type, e.remote_id, d.error FROM deliveries d JOIN events e ON e.id = d.event WHERE d.state = 'dead'"
    )
    assert (event, order) == ("order.tracked", poison)
    assert error.endswith("answered 500")
    assert site.rows("SELECT state FROM hooks") == [("ok",)], "one event says nothing about the receiver"
    arrived = [(e["data"]["order"]["id"], e["type"]) for e in map(json.loads, (r.body for r in server.requests))]
    assert arrived.count((poison, "order.tracked")) == 3
    assert arrived[-1][0] == poison, "what is later of its order came after it"


CHAT = """
[hooks.phone]
type = "apprise"
url = "json://{}/token-0123456789"
events = ["order.tracked"]
template = "order:{{{{ order.id }}}}"
timeout = "10s"
max_concurrency = 1
"""


def test_a_chat_that_asks_to_wait_in_json_is_left_alone_and_what_it_refuses_is_dead_at_once(sites, panel):
    slow_down = answer(b'{"ok": false, "error_code": 429, "parameters": {"retry_after": 4}}', 429)
    too_long = answer(b'{"ok": false, "error_code": 400, "description": "Bad Request"}', 400)
    times = []

    def noted(behaviour):
        def behave(connection, request):
            times.append(time.monotonic())
            return behaviour(connection, request)

        return behave

    with Server(*map(noted, (slow_down, too_long, answer()))) as server:
        site = sites(panel_section(panel.url, **QUIET) + CHAT.format(server.address))
        site.track(["1", "2", "3"])
        site.start()
        settled = "SELECT count(*) FROM deliveries WHERE state IN ('delivered', 'dead')"
        wait_for(lambda: site.rows(settled)[0][0] == 3, 40, "all three to come to an end")
    assert times[1] - times[0] >= 3.9
    ((tries, code),) = site.rows(
        "SELECT d.attempts, a.code FROM deliveries d JOIN attempts a ON a.delivery_id = d.id WHERE d.state = 'dead'"
    )
    assert (tries, code) == (1, 400)
    assert site.rows("SELECT count(*) FROM deliveries WHERE state = 'delivered'") == [(2,)]
