"""Histories that reports look back on."""

import random

import pytest

from tests.core.beliefs import DAY, NOW
from tests.reports.raw import RULES, more
from tests.store import OPS
from tests.store.lives import ZONE, lives
from tracker.store import Store


@pytest.fixture(params=["folded", "not folded", "half folded"])
def store(like, request):
    def live(database):
        store = Store(database, [OPS])
        store.hooks.sync(["ops"])
        store.panels.sync(dict.fromkeys(RULES, ""), NOW + 365 * DAY)
        lives(store, orders=40, steps=8)
        more(store, random.Random(5))
        while request.param != "not folded" and store.daily_stats.fold(ZONE, 60):
            if request.param == "half folded":
                break

    return Store(like(f"reports, {request.param}", live), [OPS])
