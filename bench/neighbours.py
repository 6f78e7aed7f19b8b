"""neighbours: what a hook suffers from one that hangs and one that is down.

    python -m bench.neighbours [--events N] [--json]

p99 of the wall time from an event to its arrival at a healthy receiver, beside the same hook alone, in
one run. Events come in one by one, as they do from polls.
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.config import NOWHERE, config
from bench.report import Finding, print_findings
from tracker import clock
from tracker.core.orders.new_orders import NewOrder
from tracker.daemon.build import Components
from tracker.daemon.lock import InstanceLock
from tracker.daemon.run import Daemon
from tracker.daemon.sdnotify import Notifier
from tracker.db import migrate
from tracker.log import Masker, setup
from tracker.simulator import Receiver

PAUSE_S = 0.02  # between two events


def _hook(name: str, url: str) -> str:
    return f'[hooks.{name}]\nurl = "{url}"\nevents = ["order.*"]\nmax_per_minute = 60000\n'


class _Endless:
    """Signals for a daemon in a thread: it ends when it is told."""

    def __init__(self) -> None:
        self.over = False

    @property
    def pending(self) -> bool:
        return self.over

    @property
    def stop(self) -> bool:
        return self.over

    def wait(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while not self.over and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.over


def p99_ms(folder: Path, hooks: dict[str, str], healthy: Receiver, events: int) -> float:
    """From the commit of an event to its arrival, in milliseconds."""
    import threading

    parts = Components(config(folder, "".join(_hook(name, url) for name, url in hooks.items())))
    migrate.migrate(parts.database)
    parts.prepare()
    parts.store.panels.pause("main", paused=True)
    signals = _Endless()
    daemon = Daemon(parts, InstanceLock(folder / "lock"), signals, Notifier({}), None)  # type: ignore[arg-type]
    thread = threading.Thread(target=daemon.live, args=(lambda: None,))
    thread.start()
    told: dict[str, float] = {}
    for n in range(events):
        parts.store.new_orders.add(
            [NewOrder("main", f"{id(folder)}-{n}", baseline=False, just_placed=True)], clock.now()
        )
        told[f"{id(folder)}-{n}"] = time.monotonic()
        time.sleep(PAUSE_S)
    assert healthy.wait_for(lambda r: len(r.by_id()) >= events, timeout_s=60)
    signals.over = True
    thread.join()
    waits = [
        request.arrival - told[request.event["data"]["order"]["id"]]
        for request in healthy.received
        if request.event["data"]["order"]["id"] in told
    ]
    return statistics.quantiles(waits, n=100)[98] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    setup("error", "console", Masker([]))
    with TemporaryDirectory() as folder:
        with Receiver() as alone:
            (Path(folder) / "alone").mkdir()
            quiet = p99_ms(Path(folder) / "alone", {"ops": alone.url}, alone, args.events)
        with Receiver() as healthy, Receiver(max_hang_s=20) as deaf:
            deaf.always("hang")
            (Path(folder) / "among").mkdir()
            hooks = {"ops": healthy.url, "deaf": deaf.url, "down": NOWHERE}
            loud = p99_ms(Path(folder) / "among", hooks, healthy, args.events)
    finding = Finding("neighbours, p99", {"wall_ms": round(loud, 2)}, {"wall_ms": round(quiet, 2)}, loud / quiet, 1.5)
    print_findings([finding], as_json=args.json)


if __name__ == "__main__":
    main()
