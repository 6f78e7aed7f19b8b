"""The HTTP API of a running tracker: what it acknowledged outlives any kill, and it stops in order."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.system.site import KEY, panel_section, wait_for
from tests.system.test_dashboard import answers, web_section
from tests.web import free_port
from tests.web.api import WRITE
from tracker.client import Client
from tracker.simulator import Scenario, SimulatedPanel

ROUNDS = 4


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(5), key=KEY) as panel:
        yield panel


def test_kill_9_right_after_a_201_loses_no_order(sites, database_url):
    port = free_port()
    site = sites(panel_section("http://127.0.0.1:9/") + web_section(port, write_token=WRITE), database_url)
    taken = []
    for round_ in range(ROUNDS):
        site.start()
        wait_for(lambda: answers(port), 10, "the API")
        enough = threading.Event()
        adding = threading.Thread(target=adds, args=(port, f"{round_}", taken, enough, 10 + 15 * round_))
        adding.start()
        assert enough.wait(30)
        site.kill()
        adding.join()
        there = {id_ for (id_,) in site.rows("SELECT remote_id FROM orders")}
        assert set(taken) <= there
        lines = (site.folder / "data" / "intake.ndjson").read_text().splitlines()
        assert set(taken) <= {json.loads(line)["id"] for line in lines}
        told = {id_ for (id_,) in site.rows("SELECT remote_id FROM events WHERE type = 'order.tracked'")}
        assert set(taken) <= told
    assert len(taken) >= ROUNDS * 10
    site.start()
    wait_for(lambda: answers(port), 10, "the API")
    with Client(f"http://127.0.0.1:{port}") as client:
        assert set(taken) <= {row["id"] for row in client.orders()}
    assert site.stop() == 0


def adds(port, name, taken, enough, count):
    """One order after the other until the tracker is gone; `enough` after `count` that were acknowledged."""
    with Client(f"http://127.0.0.1:{port}", WRITE) as client:
        for n in range(10_000):
            try:
                added = client.add_orders([{"panel": "main", "id": f"{name}-{n}"}])
            except requests.RequestException:
                return
            assert added.added == 1
            taken.append(f"{name}-{n}")
            if n == count:
                enough.set()


def test_an_order_that_is_added_is_asked_about_and_its_news_arrive_by_themselves(sites, panel):
    port = free_port()
    site = sites(panel_section(panel.url) + web_section(port, write_token=WRITE))
    site.start()
    wait_for(lambda: answers(port), 10, "the API")
    with Client(f"http://127.0.0.1:{port}", WRITE) as client, ThreadPoolExecutor(1) as pool:
        following = client.follow(after=client.events("last").next)
        client.add_orders([{"panel": "main", "id": "1000001", "service": "1", "ref": "client-A-118"}])
        types = []
        while "order.started" not in types:
            told = pool.submit(next, following).result(15)
            assert told.event["data"]["order"]["ref"] == "client-A-118"
            types.append(told.event["type"])
        assert types[0] == "order.tracked"
        with socket.create_connection(("127.0.0.1", port)) as waiting:
            after = client.events("last").next
            waiting.sendall(f"GET /api/v1/events?after={after}&wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert answers(port).text == "ready\n"  # by now the other one is under way
            started = time.monotonic()
            assert site.stop() == 0
            assert waiting.recv(65_536).startswith(b"HTTP/1.1 200 OK")
        assert time.monotonic() - started < 8
    assert WRITE not in site.log.read_text()
    assert "Traceback" not in site.log.read_text()
