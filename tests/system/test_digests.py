"""Many events in one message, by the daemon as its user runs it: nothing is lost when it is killed in the middle."""

import json
import re

import pytest

from tests.net.servers import Server, answer, hang
from tests.system.site import KEY, panel_section, wait_for
from tracker.simulator import Scenario, SimulatedPanel

ORDERS = [str(n) for n in range(101, 126)]


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(5), key=KEY) as panel:
        yield panel


def phone_section(address):
    return (
        f'[hooks.phone]\ntype = "apprise"\nurl = "json://{address}/token-of-a-chat"\nevents = ["order.tracked"]\n'
        'template = "order:{{ order.id }}"\ntimeout = "10s"\ndigest = { wait = "1s", max = 10 }\nmax_concurrency = 1\n'
    )


def told(server):
    """The orders in each message that arrived."""
    return [re.findall(r"order:(\d+)", json.loads(request.body)["message"]) for request in server.requests]


def test_a_killed_tracker_tells_every_event_of_a_digest_that_was_in_flight_again(sites, panel):
    with Server(hang(), answer()) as chat:
        site = sites(panel_section(panel.url, poll_every='"12h"', balance_every='"12h"') + phone_section(chat.address))
        site.track(ORDERS)
        site.start()
        wait_for(lambda: chat.requests, 20, "the first message")
        site.kill()
        site.start()
        done = "SELECT count(*) FROM deliveries WHERE state = 'delivered'"
        wait_for(lambda: site.rows(done) == [(25,)], 30, "all to be delivered")

    first, *others = told(chat)
    assert first == ORDERS[:10]
    assert sorted(others) == [first, ORDERS[10:20], ORDERS[20:]], "each once after the restart, new ones first"
    attempts = site.rows("SELECT outcome, count(*) FROM attempts GROUP BY outcome ORDER BY outcome")
    assert attempts == [("delivered", 25), ("lost", 10)]
