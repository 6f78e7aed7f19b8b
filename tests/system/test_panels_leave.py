"""A running tracker whose configuration loses a panel, and gets it back."""

import json
import signal

import pytest
import requests

from tests.system.site import KEY, hook_section, panel_section, wait_for
from tests.web import free_port
from tracker.simulator import Receiver, Scenario, SimulatedPanel

ORDERS = 20
GAUGES = ("tracker_alerts", "tracker_balance{", "tracker_orders{", "tracker_orders_stuck{", "tracker_panel_up{")


@pytest.mark.timeout(120)
def test_a_panel_that_leaves_is_left_alone_and_comes_back_with_its_orders(sites, database_url):
    port = free_port()
    with (
        SimulatedPanel(Scenario.static(ORDERS), key=KEY) as main,
        SimulatedPanel(Scenario.static(1), key=KEY) as spare,
        Receiver() as receiver,
    ):
        alert = '[panels.main.balance_alert]\nbelow = "1000"\n'
        rest = panel_section(spare.url, name="spare") + hook_section(receiver.url, secret=None)
        rest += f'[web]\nlisten = "127.0.0.1:{port}"\n'
        site = sites(panel_section(main.url) + alert + rest, database_url)
        whole = site.file.read_text()
        ids = [str(1_000_001 + n) for n in range(ORDERS)]
        site.track(ids, baseline=True)
        site.parts.store.order_edits.pause("main", ids[:3])
        child = site.start()

        def gauges():
            return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text

        def follow(text, word):
            count = site.log.read_text().count(word)
            site.file.write_text(text)
            child.send_signal(signal.SIGHUP)
            wait_for(lambda: site.log.read_text().count(word) > count, 20, word)
            wait_for(lambda: site.log.read_text().count("tracker.started") > count, 20, "it to go on")

        trackings = "SELECT tracking, count(*) FROM orders WHERE panel = 'main' GROUP BY tracking ORDER BY tracking"
        wait_for(lambda: site.rows("SELECT count(*) FROM orders WHERE status IS NULL") == [(3,)], 20, "a poll")
        wait_for(lambda: "balance.low" in {json.loads(r.body)["type"] for r in receiver.received}, 20, "the alert")
        assert site.rows(trackings) == [("active", ORDERS - 3), ("paused", 3)]

        follow(whole.replace(panel_section(main.url) + alert, ""), "panel.left")
        assert site.rows(trackings) == [("paused", ORDERS)]
        calls, told, others = len(main.audit.calls), len(receiver.received), len(spare.audit.calls)
        wait_for(lambda: len(spare.audit.calls) > others, 20, "the other panel to be asked on")
        assert len(main.audit.calls) == calls
        assert len(receiver.received) == told
        shown = [line for line in gauges().splitlines() if line.startswith(GAUGES)]
        assert shown
        assert not [line for line in shown if 'panel="main"' in line]

        main.advance(1.0, "Completed", 0)
        follow(whole, "panel.returned")
        done = [("finished", ORDERS - 3), ("paused", 3)]
        wait_for(lambda: site.rows(trackings) == done, 20, "what happened meanwhile to be seen")
        wait_for(lambda: len(receiver.received) >= told + ORDERS - 3, 20, "it to be told")
        heard = [json.loads(request.body) for request in receiver.received]
        assert {e["data"]["order"]["id"] for e in heard if e["type"] == "order.completed"} == set(ids[3:])
        assert site.stop() == 0
        assert site.rows("SELECT count(*) FROM orders WHERE away IS NOT NULL") == [(0,)]
