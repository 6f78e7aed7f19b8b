"""Receivers that misbehave, on real sockets: who is left alone, who is told, and that nothing is lost."""

import pytest

from tests.system.site import KEY, SECRET, hook_section, panel_section, wait_for
from tests.system.witness import assert_signed
from tracker.simulator import Receiver, Scenario, SimulatedPanel

ORDERS = [str(n) for n in range(1, 31)]
QUICK = '["0s"' + ', "1s"' * 60 + "]"


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(5), key=KEY) as panel:
        yield panel


def started(sites, panel, *hooks):
    """A running site that is asked for nothing: its events are `order.tracked` of orders handed over."""
    site = sites(panel_section(panel.url, poll_every='"12h"', balance_every='"12h"') + "".join(hooks))
    site.start()
    return site


def test_a_receiver_that_is_gone_is_switched_off_its_queue_kept_and_the_others_told(sites, panel):
    with Receiver() as gone, Receiver(secret=SECRET) as fine:
        gone.always("gone")
        site = started(
            sites,
            panel,
            hook_section(gone.url, name="gone", events='["order.tracked"]'),
            hook_section(fine.url, events='["hook.*"]'),
        )
        site.track(ORDERS)
        wait_for(lambda: fine.received, 10, "the others to be told")
        (told,) = [request.event for request in fine.received]
        assert (told["type"], told["data"]["hook"]["name"]) == ("hook.disabled", "gone")
        calls = len(gone.received)
        assert calls <= 4, "no more than were in flight together"
        assert site.rows("SELECT state, count(*) FROM deliveries WHERE hook = 'gone' GROUP BY state") == [("held", 30)]
        gone.always("ok")
        site.parts.store.hooks.enable("gone", 0.0, deliver=True)
        wait_for(lambda: len({r.id for r in gone.received}) == 30, 20, "everything that was held back")
        wait_for(lambda: len(fine.received) == 2, 10, "the others to be told that it is over")
        over = fine.received[-1].event
        assert (over["type"], over["data"]["hook"]["reason"]) == ("hook.recovered", "enabled by hand")
        assert_signed(fine)


def test_429_pauses_the_whole_hook_for_as_long_as_it_says(sites, panel):
    with Receiver(secret=SECRET, retry_after="3") as busy:
        busy.next("retry_429")
        site = started(sites, panel, hook_section(busy.url, events='["order.tracked"]', max_concurrency=1))
        site.track(ORDERS)
        wait_for(lambda: len({r.id for r in busy.received if r.behaviour == "ok"}) == 30, 20, "all to arrive")
        first, second = busy.received[0], busy.received[1]
        assert second.arrival - first.arrival > 2.9
        assert_signed(busy)


def test_those_under_way_do_not_end_the_pause_that_one_of_them_was_asked_for(sites, panel):
    with Receiver(secret=SECRET, retry_after="3", delay_s=0.5) as busy:
        busy.next(*["ok"] * 12, "retry_429")
        site = started(sites, panel, hook_section(busy.url, events='["order.tracked"]', max_concurrency=4))
        site.track(ORDERS)
        wait_for(lambda: len({r.id for r in busy.received if r.behaviour == "ok"}) == 30, 30, "all to arrive")
        ((until,),) = site.rows("SELECT asked_until FROM hooks")
        # Half a second for whoever was claimed while the 429 was written down.
        meanwhile = "SELECT count(*) FROM attempts WHERE started_at > ? AND started_at < ?"
        assert site.rows(meanwhile, until - 2.5, until) == [(0,)]
        ((afterwards,),) = site.rows("SELECT count(*) FROM attempts WHERE started_at >= ?", until)
        assert afterwards > 5


def test_a_receiver_that_fails_for_a_while_is_probed_seldom_told_of_and_then_gets_everything(sites, panel):
    with Receiver(secret=SECRET) as flaky, Receiver() as watching:
        flaky.always("fail")
        site = started(
            sites,
            panel,
            hook_section(flaky.url, events='["order.tracked"]', retry_schedule=QUICK),
            hook_section(watching.url, name="watching", events='["hook.*"]'),
        )
        site.track(ORDERS)
        wait_for(lambda: watching.received, 10, "hook.failing")
        calls = len(flaky.received)
        assert calls < 15, "the breaker opened before the thirty were tried"
        flaky.always("ok")
        # The probe is due in half a minute; here its moment comes at once.
        site.rows_changed("UPDATE hooks SET wait_until = 0 WHERE name = 'ops'")
        wait_for(lambda: len({r.id for r in flaky.received if r.behaviour == "ok"}) == 30, 20, "all to arrive")
        wait_for(lambda: len(watching.received) == 2, 10, "hook.recovered")
        assert [r.event["type"] for r in watching.received] == ["hook.failing", "hook.recovered"]
        assert len(flaky.received) == 30 + calls
