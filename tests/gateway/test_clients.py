"""Clients that others wrote, as they are: the same calls at the panel and at the gateway, side by side."""

import pytest

from tests.gateway import PANEL_KEY, SHOP_KEY, Desk
from tests.simulator import small_world
from tracker.simulator import SimulatedPanel

smm = pytest.importorskip("smm")  # babismm's own name for itself
smmpy = pytest.importorskip("smmpy")
safesmm = pytest.importorskip("safesmm")

LINK = "https://pages.example/p/1"


def babismm(url, key):
    client = smm.SMM(url, key)
    yield client.get_services
    yield client.get_balance
    yield lambda: client.add_order(1, LINK, 1000)
    yield lambda: client.add_order(2, LINK, comments="One\nTwo\nThree")
    yield lambda: client.add_order(1, LINK, 100, runs=2, interval=30)
    yield lambda: client.add_order(1, LINK, 1)
    yield client.get_balance
    yield lambda: client.get_status(2)
    yield lambda: client.get_status(404)
    yield lambda: client.get_multi_status([1, 2, 3, 404])
    yield lambda: client.create_refill(1)
    yield lambda: client.create_refill(2)
    yield lambda: client.create_multi_refill([3, 404])
    yield lambda: client.get_refill_status(1)
    yield lambda: client.get_multi_refill_status([1, 99])
    yield lambda: client.cancel_orders([10, 404])


def smmpy_(url, key):
    client = smmpy.smm(url, key)
    yield client.get_services
    yield client.get_balance
    yield lambda: client.add_order(1, LINK, 1000)
    yield lambda: client.add_order(1, LINK, 100, runs=2, interval=30)
    yield lambda: client.add_order(1, "", 100)
    yield lambda: client.get_status(1)
    yield lambda: client.get_status("nope")
    yield lambda: client.get_multi_status([3, 2, 20, 30])
    yield lambda: client.create_refill(1)
    yield lambda: client.create_multi_refill([1, 3])
    yield lambda: client.get_refill_status(1)
    yield lambda: client.get_refill_status(99)
    yield lambda: client.get_multi_refill_status([1, 2])
    yield lambda: client.cancel_orders([10])


def safesmm_(url, key):
    client = safesmm.SafeSMM(key, url)
    yield client.services
    yield client.balance
    yield lambda: client.add_order(1, LINK, 1000)
    yield lambda: client.add_order(2, LINK, comments="One\nTwo")
    yield lambda: client.status(1)
    yield lambda: client.status(404)
    yield lambda: client.multi_status([1, 3, 404])
    yield lambda: client.refill(1)
    yield lambda: client.refill(1)
    yield lambda: client.cancel([10, 1])
    yield lambda: client.cancel(404)


def outcome(call):
    """What it returns, or how it fails."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


def world():
    panel = SimulatedPanel(small_world(), speed=0, key=PANEL_KEY)
    panel.start()
    panel.forward(1_900)
    return panel


@pytest.mark.parametrize("client", [babismm, smmpy_, safesmm_])
@pytest.mark.parametrize("path", ["", "/api/v2"])
def test_a_client_gets_from_the_gateway_what_it_gets_from_the_panel(tmp_path, client, path):
    at_the_panel, behind = world(), world()  # two panels that live the same life
    desk = Desk(tmp_path, behind.url, gateway='cache = "0s"')
    desk.catalogue()
    try:
        straight = client(at_the_panel.url, PANEL_KEY)
        through = client(f"http://127.0.0.1:{desk.port}/gateway/main{path}", SHOP_KEY)
        compared = [(outcome(one), outcome(other)) for one, other in zip(straight, through, strict=True)]
        assert [expected for expected, _ in compared] == [found for _, found in compared]
        assert len(compared) >= 11
        changing = ("add", "refill", "cancel")
        passed_on, placed = (panel.audit.calls_by_action() for panel in (behind, at_the_panel))
        assert [passed_on.get(action) for action in changing] == [placed.get(action) for action in changing]
        tracked = {remote_id for (remote_id,) in desk.rows("SELECT remote_id FROM orders")}
        assert {remote_id for remote_id in behind.truths() if int(remote_id) > 30} <= tracked | children(behind)
        assert desk.rows("SELECT count(*) FROM gateway_calls WHERE state IN ('open', 'unclear')") == [(0,)]
    finally:
        desk.close()
        at_the_panel.stop()
        behind.stop()


def children(panel):
    """Orders of a drip-feed: the panel made them itself."""
    return {child for life in panel.book.orders.values() for _, child in life.children}
