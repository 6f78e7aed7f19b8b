"""memory: what the daemon holds with 10,000 and with 1,000,000 open orders, beside its bare imports.

    python -m bench.memory [--orders N] [--json]

Resident MiB after some hundred polls. The database is a file, the orders are in it, and that is where
they stay: the figure is to be the same for both.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.panel import BenchPanel
from bench.report import Finding, print_findings
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
    """A process that has imported all that the daemon imports, and does nothing."""
    with subprocess.Popen([sys.executable, "-c", IMPORTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        return rss_mib(child.pid)


def daemon_mib(folder: Path, orders: int) -> float:
    """The most it held, looked at every quarter second while it made POLLS polls."""
    with BenchPanel(orders) as panel, BenchSite(folder, panel.url, orders) as site:
        site.start()
        most = 0.0
        deadline = time.monotonic() + 120
        while panel.calls() < POLLS and time.monotonic() < deadline:
            most = max(most, site.rss_mib())
            time.sleep(0.25)
        return max(most, site.rss_mib())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
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
