"""A flag that a signal handler sets."""

import random
import signal
import time

from tracker.signal_flag import SignalFlag


def test_a_signal_at_any_instant_of_a_wait_ends_it():
    """With a threading.Event this hangs: the handler waits for the lock that the thread it interrupted holds."""
    chance = random.Random(1)
    before = signal.getsignal(signal.SIGALRM)
    try:
        for _ in range(1_000):
            stop = SignalFlag()
            signal.signal(signal.SIGALRM, lambda *_, stop=stop: stop.set())
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.000_05, 0.001))
            while not stop.wait(0.000_02):
                pass
            assert stop.is_set()
            stop.close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_it_wakes_at_once_and_stays_set_until_it_is_cleared():
    stop = SignalFlag()
    assert not stop.wait(0.01)
    stop.set()
    began = time.monotonic()
    assert stop.wait(10)
    assert stop.wait()
    assert stop.is_set()
    assert time.monotonic() - began < 5
    stop.clear()
    assert not stop.wait(0.01)
    stop.close()
