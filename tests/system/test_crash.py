"""kill -9 at any instant: nothing recorded is lost, nothing told is lost, what comes twice is the same."""

import os
import random
import time

import pytest

from tests.system import witness
from tests.system.site import KEY, SECRET, hook_section, panel_section, wait_for
from tracker import clock
from tracker.simulator import Receiver, Scenario, SimulatedPanel

KILLS = int(os.environ.get("TRACKER_TEST_KILLS", "5"))
ROUND_S = 2.0  # about what a round takes, starting up included
LIFE_MIN = 60
LIMIT = 600


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_kill_9_at_random_moments_loses_nothing_and_repeats_only_what_it_repeats_exactly(sites, database_url):
    chance = random.Random(20_261_123)
    scenario = Scenario.random(seed=11, orders=400, over_minutes=LIFE_MIN, all_at_start=True)
    with (
        SimulatedPanel(scenario, speed=LIFE_MIN * 60 / (KILLS * ROUND_S), key=KEY) as panel,
        Receiver(secret=SECRET, fail_rate=0.1, seed=2) as receiver,
    ):
        retries = "[" + ", ".join(['"0s"'] + ['"1s"'] * (20 + 2 * KILLS)) + "]"
        site = sites(
            panel_section(panel.url, max_requests_per_minute=LIMIT, recheck_finished='{ every = "5s", until = "1h" }')
            + hook_section(receiver.url, retry_schedule=retries, max_concurrency=8, max_per_minute=60_000),
            database_url,
        )
        site.track(panel.truths())
        for _ in range(KILLS):
            site.start(wait=chance.random() < 0.8)
            time.sleep(chance.uniform(0.0, 1.5))
            written = site.rows("SELECT count(*) FROM transitions")
            told = {request.id for request in receiver.received}
            site.kill()
            assert site.rows("SELECT count(*) FROM transitions") >= written
            # What was told was in the log before it was told.
            assert told <= {id_ for (id_,) in site.rows("SELECT event_id FROM events")}
        site.start()
        wait_for(lambda: panel.sim_now() > (LIFE_MIN + 10) * 60, 60, "all orders to have lived their lives")
        over = clock.now()
        wait_for(
            lambda: site.rows("SELECT count(*) FROM orders WHERE last_polled_at <= ?", over) == [(0,)], 60, "settled"
        )
        wait_for(
            lambda: site.rows("SELECT count(*) FROM deliveries WHERE state <> 'delivered'") == [(0,)], 60, "all told"
        )
        assert site.stop() == 0

        witness.assert_final_truth(site, panel)
        witness.assert_chained(site)
        witness.assert_every_event_arrived(site, receiver)
        witness.assert_signed(receiver)
        assert not panel.audit.wrong_calls()
        assert panel.audit.max_in_any_60s() <= LIMIT
