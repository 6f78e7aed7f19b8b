"""`python -m tracker.simulator panel|receiver …`: the simulator in a process of its own.

Its first line on stdout is JSON: {"url": …, "pid": …}. SIGTERM and SIGINT shut it down cleanly.
"""

import argparse
import json
import os
import signal
from pathlib import Path
from typing import Any

from tracker.signal_flag import SignalFlag
from tracker.simulator import Receiver, SimulatedPanel, receive_forever, serve_forever


def main() -> None:
    options = vars(_parser().parse_args())
    kind = options.pop("kind")
    stop = SignalFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serve: Any = serve_forever if kind == "panel" else receive_forever
    serve(**options, say=_say, stop=stop)


def _say(server: SimulatedPanel | Receiver) -> None:
    print(json.dumps({"url": server.url, "pid": os.getpid()}), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tracker.simulator")
    kinds = parser.add_subparsers(dest="kind", required=True)
    panel = kinds.add_parser("panel", help="a simulated panel")
    panel.add_argument("--scenario", dest="scenario_path", type=Path)
    panel.add_argument("--port", type=int, default=0)
    panel.add_argument("--speed", type=float, default=1.0, help="simulated seconds per second")
    panel.add_argument("--seed", type=int, default=1)
    panel.add_argument("--orders", type=int, default=50)
    panel.add_argument("--fault-rate", type=float, default=0.0)
    panel.add_argument("--key", default="demo-key")
    panel.add_argument("--balance", default="100.00")
    panel.add_argument("--rate-limit", type=int, help="calls in any 60 seconds")
    receiver = kinds.add_parser("receiver", help="a webhook receiver")
    receiver.add_argument("--port", type=int, default=0)
    receiver.add_argument("--fail-rate", type=float, default=0.0)
    receiver.add_argument("--seed", type=int, default=1)
    receiver.add_argument("--secret", help="whsec_…")
    receiver.add_argument("--record", type=Path, help="NDJSON file that keeps every request")
    return parser


if __name__ == "__main__":
    main()
