"""python -m bench: runs every bench in turn, each in a process of its own. Arguments are passed to all of them."""

import subprocess
import sys

BENCHES = (
    ("bench.sweep",),
    ("bench.sweep", "--peer"),
    ("bench.sweep", "--latency", "200ms", "--orders", "20000"),
    ("bench.memory",),
    ("bench.start",),
    ("bench.neighbours",),
    ("bench.gateway",),
    ("bench.intake",),
    ("bench.intake", "--open", "--ids", "20000", "--budget", "1200"),
)


def main() -> int:
    """Returns how many benches failed to run. A bench that misses its reach has not failed."""
    failed = 0
    for module, *args in BENCHES:
        failed += subprocess.run([sys.executable, "-m", module, *args, *sys.argv[1:]], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
