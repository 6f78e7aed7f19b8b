"""A panel's API by hand: what a call creates is tracked, and what cannot be meant is not sent."""

import pytest

from tests.databases import rows
from tests.defaults import panel_config, poll_rules
from tests.simulator import small_world
from tracker.actions.panel_calls import PanelCalls
from tracker.config.values import Secret
from tracker.errors import Exit, UserError
from tracker.net.panel import default_order
from tracker.simulator import SimulatedPanel

LINK = "https://x.example/a"


@pytest.fixture
def panel():
    with SimulatedPanel(small_world(), speed=0, key="demo-key") as simulated:
        simulated.forward(15 * 60)
        yield simulated


@pytest.fixture
def calls(context, intake, panel):
    config = panel_config("main", panel.url, Secret("demo-key"), poll_rules(), plain_http=True)
    made = PanelCalls(context, config, intake)
    yield made
    made.close()


def placed_orders(database):
    return rows(database, "SELECT remote_id, service, quantity FROM orders")


def test_the_id_is_said_before_the_order_is_tracked(calls, database, journal):
    seen = []
    facts = {"service": "1", "link": LINK, "quantity": "100"}
    calls.add(default_order("1", LINK, 100), facts, lambda id_: seen.append((id_, placed_orders(database))))
    ((order_id, before),) = seen
    assert before == []
    assert placed_orders(database) == [(order_id, "1", 100)]
    assert journal.ids == [order_id]


def test_an_order_is_tracked_even_if_its_id_cannot_be_said(calls, database):
    def say(_order_id):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        calls.add(default_order("1", LINK, 100), {"service": "1", "quantity": "100"}, say)
    assert [row[1:] for row in placed_orders(database)] == [("1", 100)]


def test_a_fact_that_cannot_be_kept_does_not_lose_the_order(calls, database):
    calls.add(default_order("1", LINK, 100), {"service": "1", "link": "x" * 100_000}, lambda _id: None)
    assert [row[1:] for row in placed_orders(database)] == [(None, None)]


@pytest.mark.parametrize("verb", ["status", "refill_status", "refill", "cancel"])
def test_what_is_not_an_id_is_named_and_nothing_is_sent(calls, panel, verb):
    with pytest.raises(UserError, match="not an id") as refused:
        getattr(calls, verb)(["1", "a b", "2;3"])
    assert refused.value.exit_code == Exit.USAGE
    assert len(refused.value.problems) == 2
    assert panel.audit.calls == []
