"""kill -9 at any instant: nothing recorded is lost, nothing told is lost, what comes twice is the same.

Four hooks hear everything: one that is well, one that refuses the first attempt of every event and a third of the
others, one that hangs and one that says 429. TRACKER_TEST_KILLS says how often the tracker is killed: 5 here, 12 in
CI, 500 in `make storm`.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.system import witness
from tests.system.site import KEY, SECRET, hook_section, panel_section, wait_for
from tracker import clock
from tracker.simulator import Receiver, SimulatedPanel, random_scenario

KILLS = int(os.environ.get("TRACKER_TEST_KILLS", "5"))
ORDERS = min(400, 160 + KILLS)  # at the end every hook has a backlog of some four events an order
ROUND_S = 1.2  # about what a round takes, starting up included
LIFE_MIN = 60
LIMIT = 600
HOOKS = ("ops", "cold", "deaf", "busy")


@pytest.mark.slow
@pytest.mark.timeout(120 + 8 * KILLS)
def test_kill_9_at_random_moments_loses_nothing_and_repeats_only_what_it_repeats_exactly(sites, database_url):
    chance = random.Random(20_261_123)
    scenario = random_scenario(seed=11, orders=ORDERS, over_minutes=LIFE_MIN, all_at_start=True)
    with (
        SimulatedPanel(scenario, speed=LIFE_MIN * 60 / (KILLS * ROUND_S), key=KEY) as panel,
        Receiver(secret=SECRET) as well,
        Receiver(secret=SECRET, fail_rate=0.33, seed=2) as cold,
        Receiver(secret=SECRET, max_hang_s=4) as deaf,
        Receiver(secret=SECRET, retry_after="2") as busy,
    ):
        cold.refuse_first = True
        deaf.always("hang")
        busy.always("retry_429")
        receivers = dict(zip(HOOKS, (well, cold, deaf, busy), strict=True))
        retries = "[" + ", ".join(['"0s"'] + ['"1s"'] * (40 + 2 * KILLS)) + "]"
        keys = {"retry_schedule": retries, "max_concurrency": 8, "max_per_minute": 60_000, "hold_for": '"24h"'}
        site = sites(
            panel_section(panel.url, max_requests_per_minute=LIMIT, recheck_finished='{ every = "5s", until = "1h" }')
            + "".join(hook_section(receiver.url, name, **keys) for name, receiver in receivers.items()),
            database_url,
        )
        site.track(panel.truths())
        for _ in range(KILLS):
            site.start(wait=chance.random() < 0.8)
            time.sleep(chance.uniform(0.0, 1.5))
            written = site.rows("SELECT count(*) FROM transitions")
            told = {request.id for receiver in receivers.values() for request in receiver.received}
            site.kill()
            assert site.rows("SELECT count(*) FROM transitions") >= written
            # What was told was in the log before it was told.
            assert told <= {id_ for (id_,) in site.rows("SELECT event_id FROM events")}
        everybody_is_well(site, receivers.values())
        site.start()
        ends_s = (LIFE_MIN + 10) * 60
        left_s = max(0.0, ends_s - panel.sim_now()) / panel.speed  # the rounds may have been quicker than planned
        wait_for(lambda: panel.sim_now() > ends_s, left_s + 30, "all orders to have lived their lives")
        over = clock.now()
        late = "SELECT count(*) FROM orders WHERE last_polled_at <= ?"
        wait_for(lambda: site.rows(late, over) == [(0,)], 90, "every order to be seen once more")
        untold = "SELECT count(*) FROM deliveries WHERE state <> 'delivered'"
        wait_for(lambda: site.rows(untold) == [(0,)], 90, "everybody to be told everything")
        assert site.stop() == 0

        witness.assert_final_truth(site, panel)
        witness.assert_chained(site)
        for name, receiver in receivers.items():
            witness.assert_every_event_arrived(site, receiver, name)
        witness.assert_signed(well)
        assert not panel.audit.wrong_calls()
        assert panel.audit.max_in_any_60s() <= LIMIT
        assert no_hook_event_is_told_twice(site)
        figures(site, receivers)


def everybody_is_well(site, receivers):
    """The tracker is dead; the receivers recover, and nobody is to wait for the next probe's moment."""
    for receiver in receivers:
        receiver.fail_rate = 0.0
        receiver.always("ok")
    site.rows_changed("UPDATE hooks SET wait_until = 0 WHERE state <> 'disabled'")


def no_hook_event_is_told_twice(site):
    """A restart repeats no alert: each hook's own events are numbered without a repeat."""
    told = site.rows("SELECT remote_id, seq FROM events WHERE kind = 'hook'")
    return len(told) == len(set(told))


def figures(site, receivers):
    """What the storm came to; shown by `make storm` and with -s."""
    ((orders, moves, events),) = site.rows(
        "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM transitions), (SELECT count(*) FROM events)"
    )
    print(f"\n{KILLS} kills; {orders} orders, {moves} transitions, {events} events, 0 lost")
    for name, receiver in receivers.items():
        accepted = [request.id for request in receiver.received if request.behaviour == "ok"]
        twice = sum(times - 1 for times in Counter(accepted).values())
        print(f"  {name}: {len(receiver.received)} requests, {len(set(accepted))} events, {twice} repeated exactly")


@pytest.mark.timeout(120)
def test_killed_while_it_migrates_the_database_is_the_old_one_or_the_new_one(tmp_path):
    from tracker.db import migrate
    from tracker.db.database import connect

    chance = random.Random(5)
    landed = set()
    for round_ in range(max(6, KILLS // 4)):
        folder = tmp_path / str(round_)
        folder.mkdir()
        config = folder / "config.toml"
        config.write_text(f'[daemon]\ndata_dir = "data"\n{panel_section("http://127.0.0.1:9/")}')
        database = connect(f"sqlite:///{folder}/data/tracker.db")
        child = subprocess.Popen(
            [sys.executable, "-m", "tracker", "--config", str(config), "db", "migrate"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.3, 0.6))
        child.kill()
        child.wait(10)
        steps = [applied for _, applied in migrate.status(database)]
        landed.add(sum(steps))
        assert steps == sorted(steps, reverse=True), "migrations are applied in order, each whole or not at all"
        migrate.migrate(database)
        assert all(applied for _, applied in migrate.status(database))
        with database.reading() as cur:
            assert cur.run("PRAGMA integrity_check").rows() == [("ok",)]
    assert landed
