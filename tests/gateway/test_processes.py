"""The gateway in a real tracker: killed while orders are placed, told to stop, stopped by hand, reloaded."""

import contextlib
import os
import random
import signal
import socket
import threading
import time

import pytest
import requests

from tests.gateway import CLIENTS, PANEL_KEY, SHOP_KEY
from tests.system.conftest import database_url, sites  # noqa: F401  fixtures
from tests.system.site import hook_section, wait_for
from tests.web import free_port
from tracker.simulator import Receiver, Scenario, SimulatedPanel

KILLS = int(os.environ.get("TRACKER_TEST_KILLS", "5"))
ADD = {"key": SHOP_KEY, "action": "add", "service": "1", "link": "https://pages.example/p/1", "quantity": 1000}

# How many orders are placed is up to the machine: what they tell is not to wait for a minute's limit.
HOOK = {"events": '["gateway.*", "order.tracked"]', "max_per_minute": 60_000, "max_concurrency": 8}
PAUSE_S = 0.02  # between two orders of one shop: three of them leave the processor to others


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(3), key=PANEL_KEY, balance="100000") as panel:
        yield panel


class Shop:
    """Places orders one after the other, whatever happens; every answer is kept."""

    def __init__(self, url):
        self.url = url
        self.answers = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)

    def _live(self):
        while not self._stop.is_set():
            try:
                said = requests.post(self.url, data=ADD, timeout=15).json()
            except requests.RequestException:
                said = None  # cut off: nobody knows
            self.answers.append(said)
            time.sleep(PAUSE_S)


def config(url, port, receiver=None):
    clients = CLIENTS.replace('"50.00"', '"100000"').replace("= 1000", "= 60000")
    return (
        f'[web]\nlisten = "127.0.0.1:{port}"\n'
        f'[panels.main]\nurl = "{url}"\nkey = "{PANEL_KEY}"\nmax_requests_per_minute = 6000\ntimeout = "5s"\n'
        + 'poll_every = "12h"\nbalance_every = "12h"\n'
        + (hook_section(receiver.url, **HOOK) if receiver else "")
        + clients
    )


def started(site, panel):
    """Its process, once it is served and has asked all it asks at the start: no fault meant for an order hits that."""
    child = site.start()
    wait_for(lambda: {"services", "balance"} <= panel.audit.calls_by_action().keys(), 20, "the first look")
    wait_for(lambda: site.rows("SELECT 1 FROM services") and site.rows("SELECT 1 FROM balances"), 20, "the catalogue")
    wait_for(
        lambda: site.log.read_text().count("web.started") == site.log.read_text().count("tracker.started"), 20, "web"
    )
    return child


def service_of(panel):
    return next(service.service for service in panel.book.services.values() if service.min <= 1000 <= service.max)


@pytest.mark.slow
@pytest.mark.timeout(120 + 8 * KILLS)
def test_killed_while_orders_are_placed_none_is_placed_twice_and_none_is_lost(sites, database_url, panel):  # noqa: F811
    chance = random.Random(20_261_126)
    port = free_port()
    ADD["service"] = service_of(panel)
    with Receiver() as receiver:
        site = sites(config(panel.url, port, receiver), database_url)
        shops = [Shop(f"http://127.0.0.1:{port}/gateway/main") for _ in range(3)]
        started(site, panel)
        for shop in shops:
            shop.__enter__()
        for _ in range(KILLS):
            before = len(adds(panel))
            wait_for(lambda before=before: len(adds(panel)) > before + 2, 20, "orders to be placed")
            time.sleep(chance.uniform(0.0, 0.2))
            site.kill()
            site.start()
        for shop in shops:
            shop.__exit__()
        wait_for(lambda: not site.rows("SELECT 1 FROM deliveries WHERE state <> 'delivered'"), 30, "all to be told")
        assert site.stop() == 0

        sent = sum(len(shop.answers) for shop in shops)
        placed = panel.truths().keys() - {life.id for life in Scenario.static(3).orders}
        calls = site.rows("SELECT name, state, ids FROM gateway_calls")
        # A client's request is at most one at the panel: each was written down before, under a name of its own.
        assert len(adds(panel)) <= len(calls) <= sent
        answered = [str(said["order"]) for shop in shops for said in shop.answers if said and "order" in said]
        assert len(set(answered)) == len(answered)
        tracked = {id_ for (id_,) in site.rows("SELECT remote_id FROM orders")}
        assert set(answered) <= tracked, "what a client was told is tracked"
        states = {state for _, state, _ in calls}
        assert states <= {"done", "unclear"}
        unclear = sum(state == "unclear" for _, state, _ in calls)
        assert len(placed - tracked) <= unclear, "what is not tracked is listed as unclear"
        told = [request.event for request in receiver.received if request.event["type"] == "gateway.unclear"]
        names = {event["data"]["gateway"]["call"] for event in told}
        assert names == {name for name, state, _ in calls if state == "unclear"}
        lost = len(placed - tracked)
        print(f"\n{KILLS} kills: {sent} requests, {len(placed)} orders, {unclear} unclear, {lost} of them placed")


def adds(panel):
    return [call for call in panel.audit.calls if call.action == "add"]


def test_told_to_stop_it_finishes_the_order_under_way_and_refuses_the_next(sites, panel):  # noqa: F811
    port = free_port()
    url = f"http://127.0.0.1:{port}/gateway/main"
    ADD["service"] = service_of(panel)
    site = sites(config(panel.url, port))
    child = started(site, panel)
    panel.faults.max_hang_s = 3.0
    panel.faults.queue("hang")
    found = []
    client = threading.Thread(target=lambda: found.append(requests.post(url, data=ADD, timeout=30).json()))
    client.start()
    wait_for(lambda: len(adds(panel)) == 1, 10, "the order to be under way")
    child.send_signal(signal.SIGTERM)
    wait_for(lambda: requests.post(url, data=ADD, timeout=10).status_code == 503, 10, "it to refuse")
    refused = requests.post(url, data=ADD, timeout=10)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    client.join(30)
    assert "do not resend" in found[0]["error"], "the panel hung up: that was waited for, and told"
    assert child.wait(20) == 0
    (first, *others) = site.rows("SELECT state FROM gateway_calls ORDER BY id")
    assert first == ("unclear",)
    assert set(others) <= {("done",)}, "those that came before the signal was heard"
    assert len(adds(panel)) == 1 + len(others), "a refused one never reached the panel"


def test_a_panel_that_answers_late_is_waited_for_and_the_order_tracked(sites, panel, monkeypatch):  # noqa: F811
    """The service manager is asked for the time: its own limit may be shorter than `add_timeout`."""
    port = free_port()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(f"\0tracker-{port}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@tracker-{port}")
    ADD["service"] = service_of(panel)
    site = sites(config(panel.url, port))
    child = started(site, panel)
    panel.delay_s = 2.0
    found = []
    url = f"http://127.0.0.1:{port}/gateway/main"
    client = threading.Thread(target=lambda: found.append(requests.post(url, data=ADD, timeout=30).json()))
    client.start()
    wait_for(lambda: site.rows("SELECT 1 FROM gateway_calls"), 10, "the order to be written down")
    child.send_signal(signal.SIGTERM)
    client.join(30)
    assert child.wait(20) == 0
    assert site.rows("SELECT remote_id FROM orders") == [(str(found[0]["order"]),)]
    manager.setblocking(False)
    with contextlib.closing(manager), contextlib.suppress(BlockingIOError):
        heard = []
        while True:
            heard.append(manager.recv(4_096))
    assert b"EXTEND_TIMEOUT_USEC=30000000" in heard


def test_after_a_reload_that_changes_nothing_orders_are_passed_on_as_before(sites, panel):  # noqa: F811
    """The gateway is the same one; it was closed while the tracker drained."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/gateway/main"
    ADD["service"] = service_of(panel)
    site = sites(config(panel.url, port))
    child = started(site, panel)
    child.send_signal(signal.SIGHUP)
    wait_for(lambda: site.log.read_text().count("tracker.started") == 2, 20, "it to go on")

    def added():
        with contextlib.suppress(requests.ConnectionError):
            return requests.post(url, data=ADD, timeout=10).json()

    wait_for(lambda: "order" in (added() or {}), 20, "an order to be placed")
    assert site.stop() == 0


def test_a_reload_takes_over_a_new_client_and_drops_one_that_is_gone(sites, panel):  # noqa: F811
    port = free_port()
    url = f"http://127.0.0.1:{port}/gateway/main"
    site = sites(config(panel.url, port))
    child = started(site, panel)
    assert requests.post(url, data={"key": SHOP_KEY, "action": "balance"}, timeout=10).json()["currency"]
    text = site.file.read_text()
    site.file.write_text(text.replace(SHOP_KEY, "another-key-0123456789"))
    child.send_signal(signal.SIGHUP)

    def balance(key):
        try:
            return requests.post(url, data={"key": key, "action": "balance"}, timeout=10).json()
        except requests.ConnectionError:
            return {}

    wait_for(lambda: "currency" in balance("another-key-0123456789"), 20, "the new key to be known")
    assert balance(SHOP_KEY) == {"error": "Invalid API key"}
    assert site.stop() == 0
