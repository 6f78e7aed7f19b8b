"""Two thousand orders, a panel that lies in every way it knows, and nothing gets lost.

On PostgreSQL there are half as many: what it adds are other locks and other errors, not more orders.
"""

import pytest

from tests.system import witness
from tests.system.site import KEY, SECRET, hook_section, panel_section, wait_for
from tracker import clock
from tracker.simulator import ALL, LASTING, Faults, Receiver, SimulatedPanel, random_scenario

ORDERS = {"sqlite": 2_000, "postgres": 1_000}
LIVES_MIN = 30
# What makes the tracker stay away for long is in test_trouble: here it would only take the time.
FAULTS = ALL - LASTING
LIMIT = 600


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_everything_said_is_recorded_once_and_told_once_in_spite_of_every_fault(sites, database_url):
    scenario = random_scenario(
        seed=7, orders=ORDERS["postgres" if database_url else "sqlite"], over_minutes=LIVES_MIN, all_at_start=True
    )
    faults = Faults(kinds=FAULTS, seed=3, retry_after="1", max_hang_s=3)
    with (
        SimulatedPanel(scenario, speed=80, key=KEY, faults=faults, rate_limit=LIMIT) as panel,
        Receiver(secret=SECRET, fail_rate=0.02, seed=5) as receiver,
    ):
        retries = '["0s", "1s", "1s", "1s", "1s", "1s", "1s", "1s"]'
        site = sites(
            panel_section(
                panel.url,
                max_requests_per_minute=LIMIT,
                max_concurrency=4,
                timeout='"2s"',
                recheck_finished='{ every = "5s", until = "1h" }',
            )
            + hook_section(receiver.url, retry_schedule=retries, max_concurrency=8, max_per_minute=60_000),
            database_url,
        )
        site.track(panel.truths())
        # Until the first is found out, one kind of call and three orders are broken, and no first attempt is taken.
        # Other faults come after that: a single 429 keeps a good client away for half a minute.
        poison = sorted(panel.truths())[::350]
        faults.broken, faults.poison = {"refill_status": "http_500"}, dict.fromkeys(poison, "html_200")
        receiver.refuse_first = True
        site.start()

        def found_out():
            aside = site.rows("SELECT remote_id FROM set_aside WHERE call = 'status' AND part IS NULL")
            return not {remote_id for (remote_id,) in aside}.isdisjoint(poison)

        wait_for(found_out, 60, "a broken order to be set aside")
        faults.broken, faults.poison, receiver.refuse_first = {}, {}, False
        faults.rate = 0.1
        wait_for(lambda: panel.sim_now() > (LIVES_MIN + 10) * 60, 120, "all orders to have lived their lives")
        wait_for(lambda: len(panel.audit.calls_by_fault()) > 10, 60, "many a kind of fault")

        faults.rate, over = 0.0, clock.now()

        def settled():
            """Every order was asked about since the last one moved."""
            site.rows_changed("UPDATE set_aside SET wait_until = 0")  # else the next try may be minutes away
            left = "SELECT count(*) FROM orders WHERE last_polled_at IS NULL OR last_polled_at <= ?"
            return site.rows(left, over) == [(0,)]

        wait_for(settled, 120, "the tracker to have seen how they ended")

        def told():
            return site.rows("SELECT count(*) FROM deliveries WHERE state <> 'delivered'") == [(0,)]

        wait_for(told, 150, "every delivery to be settled")
        assert site.stop() == 0

        witness.assert_every_served_status_recorded(site, panel)
        witness.assert_final_truth(site, panel)
        witness.assert_chained(site)
        witness.assert_every_event_arrived(site, receiver)
        witness.assert_signed(receiver)
        assert not panel.audit.wrong_calls()
        assert panel.audit.max_in_any_60s() <= LIMIT
        assert set(panel.audit.calls_by_action()) <= {"status", "refill_status", "balance", "services"}
