"""memory: what the daemon uses with 10,000 and with 1,000,000 open orders, beside its bare imports.

    python -m bench.memory [--orders N] [--json]

Resident MiB, the most while it makes 300 polls. The orders stay in the database, so the two figures should be equal.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.panel import BenchPanel
from bench.report import Finding, options, print_findings
from bench.site import BenchSite, rss_mib

POLLS = 300
REACH_MIB = 25.0
IMPORTS = """
import sys
from tracker.cli import main, run
from tracker import daemon
print("ready", flush=True)
sys.stdin.read()
"""


def bare_mib() -> float:
    """MiB of a process that has imported everything that the daemon imports, and does nothing."""
    with subprocess.Popen([sys.executable, "-c", IMPORTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        return rss_mib(child.pid)


def daemon_mib(folder: Path, orders: int) -> float:
    """The most MiB that the daemon used, measured every quarter second while it made POLLS polls."""
    with BenchPanel(orders) as panel, BenchSite(folder, panel.url, orders) as site:
        site.start()
        most = 0.0
        deadline = time.monotonic() + 120
        while panel.calls() < POLLS and time.monotonic() < deadline:
            most = max(most, site.rss_mib())
            time.sleep(0.25)
        return max(most, site.rss_mib())


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    args = parser.parse_args()
    bare = bare_mib()
    found = []
    with TemporaryDirectory() as folder:
        for orders in (10_000, args.orders):
            held = daemon_mib(Path(folder) / str(orders), orders)
            found.append(
                Finding(
                    f"memory, {orders:,} orders",
                    {"rss_mib": round(held, 1)},
                    {"rss_mib": round(bare, 1)},
                    held / bare,
                    (bare + REACH_MIB) / bare,
                    note=f"{held - bare:+.1f} MiB; the reach is +{REACH_MIB:g} MiB",
                )
            )
    print_findings(found, as_json=args.json)


if __name__ == "__main__":
    main()
