"""intake: how much due polls are delayed by an import of 100,000 ids into a running tracker.

    python -m bench.intake [--ids N] [--orders N] [--rounds N] [--budget N] [--latency 200ms] [--open] [--json]

The delay is the time from the moment at which an open order was due until it was answered, as the database has them.
The mean over all orders during an import of 100,000 ids, beside the mean before and after it. "During" is from the
start of the import until the last of its ids was polled for the first time (with --open for a minute more). Wall time,
one run of one daemon. The panel is another process and far from busy: it could answer 110 calls of a hundred orders a
second, and gets 13.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from peewee import sqlite3  # type: ignore[attr-defined]  # the driver that peewee chose

from bench.panel import BenchPanel
from bench.report import Finding, options, print_findings
from bench.site import BenchSite

EVERY_S = 20.0  # less than the lease of a claim (60 s), so that a row that is being polled can be recognised
QUIET_S = 40.0  # measured before an import, and after it
LOOK_S = 1.0
REACH = 1.2


class Watcher:
    """Reads once a second when each open order is due and when it was answered, so that it sees every poll."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        self._due: dict[str, float] = {}

    def late_s(self, until: Callable[[float], bool]) -> list[float]:
        """The delays of the orders that became due from now on. until: gets the seconds gone by, ends the watch."""
        found, begun = [], time.time()
        self._look(begun)
        while not until(time.time() - begun):
            time.sleep(LOOK_S)
            found += self._look(begun)
        return found

    def _look(self, begun: float) -> list[float]:
        found = []
        for remote_id, due, polled in self._database.execute(
            "SELECT remote_id, next_poll_at, last_polled_at FROM orders WHERE CAST(remote_id AS INTEGER) < 5000000"
        ):
            before = self._due.get(remote_id)
            if polled is None or due > polled + EVERY_S:
                continue  # claimed, and not answered yet
            if before is not None and before != due and before > begun:
                found.append(max(polled - before, 0.0))
            self._due[remote_id] = due
        return found

    def waiting(self) -> int:
        """How many imported orders have not been polled yet."""
        row = self._database.execute("SELECT count(*) FROM orders WHERE tracking = 'active' AND last_polled_at IS NULL")
        return int(row.fetchone()[0])

    def events(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM events").fetchone()[0])


def imported(site: BenchSite, watcher: Watcher, file: Path, after_s: float) -> tuple[list[float], float, float]:
    """Imports the file. Returns the delays, the seconds of the import, and those until all ids were polled once.

    after_s: for how long to watch after that.
    """
    started = time.monotonic()
    took: list[float] = []
    seen: list[float] = []
    with subprocess.Popen(
        site.command("orders", "import", "--panel", "main", str(file)), stdout=subprocess.DEVNULL
    ) as child:

        def over(_gone_s: float) -> bool:
            if not took and child.poll() is not None:
                took.append(time.monotonic() - started)
            if took and not seen and watcher.waiting() == 0:
                seen.append(time.monotonic() - started)
            return bool(seen) and time.monotonic() - started > seen[0] + after_s

        late = watcher.late_s(over)
        assert child.wait() == 0
    return late, took[0], seen[0]


def measure(args: argparse.Namespace, folder: Path) -> tuple[Finding, int]:
    """Runs a daemon and imports into it. Returns what was found, and how many events the daemon fired."""
    without: list[float] = []
    during: list[float] = []
    latency_s = float(args.latency.removesuffix("ms")) / 1000
    word = "In progress" if args.open else "Completed"
    with (
        BenchPanel(args.orders, latency_s, args.ids * args.rounds, word) as panel,
        BenchSite(
            folder / "site",
            panel.url,
            args.orders,
            f"{EVERY_S:.0f}s",
            apart_s=EVERY_S / args.orders,
            budget=args.budget,
        ) as site,
    ):
        site.start()
        watcher = Watcher(site.file)
        watcher.late_s(lambda gone_s: gone_s > 1.5 * EVERY_S)  # until every order was polled
        before = watcher.events()
        for n in range(args.rounds):
            file = folder / f"{n}.txt"
            first = 5_000_001 + n * args.ids
            file.write_text("".join(f"{id_}\n" for id_ in range(first, first + args.ids)))
            without += watcher.late_s(lambda gone_s: gone_s > QUIET_S)
            late, import_s, all_s = imported(site, watcher, file, 3 * EVERY_S if args.open else 0.0)
            during += late
            without += watcher.late_s(lambda gone_s: gone_s > QUIET_S)
        fired = watcher.events() - before
    print(f"{len(without)} and {len(during)} delays measured", file=sys.stderr)
    ratio = statistics.mean(during) / statistics.mean(without)
    note = f"import {import_s:.1f} s, asked about within {all_s:.0f} s; events fired: {fired}"
    name = f"intake, delay beside {args.ids:,}"
    return Finding(name, _figures(during), _figures(without), ratio, REACH, note=note), fired


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--budget", type=int, default=1_800)
    parser.add_argument("--latency", default="0ms")
    parser.add_argument("--open", action="store_true", help="the imported orders are open, and are polled again")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        finding, fired = measure(args, Path(folder))
    print_findings([finding], as_json=args.json)
    assert fired == 0, "an import fires no events"


def _figures(late: list[float]) -> dict[str, float]:
    p90 = statistics.quantiles(late, n=10)[8]
    return {"mean_s": round(statistics.mean(late), 3), "p90_s": round(p90, 3), "max_s": round(max(late), 3)}


if __name__ == "__main__":
    main()
