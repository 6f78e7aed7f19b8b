"""start: how long the program takes to start. Wall time, the median of several runs.

    python -m bench.start [--orders N] [--runs N] [--json]

`tracker --version` beside `python -c "import click"`; the start of a daemon with 1,000,000 orders beside one with none.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import Finding, median, options, print_findings
from bench.site import NOWHERE, BenchSite


def version(runs: int) -> Finding:
    ours, beside = [], []
    for _ in range(runs):
        ours.append(_wall_s([sys.executable, "-m", "tracker", "--version"]))
        beside.append(_wall_s([sys.executable, "-c", "import click"]))
    return _finding("start, tracker --version", median(ours), median(beside), 3.0)


def ready(folder: Path, orders: int, runs: int) -> Finding:
    none = BenchSite(folder / "none", NOWHERE, 0)
    many = BenchSite(folder / "many", NOWHERE, orders)
    ours: list[float] = []
    beside: list[float] = []
    for _ in range(runs):
        for site, took in ((many, ours), (none, beside)):
            with site:
                took.append(site.start())
    return _finding(f"start, ready with {orders:,}", median(ours), median(beside), 1.5)


def _finding(name: str, ours: float, beside: float, reach: float) -> Finding:
    return Finding(name, {"wall_s": round(ours, 3)}, {"wall_s": round(beside, 3)}, ours / beside, reach)


def _wall_s(argv: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = [version(args.runs), ready(Path(folder), args.orders, args.runs)]
    print_findings(found, as_json=args.json)


if __name__ == "__main__":
    main()
