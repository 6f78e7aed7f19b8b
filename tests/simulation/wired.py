"""The same life beside a simulated panel and a receiver over real HTTP on loopback; time is the stepped clock's."""

import random
from contextlib import contextmanager
from dataclasses import replace

from tests.simulation.life import CONFIG, TROUBLE, Heard, Life, SteppedClock
from tracker.config import load
from tracker.daemon.build import build
from tracker.daemon.world import World
from tracker.db import migrate
from tracker.simulator import Receiver, Scenario, SimulatedPanel
from tracker.simulator.lifecycle import RefillLife

KEY = "key-of-main-0123"
LATENCY_S = 0.2
FIRST = 1_000_001  # the ids of a static scenario begin here


class Wire(Heard):
    """Carries the calls to the panel, and notes when each was made by the stepped clock."""

    def __init__(self, clock, panel):
        super().__init__("tests/1.0")
        self._clock, self._simulated = clock, panel
        self.calls = []

    def exchange(self, method, url, *, data, **rest):
        call, _ = self.heard(self._clock.at, data)
        self._clock.sleep(LATENCY_S)
        reply = super().exchange(method, url, data=data, **rest)
        call.got_through = self._simulated.audit.calls[-1].fault is None
        return reply


@contextmanager
def wired(folder, orders=250, refills=0, panel="", events=TROUBLE):
    """Begins a tracker beside a panel with so many orders in progress; all of them are tracked.

    The life's `panel` is the wire, its `simulated` the panel behind it, its `receiver` the webhook's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lives = tuple(RefillLife(str(9_000 + n), str(FIRST + n), ((0.0, "Pending"),)) for n in range(refills))
    scenario = replace(Scenario.static(orders), refills=lives)
    clock, rng = SteppedClock(), random.Random(1)
    with SimulatedPanel(scenario, speed=0, key=KEY) as simulated, Receiver(retry_after="30") as receiver:
        text = CONFIG.format(panel=panel or "poll_every = '5m'", events=events)
        text = text.replace("http://127.0.0.1:9/main", simulated.url)
        file = folder / "config.toml"
        file.write_text(text.replace("http://127.0.0.1:9/hook", receiver.url))
        file.chmod(0o600)
        wire = Wire(clock, simulated)
        parts = build(load(file, {}, cwd=folder), world=World(clock, rng.random, lambda _: wire))
        try:
            with parts.database.lasting():
                migrate.migrate(parts.database)
                parts.prepare()
                lived = Life(parts, clock, wire, receiver)
                lived.simulated = simulated
                lived.add(range(FIRST, FIRST + orders), refills=range(9_000, 9_000 + refills))
                yield lived
        finally:
            parts.close()
            wire.close()
