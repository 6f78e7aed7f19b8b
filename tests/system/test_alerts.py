"""Alerts and orders that go missing, by real processes that are killed: nothing is told twice, nothing is forgotten."""

import time

import pytest

from tests.system.site import KEY, hook_section, panel_section, wait_for
from tracker.simulator import Receiver, Scenario, SimulatedPanel

ORDER = "1000001"
LOW = '[panels.main.balance_alert]\nbelow = "20.00"\nclear_above = "25.00"\n'


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(3), key=KEY) as panel:
        yield panel


def types(receiver):
    """The distinct events that arrived, in order: whatever came twice has the id it had."""
    return list({request.id: request.event["type"] for request in receiver.received}.values())


def polls(panel, action):
    return sum(call.action == action for call in panel.audit.calls)


def test_a_restart_at_any_moment_repeats_no_alert_and_forgets_none(sites, panel):
    with Receiver() as receiver:
        config = panel_section(panel.url, balance_every='"1s"', poll_every='"12h"') + LOW
        site = sites(config + hook_section(receiver.url, events='["balance.*"]'))
        panel.set_balance("100.00")
        site.start()
        for n in range(8):
            # Low from the third life on; each life is cut off a little later in the round of the metronome.
            if n == 2:
                panel.set_balance("10.00")
            seen = polls(panel, "balance")
            wait_for(lambda seen=seen: polls(panel, "balance") > seen, 10, "a look at the balance")
            time.sleep(0.07 * n)
            site.kill()
            site.start()
        wait_for(lambda: types(receiver), 10, "the alert")
        (alert,) = site.rows("SELECT state, reminders FROM alerts WHERE name = 'balance.low'")
        assert alert == ("raised", 0)
        assert types(receiver) == ["balance.low"]
        site.kill()
        panel.set_balance("100.00")
        site.start()
        wait_for(lambda: len(types(receiver)) > 1, 10, "the end of the alert, which began in another life")
        seen = polls(panel, "balance")
        wait_for(lambda: polls(panel, "balance") > seen + 2, 10, "some more looks")
        assert types(receiver) == ["balance.low", "balance.recovered"]
        assert len({request.id for request in receiver.received}) == 2


def test_an_order_that_vanishes_is_told_of_after_its_time_and_again_when_it_is_back(sites, panel):
    with Receiver() as receiver:
        config = panel_section(panel.url, poll_every='"1s"', not_found='{ polls = 3, after = "2s" }')
        site = sites(config + hook_section(receiver.url, events='["order.not_found", "order.found"]'))
        site.track([ORDER])
        site.start()
        wait_for(lambda: site.rows("SELECT status FROM orders") == [("in_progress",)], 10, "the first answer")
        life = panel.book.orders.pop(ORDER)
        wait_for(lambda: site.rows("SELECT refusals FROM orders")[0][0] >= 1, 10, "the first refusal")
        assert types(receiver) == [], "once is nothing"
        site.kill()
        site.start()
        wait_for(lambda: types(receiver) == ["order.not_found"], 15, "order.not_found")
        ((tracking, status, refusals),) = site.rows("SELECT tracking, status, refusals FROM orders")
        assert (tracking, status) == ("not_found", "in_progress"), "it ends the asking, not the order"
        assert refusals >= 3
        asked = polls(panel, "status")
        time.sleep(2.5)
        assert polls(panel, "status") == asked, "asked again daily"
        panel.book.orders[ORDER] = life
        site.rows_changed("UPDATE orders SET next_poll_at = 0")  # a day later
        wait_for(lambda: types(receiver) == ["order.not_found", "order.found"], 10, "order.found")
        assert site.rows("SELECT tracking FROM orders") == [("active",)]
