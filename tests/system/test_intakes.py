"""Commands that print new orders, under a running tracker: its life, its death, and what it is told anew."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from peewee import sqlite3

from tests.delivery.channels.test_command import is_alive
from tests.system.site import KEY, hook_section, panel_section, wait_for
from tracker.simulator import Receiver, Scenario, SimulatedPanel

# A shop: prints the orders beyond the cursor, notes which cursor it was given, and does what its file `mood` says.
SHOP = """
import json, os, sys, time
from pathlib import Path
here = Path(sys.argv[1])
with (here / "runs").open("a") as runs:
    runs.write(os.environ["TRACKER_CURSOR"] + "\\n")
(here / "pid").write_text(str(os.getpid()))
cursor = int(os.environ["TRACKER_CURSOR"] or 0)
mood = (here / "mood").read_text() if (here / "mood").exists() else ""
for n in range(cursor + 1, int((here / "count").read_text()) + 1):
    print(json.dumps({"panel": "main", "id": str(1000000 + n), "just_placed": True}), flush=True)
    cursor = n
if mood == "hang":
    time.sleep(600)
if mood == "fail":
    sys.exit("the shop is closed")
print(json.dumps({"cursor": cursor}))
"""


class Shop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "shop.py").write_text(SHOP)
        self.has(0)

    def has(self, count, mood=""):
        for name, text in (("count", str(count)), ("mood", mood)):
            (self.folder / f"{name}.new").write_text(text)
            (self.folder / f"{name}.new").rename(self.folder / name)

    def section(self, name="shop", **keys):
        command = json.dumps([sys.executable, str(self.folder / "shop.py"), str(self.folder)])
        lines = {"command": command, "every": '"1s"', "timeout": '"20s"'} | keys
        return f"[intake.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())

    def runs(self):
        """The cursors it was given, run by run."""
        file = self.folder / "runs"
        return file.read_text().splitlines() if file.exists() else []

    def pid(self):
        return int((self.folder / "pid").read_text())


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop").mkdir()
    return Shop(tmp_path / "shop")


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(50), key=KEY) as panel:
        yield panel


def tracked(site):
    return site.rows("SELECT count(*) FROM orders")[0][0]


def cursor(site):
    found = site.rows("SELECT cursor FROM intakes WHERE name = 'shop'")
    return found[0][0] if found else None


def test_what_a_shop_orders_is_tracked_told_and_asked_about_by_itself(sites, panel, shop, database_url):
    with Receiver() as receiver:
        hook = hook_section(receiver.url, events='["order.tracked"]')
        site = sites(panel_section(panel.url) + hook + shop.section(), database_url)
        shop.has(3)
        site.start()
        wait_for(lambda: len(receiver.received) == 3, 15, "the first orders to be told")
        shop.has(5)
        wait_for(lambda: len(receiver.received) == 5, 15, "the next ones")
        wait_for(lambda: site.rows("SELECT count(*) FROM orders WHERE status IS NULL") == [(0,)], 15, "the answers")
        wait_for(lambda: shop.runs()[-1] == "5", 10, "the cursor to come back")
        assert site.stop() == 0
        assert (tracked(site), cursor(site)) == (5, "5")
        assert len({request.id for request in receiver.received}) == len(receiver.received) == 5


def test_a_tracker_that_was_killed_in_a_run_runs_the_same_cursor_again_and_tells_nothing_twice(sites, panel, shop):
    with Receiver() as receiver:
        hook = hook_section(receiver.url, events='["order.tracked"]')
        site = sites(panel_section(panel.url) + hook + shop.section(timeout='"2s"'))
        shop.has(2)
        site.start()
        wait_for(lambda: cursor(site) == "2", 15, "the first cursor")
        shop.has(4, "hang")
        wait_for(lambda: "2" in shop.runs() and is_alive(shop.pid()), 15, "a run that hangs")
        site.kill()
        orphan = shop.pid()
        assert cursor(site) == "2"
        shop.has(4)
        before = len(shop.runs())
        site.rows_changed("UPDATE intakes SET lease = lease - 15")  # most of the lease that would be waited for
        site.start()
        wait_for(lambda: tracked(site) == 4 and cursor(site) == "4", 20, "the rest of the orders")
        assert shop.runs()[before] == "2"
        wait_for(lambda: len(receiver.received) >= 4, 10, "all to be told")
        assert site.stop() == 0
        ids = [request.event["data"]["order"]["id"] for request in receiver.received]
        assert sorted(set(ids)) == [str(1_000_001 + n) for n in range(4)]
        assert site.rows("SELECT count(*) FROM events WHERE type = 'order.tracked'") == [(4,)]
        if is_alive(orphan):
            os.kill(orphan, signal.SIGKILL)


def test_eight_deaths_lose_no_order_and_track_none_twice(sites, panel, shop):
    """Killed at random moments, some of them in the middle of a run."""
    site = sites(panel_section(panel.url) + shop.section(timeout='"1s"'))
    count = 0
    for n in range(8):
        count += 50
        shop.has(count)
        site.start()
        time.sleep(0.3 + (n * 7 % 5) * 0.15)  # at different places of a run, not for anything to happen
        site.kill()
        site.rows_changed("UPDATE intakes SET lease = NULL")
    site.start()
    wait_for(lambda: cursor(site) == str(count), 20, "all orders to come in")
    assert site.stop() == 0
    assert site.rows("SELECT count(*), count(DISTINCT remote_id) FROM orders") == [(count, count)]
    assert site.rows("SELECT count(*) FROM events WHERE type = 'order.tracked'") == [(count,)]
    journal = (site.folder / "data" / "intake.ndjson").read_text().splitlines()
    assert {json.loads(line)["id"] for line in journal} == {str(1_000_001 + n) for n in range(count)}


def test_sigterm_ends_a_run_within_ten_seconds_and_the_next_start_runs_it_at_once(sites, panel, shop):
    site = sites(panel_section(panel.url) + shop.section(timeout='"10m"'))
    shop.has(2, "hang")
    site.start()
    wait_for(lambda: shop.runs() and is_alive(shop.pid()), 15, "a run that hangs")
    started = time.monotonic()
    assert site.stop() == 0
    assert time.monotonic() - started < 10
    assert not is_alive(shop.pid())
    stopped = next(line for line in site.log.read_text().splitlines() if "tracker.stopped" in line)
    assert "intake:shop" not in stopped, "it was not cut off: it ended"
    assert site.rows("SELECT lease, failures, cursor FROM intakes") == [(None, 0, None)]
    shop.has(2)
    site.start()
    wait_for(lambda: cursor(site) == "2", 10, "the next run")
    assert site.stop() == 0


def test_sighup_takes_over_a_changed_section_and_keeps_the_cursor(sites, panel, shop):
    site = sites(panel_section(panel.url) + shop.section(every='"1h"'))
    shop.has(2)
    child = site.start()
    wait_for(lambda: cursor(site) == "2", 15, "the first run")
    text = site.file.read_text()
    assert 'every = "1h"' in text
    site.file.write_text(text.replace('every = "1h"', 'every = "1s"'))
    shop.has(3)
    child.send_signal(signal.SIGHUP)
    wait_for(lambda: cursor(site) == "3", 15, "the next run, with the new interval")
    assert shop.runs()[:2] == ["", "2"]
    site.file.write_text(text.replace(shop.section(every='"1h"'), ""))
    child.send_signal(signal.SIGHUP)
    wait_for(lambda: site.log.read_text().count("config.reloaded") == 2, 10, "the second reload")
    wait_for(lambda: site.log.read_text().count("tracker.started") == 3, 10, "the third life")
    runs, calls = len(shop.runs()), len(panel.audit.calls)
    site.track(panel.truths(), baseline=True)
    wait_for(lambda: len(panel.audit.calls) > calls + 3, 15, "some seconds of polls")
    assert len(shop.runs()) == runs, "it is in no configuration any more"
    assert cursor(site) == "3"
    assert site.stop() == 0


def test_after_a_sighup_that_changes_nothing_the_command_is_run_as_before(sites, panel, shop):
    site = sites(panel_section(panel.url) + shop.section(every='"1s"'))
    shop.has(2)
    child = site.start()
    wait_for(lambda: cursor(site) == "2", 15, "the first run")
    child.send_signal(signal.SIGHUP)
    wait_for(lambda: site.log.read_text().count("tracker.started") == 2, 15, "it to go on")
    shop.has(3)
    wait_for(lambda: cursor(site) == "3", 15, "the next run")
    assert "intake.failed" not in site.log.read_text()
    assert site.stop() == 0


def test_a_command_that_fails_is_told_tried_less_and_less_and_holds_nothing_up(sites, panel, shop):
    site = sites(panel_section(panel.url) + shop.section())
    site.track(panel.truths(), baseline=True)
    shop.has(2, "fail")
    site.start()
    wait_for(lambda: "intake.failed" in site.log.read_text(), 15, "the failure to be told")
    assert "the shop is closed" in site.log.read_text()
    calls = len(panel.audit.calls)
    wait_for(lambda: site.rows("SELECT failures FROM intakes") == [(3,)], 15, "the third failure")
    assert site.rows("SELECT next_run_at - finished_at FROM intakes") == [(pytest.approx(4.0),)], "1, 2, 4 seconds"
    assert len(panel.audit.calls) > calls + 2, "polls go on"
    assert (tracked(site), cursor(site)) == (50, None), "its rows are known ones here; its cursor does not count"
    shop.has(2)
    wait_for(lambda: cursor(site) == "2", 20, "a run that counts")
    wait_for(lambda: "intake.recovered" in site.log.read_text(), 5, "its recovery to be told")
    assert site.stop() == 0


def test_a_command_that_hangs_delays_neither_polls_nor_another_command(sites, panel, shop, tmp_path):
    (tmp_path / "other").mkdir()
    other = Shop(tmp_path / "other")
    site = sites(panel_section(panel.url) + shop.section(timeout='"10m"') + other.section("other"))
    site.track(panel.truths(), baseline=True)
    shop.has(0, "hang")
    site.start()
    wait_for(shop.runs, 15, "the run that hangs")
    runs, calls = len(other.runs()), len(panel.audit.calls)
    wait_for(lambda: len(other.runs()) > runs + 3, 15, "the other command")
    wait_for(lambda: len(panel.audit.calls) > calls + 3, 15, "polls")
    assert len(shop.runs()) == 1, "never two of one command at a time"
    assert site.stop() == 0


def test_a_database_that_is_locked_for_a_while_costs_a_run_and_no_order(sites, panel, shop):
    site = sites(panel_section(panel.url) + shop.section())
    shop.has(1)
    site.start()
    wait_for(lambda: cursor(site) == "1", 15, "the first run")
    with sqlite3.connect(site.folder / "data" / "tracker.db", isolation_level=None) as squatter:
        squatter.execute("BEGIN EXCLUSIVE")
        shop.has(3)
        wait_for(lambda: "lane.waited" in site.log.read_text(), 20, "somebody to notice")
        squatter.execute("ROLLBACK")
    squatter.close()
    wait_for(lambda: cursor(site) == "3", 90, "the orders to come in")
    assert site.stop() == 0
    assert tracked(site) == 3
