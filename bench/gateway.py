"""gateway: what a fresh `status` of 100 ids costs, and how many calls 50 clients cause at the panel.

    python -m bench.gateway [--requests N] [--seconds S] [--json]

First: CPU seconds of a running tracker for N requests over one kept connection, beside a process with a bare Flask
view on waitress that returns the same bytes. Then: 50 clients ask for 100 of 5,000 random orders each, once a second
for S seconds; the calls at the panel, beside one call for each 100 orders and freshness period.
"""

import http.client
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from bench.report import Finding, options, print_findings
from bench.site import ready
from tracker.simulator import Scenario, SimulatedPanel

ORDERS, CLIENTS, BATCH = 5_000, 50, 100
KEY = "bench-client-key-0123456789"
CONFIG = """
[daemon]
data_dir = "data"
[web]
listen = "127.0.0.1:{port}"
[panels.main]
url = "{url}"
key = "bench-key"
max_requests_per_minute = 60000
poll_every = "12h"
balance_every = "12h"
[gateway]
fresh = "{fresh_s}s"
[gateway.clients.shop]
key = "{key}"
panels = ["main"]
"""
BARE = """
import sys
from flask import Flask, Response
from waitress import serve
body = open(sys.argv[1], "rb").read()
app = Flask("bare")
@app.post("/gateway/main")
def view():
    return Response(body, content_type="application/json")
serve(app, host="127.0.0.1", port=int(sys.argv[2]), threads=4)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def cpu_s(pid: int) -> float:
    """User and system time that a process has used so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask_status(connection: http.client.HTTPConnection, ids: list[str]) -> bytes:
    body = urlencode({"key": KEY, "action": "status", "orders": ",".join(ids)})
    connection.request("POST", "/gateway/main", body, {"Content-Type": "application/x-www-form-urlencoded"})
    return connection.getresponse().read()


def cost_s(pid: int, port: int, ids: list[str], requests: int) -> float:
    """CPU seconds that process `pid` uses for `requests` requests, after 50 that do not count."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(50):
        ask_status(connection, ids)
    before = cpu_s(pid)
    for _ in range(requests):
        ask_status(connection, ids)
    connection.close()
    return cpu_s(pid) - before


class Tracker:
    """A tracker with a gateway, in a process of its own; `fresh_s` is how long an answer counts as fresh."""

    def __init__(self, folder: Path, url: str, fresh_s: int) -> None:
        self.port = free_port()
        file = folder / "config.toml"
        file.write_text(CONFIG.format(port=self.port, url=url, fresh_s=fresh_s, key=KEY))
        file.chmod(0o600)
        self.child = ready([sys.executable, "-m", "tracker", "--config", str(file), "run"], folder)
        wait_for_port(self.port)

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *_: object) -> None:
        self.child.terminate()
        self.child.wait(60)


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def fresh_status(folder: Path, requests: int) -> Finding:
    with SimulatedPanel(Scenario.static(BATCH), key="bench-key", record_served=False) as panel:
        ids = list(panel.truths())
        with Tracker(folder, panel.url, 3_600) as tracker:
            connection = http.client.HTTPConnection("127.0.0.1", tracker.port, timeout=30)
            body = ask_status(connection, ids)
            calls = len(panel.audit.calls)
            ours = cost_s(tracker.child.pid, tracker.port, ids, requests)
            assert len(panel.audit.calls) <= calls + 3, "answered from the database"
    (folder / "body").write_bytes(body)
    port = free_port()
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(folder / "body"), str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        beside = cost_s(bare.pid, port, ids, requests)
    finally:
        bare.terminate()
        bare.wait(10)
    each = {"cpu_ms_each": round(ours / requests * 1000, 3)}
    floor = {"cpu_ms_each": round(beside / requests * 1000, 3)}
    return Finding("gateway, fresh status of 100", each, floor, ours / beside, 3.0)


def many_clients(folder: Path, seconds: float) -> Finding:
    fresh_s = 5
    with (
        SimulatedPanel(Scenario.static(ORDERS), key="bench-key", record_served=False) as panel,
        Tracker(folder, panel.url, fresh_s) as tracker,
    ):
        ids = list(panel.truths())
        over = threading.Event()
        answered = [0] * CLIENTS
        threads = [
            threading.Thread(target=_client, args=(tracker.port, ids, n, over, answered)) for n in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(2 * fresh_s)  # until every order has been asked for
        before, asked, started = len(panel.audit.calls), sum(answered), time.monotonic()
        time.sleep(seconds)
        calls, took_s, asked = len(panel.audit.calls) - before, time.monotonic() - started, sum(answered) - asked
        over.set()
        for thread in threads:
            thread.join()
    most = ORDERS / BATCH * took_s / fresh_s
    ours = {"requests": float(calls), "clients_asked": float(asked)}
    return Finding("gateway, 50 clients", ours, {"requests": round(most, 1)}, calls / most, 1.0)


def _client(port: int, ids: list[str], seed: int, over: threading.Event, answered: list[int]) -> None:
    chance = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not over.wait(chance.uniform(0.5, 1.5)):
        assert ask_status(connection, chance.sample(ids, BATCH)).startswith(b'{"')
        answered[seed] += 1
    connection.close()


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    with TemporaryDirectory() as name:
        for part in ("one", "many"):
            (Path(name) / part).mkdir()
        print_findings([fresh_status(Path(name) / "one", args.requests)], as_json=args.json)
        print_findings([many_clients(Path(name) / "many", args.seconds)], as_json=args.json)


if __name__ == "__main__":
    main()
