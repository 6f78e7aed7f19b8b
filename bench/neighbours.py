"""neighbours: how much a hook is delayed by one that hangs and one that is down.

    python -m bench.neighbours [--events N] [--json]

The p99 of the wall time from an event to its arrival at a healthy receiver, beside the same hook alone, in one run.
Events come one by one, as they do from polls.
"""

import statistics
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.config import config
from bench.report import Finding, options, print_findings
from bench.site import NOWHERE
from tracker import clock
from tracker.core.orders.new_orders import NewOrder
from tracker.daemon.build import build
from tracker.daemon.lock import InstanceLock
from tracker.daemon.run import Daemon
from tracker.daemon.sdnotify import Notifier
from tracker.db import migrate
from tracker.log import Masker, setup
from tracker.simulator import Receiver

PAUSE_S = 0.02  # between two events


def _hook(name: str, url: str) -> str:
    return f'[hooks.{name}]\nurl = "{url}"\nevents = ["order.*"]\nmax_per_minute = 60000\n'


class _NoSignals:
    """Takes the place of the signals of a daemon that runs in a thread; it stops when `over` is set."""

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
    """The p99 of the milliseconds from the commit of an event to its arrival at the healthy receiver."""
    parts = build(config(folder, "".join(_hook(name, url) for name, url in hooks.items())))
    migrate.migrate(parts.database)
    parts.prepare()
    parts.store.panels.pause("main", paused=True)
    signals = _NoSignals()
    daemon = Daemon(parts, InstanceLock(folder / "lock"), signals, Notifier({}), None)  # type: ignore[arg-type]
    thread = threading.Thread(target=daemon.live, args=(lambda: None,))
    thread.start()
    committed: dict[str, float] = {}
    for n in range(events):
        parts.store.new_orders.add(
            [NewOrder("main", f"{id(folder)}-{n}", baseline=False, just_placed=True)], clock.now()
        )
        committed[f"{id(folder)}-{n}"] = time.monotonic()
        time.sleep(PAUSE_S)
    assert healthy.wait_for(lambda r: len(r.by_id()) >= events, timeout_s=60)
    signals.over = True
    thread.join()
    waits = [
        request.arrival - committed[request.event["data"]["order"]["id"]]
        for request in healthy.received
        if request.event["data"]["order"]["id"] in committed
    ]
    return statistics.quantiles(waits, n=100)[98] * 1000


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--events", type=int, default=1_000)
    args = parser.parse_args()
    setup("error", "console", Masker([]))
    with TemporaryDirectory() as folder:
        with Receiver() as alone:
            (Path(folder) / "alone").mkdir()
            alone_ms = p99_ms(Path(folder) / "alone", {"ops": alone.url}, alone, args.events)
        with Receiver() as healthy, Receiver(max_hang_s=20) as hanging:
            hanging.always("hang")
            (Path(folder) / "among").mkdir()
            hooks = {"ops": healthy.url, "hanging": hanging.url, "down": NOWHERE}
            among_ms = p99_ms(Path(folder) / "among", hooks, healthy, args.events)
    ours, beside = {"wall_ms": round(among_ms, 2)}, {"wall_ms": round(alone_ms, 2)}
    finding = Finding("neighbours, p99", ours, beside, among_ms / alone_ms, 1.5)
    print_findings([finding], as_json=args.json)


if __name__ == "__main__":
    main()
