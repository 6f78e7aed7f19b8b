"""Hours of a panel's life in which everything breaks and is mended at random, from one seed."""

import os
import random
from collections import defaultdict
from itertools import pairwise

import pytest

from tests.simulation.life import HOUR, MINUTE, START, life

ORDERS, REFILLS = range(1, 201), range(9_001, 9_021)
SEEDS = int(os.environ.get("TRACKER_TEST_MIXTURES", "4"))
# Several broken ids in two batches are found one after the other, with a fifth of the budget.
HALVING_S = 60.0
POLL_EVERY_S, DOWN_AFTER_S = 5 * MINUTE, 10 * MINUTE
# A probe of a panel that is down comes at least every five minutes, and then all its orders are asked about.
RECOVERY_S = 12 * MINUTE
WORDS = ["Incorrect order ID", "Siparis yok", "Order 17 is locked by the operator"]
WAYS = ["500", "502 in another language", "404 without error", "page", "empty", "null", "cut", "reset", "too big"]


class Troubles:
    """Breaks and mends a panel as time goes by. outages: (from, until); bad: the ids that were ever broken."""

    def __init__(self, lived, rng):
        self.lived, self.rng = lived, rng
        self.next_at, self.down_until = START + 20 * MINUTE, None
        self.outages, self.bad = [], set()

    def __call__(self):
        panel, now, rng = self.lived.panel, self.lived.now, self.rng
        if self.down_until is not None and now >= self.down_until:
            panel.down, self.down_until = None, None
            self.outages[-1] = (self.outages[-1][0], now)
        if now < self.next_at:
            return
        self.next_at = now + rng.uniform(10, 50) * MINUTE
        match rng.choice(["poison", "kind", "words", "mend", "down", "down"]):
            case "poison":
                ids = [str(n) for n in rng.sample(ORDERS, rng.randint(1, 4))]
                panel.poison |= {one: rng.choice(WAYS) for one in ids}
                self.bad.update(ids)
            case "kind":
                panel.kinds[rng.choice(["refill_status", "balance", "services"])] = rng.choice(WAYS)
            case "words":
                ids = [str(n) for n in rng.sample(ORDERS, rng.randint(1, 5))]
                panel.words |= {one: rng.choice(WORDS) for one in ids}
                self.bad.update(ids)
            case "mend":
                panel.poison, panel.kinds, panel.words = {}, {}, {}
            case "down" if self.down_until is None:
                panel.down = rng.choice(WAYS)
                self.down_until = now + rng.choice([1, 4, 8, 20, 60, 100]) * MINUTE
                self.outages.append((now, self.down_until))


def outside(start, end, spans):
    """Returns how much of a time lies outside of these spans, which do not overlap."""
    return end - start - sum(max(0.0, min(end, until) - max(start, since)) for since, until in spans)


def through(lived):
    """When calls got through, the beginning and the end of the life included."""
    return [START, *(call.at for call in lived.panel.calls if call.got_through), lived.now]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_breaks_delays_only_itself_and_is_told_when_it_is_so(tmp_path, seed):
    with life(tmp_path / "a", seed, "poll_every = '5m'\nmax_requests_per_minute = 60") as lived:
        lived.add(ORDERS, refills=REFILLS)
        troubles = Troubles(lived, random.Random(seed))
        lived.run(6 * HOUR, troubles)

        spans = [(since, until + RECOVERY_S) for since, until in troubles.outages]
        for one in map(str, ORDERS):
            if one not in troubles.bad:
                asked = [START, *lived.panel.asked(one), lived.now]
                assert max(outside(a, b, spans) for a, b in pairwise(asked)) <= 2 * POLL_EVERY_S + HALVING_S, one

        raised = defaultdict(list)
        for at, name, body in lived.receiver.heard:
            alert = body["data"].get("alert")
            if alert is not None and not name.endswith(".recovered"):
                raised[alert["name"]].append(at)
        for name, moments in raised.items():
            assert all(third - first >= 6 * HOUR for first, third in zip(moments, moments[2:], strict=False)), name

        silences = [(a, b) for a, b in pairwise(through(lived)) if b - a >= DOWN_AFTER_S]
        for at in raised["panel.down"]:
            assert any(a + DOWN_AFTER_S <= at <= b for a, b in silences), "nothing got through for so long"
        if any(b - a >= DOWN_AFTER_S + 5 * MINUTE for a, b in silences):
            assert raised["panel.down"]

        for since, until in troubles.outages:
            calls = len(lived.panel.calls_between(since, until))
            assert calls <= 2 * (3 + 7 + (until - since) / 300), "no more than its backoff allows"
