"""Runs the simulator in the foreground, for `tracker simulate` and for tests that want a process of its own."""

import threading
from collections.abc import Callable
from pathlib import Path

from tracker.signal_flag import SignalFlag
from tracker.simulator.faults import PASSING, Faults
from tracker.simulator.invention import random_scenario
from tracker.simulator.panel import SimulatedPanel
from tracker.simulator.receiver import Receiver
from tracker.simulator.scenario_file import load_scenario


def serve_forever(
    scenario_path: Path | None = None,
    port: int = 0,
    speed: float = 1.0,
    seed: int = 1,
    orders: int = 50,
    fault_rate: float = 0.0,
    *,
    key: str = "demo-key",
    balance: str = "100.00",
    rate_limit: int | None = None,
    say: Callable[[SimulatedPanel], None] | None = None,
    stop: threading.Event | SignalFlag | None = None,
) -> None:
    """Runs a simulated panel until `stop` is set or Ctrl-C is pressed. Without a scenario the orders are invented.

    say: called once with the panel, when it listens.
    Raises UserError for a bad scenario, and OSError for a port that is taken.
    """
    scenario = load_scenario(scenario_path) if scenario_path else random_scenario(seed, orders=orders)
    faults = Faults(fault_rate, PASSING, seed)
    panel = SimulatedPanel(scenario, speed, key, faults, port, balance, rate_limit=rate_limit)
    with panel:
        if say:
            say(panel)
        _wait(stop)


def receive_forever(
    port: int = 0,
    fail_rate: float = 0.0,
    seed: int = 1,
    *,
    secret: str | None = None,
    record: Path | None = None,
    say: Callable[[Receiver], None] | None = None,
    stop: threading.Event | SignalFlag | None = None,
) -> None:
    """Runs a receiver until `stop` is set or Ctrl-C is pressed. say: called once with the receiver, when it listens."""
    with Receiver(port, fail_rate, seed, secret, record=record) as receiver:
        if say:
            say(receiver)
        _wait(stop)


def _wait(stop: threading.Event | SignalFlag | None) -> None:
    try:
        (stop or threading.Event()).wait()
    except KeyboardInterrupt:
        return
