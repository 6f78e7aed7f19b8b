"""Who hangs delays only himself."""

import pytest

from tests.system.site import KEY, SECRET, hook_section, panel_section, wait_for
from tracker.simulator import Faults, Receiver, SimulatedPanel, random_scenario

HANG_S = 60  # longer than the whole test


@pytest.mark.slow
def test_a_hanging_panel_and_a_hanging_receiver_delay_nobody_else(sites):
    lives = random_scenario(seed=21, orders=60, over_minutes=30, all_at_start=True)
    with (
        SimulatedPanel(lives, speed=240, key=KEY) as fine,
        SimulatedPanel(lives, key=KEY, faults=Faults(max_hang_s=HANG_S)) as hanging,
        Receiver(secret=SECRET) as listening,
        Receiver(max_hang_s=HANG_S) as deaf,
    ):
        hanging.faults.hang_all = True
        deaf.always("hang")
        site = sites(
            panel_section(fine.url)
            + panel_section(hanging.url, name="stuck", timeout='"40s"')
            + hook_section(listening.url)
            + hook_section(deaf.url, name="deaf", timeout='"40s"')
        )
        site.track(fine.truths())
        site.track(hanging.truths(), panel="stuck", baseline=True)
        site.start()
        wait_for(lambda: hanging.audit.calls, 10, "the hanging panel to have been called")
        wait_for(lambda: deaf.received, 10, "the hanging receiver to have been called")

        def all_told():
            final = site.rows("SELECT count(*) FROM orders WHERE panel = 'main' AND tracking = 'active'")
            told = site.rows("SELECT count(*) FROM deliveries WHERE hook = 'ops' AND state <> 'delivered'")
            return (final, told) == ([(0,)], [(0,)])

        wait_for(all_told, 30, "the fine panel's orders to be followed to their end and told")
        assert site.rows("SELECT count(*) FROM deliveries WHERE hook = 'deaf' AND state = 'delivered'") == [(0,)]
        assert site.rows("SELECT count(*) FROM orders WHERE panel = 'stuck' AND status IS NOT NULL") == [(0,)]
        # Nobody hammers whoever does not answer: one call a lane, still waiting for its deadline.
        assert len(hanging.audit.calls) <= 2
        assert len(deaf.received) <= 4
