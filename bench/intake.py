"""intake: what due polls suffer from an import of 100,000 ids into a running tracker.

    python -m bench.intake [--ids N] [--orders N] [--rounds N] [--budget N] [--latency 200ms] [--open] [--json]

How late orders are asked about that are open and due, mean over all of them: before and after an import of 100,000 ids,
and during it, from its start until the last of them was asked about for the first time (with --open for a minute more).
Wall time, one run of one daemon. The delay is that of the database's own figures: when an order was due, when it was
answered. The panel is another process and far from busy: it answers 110 calls of a hundred orders a second, and is
asked 13.
"""

import argparse
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.panel import BenchPanel
from bench.report import Finding, print_findings
from bench.site import BenchSite

EVERY_S = 20.0  # below the time a claim is promised for (60 s), so that a row in flight can be told from one at rest
QUIET_S = 40.0  # before, and after
LOOK_S = 1.0
REACH = 1.2


class Watcher:
    """Reads once a second when each open order is due and when it was answered: every turn of every order is seen."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        self._due: dict[str, float] = {}

    def late_s(self, until: Callable[[float], bool]) -> list[float]:
        """How late each answer came, of those that fell due after the beginning; until: told the seconds gone by."""
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
                continue  # in flight
            if before is not None and before != due and before > begun:
                found.append(max(polled - before, 0.0))
            self._due[remote_id] = due
        return found

    def waiting(self) -> int:
        """Imported orders that nobody has asked about yet."""
        row = self._database.execute("SELECT count(*) FROM orders WHERE tracking = 'active' AND last_polled_at IS NULL")
        return int(row.fetchone()[0])

    def events(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM events").fetchone()[0])


def imported(site: BenchSite, watcher: Watcher, file: Path, after_s: float) -> tuple[list[float], float, float]:
    """The delays while this file is imported and looked at, and `after_s` more; how long the import took, and all."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--budget", type=int, default=1_800)
    parser.add_argument("--latency", default="0ms")
    parser.add_argument("--open", action="store_true", help="the imported orders are open, and asked about again")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    quiet: list[float] = []
    loud: list[float] = []
    latency_s = float(args.latency.removesuffix("ms")) / 1000
    with (
        TemporaryDirectory() as folder,
        BenchPanel(
            args.orders, latency_s, args.ids * args.rounds, "In progress" if args.open else "Completed"
        ) as panel,
    ):
        apart_s = EVERY_S / args.orders
        with BenchSite(
            Path(folder) / "site", panel.url, args.orders, f"{EVERY_S:.0f}s", apart_s=apart_s, budget=args.budget
        ) as site:
            site.start()
            watcher = Watcher(site.file)
            watcher.late_s(lambda gone_s: gone_s > 1.5 * EVERY_S)  # everybody had a turn
            before = watcher.events()
            for n in range(args.rounds):
                file = Path(folder) / f"{n}.txt"
                first = 5_000_001 + n * args.ids
                file.write_text("".join(f"{id_}\n" for id_ in range(first, first + args.ids)))
                quiet += watcher.late_s(lambda gone_s: gone_s > QUIET_S)
                late, import_s, all_s = imported(site, watcher, file, 3 * EVERY_S if args.open else 0.0)
                loud += late
                quiet += watcher.late_s(lambda gone_s: gone_s > QUIET_S)
            fired = watcher.events() - before
    print(f"{len(quiet)} and {len(loud)} turns", file=sys.stderr)
    note = f"import {import_s:.1f} s, asked about within {all_s:.0f} s; events fired: {fired}"
    print_findings(
        [
            Finding(
                f"intake, delay beside {args.ids:,}",
                _figures(loud),
                _figures(quiet),
                statistics.mean(loud) / statistics.mean(quiet),
                REACH,
                note=note,
            )
        ],
        as_json=args.json,
    )
    assert fired == 0, "an import fires nothing"


def _figures(late: list[float]) -> dict[str, float]:
    p90 = statistics.quantiles(late, n=10)[8]
    return {"mean_s": round(statistics.mean(late), 3), "p90_s": round(p90, 3), "max_s": round(max(late), 3)}


if __name__ == "__main__":
    main()
