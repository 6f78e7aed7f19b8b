"""A tracker in a process of its own, over a database made for the bench."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from peewee import sqlite3  # type: ignore[attr-defined]  # the driver that peewee chose

from tracker.db import migrate
from tracker.db.database import connect

NOWHERE = "http://127.0.0.1:9/"  # a port on which nothing listens

CONFIG = """
[daemon]
data_dir = "data"
[web]
listen = ""
[panels.main]
url = "{url}"
key = "bench-key"
max_requests_per_minute = {budget}
poll_every = "{every}"
[hooks.ops]
type = "command"
command = ["/bin/true"]
events = ["order.completed"]
"""
FILL = """
INSERT INTO orders (panel, remote_id, kind, tracking, tags, baseline, refund_told, seq, version, refusals, misses,
  progress_count, quantity, service, tracked_at, placed_at, next_poll_at)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
SELECT 'main', CAST(1000001 + i AS TEXT), 'default', 'active', '[]', 1, 0, 0, 0, 0, 0, 0, 1000, CAST(i % 200 AS TEXT),
  ?, ?, ? + i * ? FROM n
"""


class BenchSite:
    """A tracker with `orders` open orders at the panel behind `url`.

    every: how often an order is polled. apart_s: seconds between the moments at which two orders are first due.
    budget: requests a minute.
    """

    def __init__(
        self, folder: Path, url: str, orders: int, every: str = "1h", *, apart_s: float = 0.0001, budget: int = 6000
    ) -> None:
        folder.mkdir()
        self._folder = folder
        self._config = folder / "config.toml"
        self._config.write_text(CONFIG.format(url=url, every=every, budget=budget))
        self._config.chmod(0o600)
        self.file = file = folder / "data" / "tracker.db"
        migrate.migrate(connect(f"sqlite:///{file}"))
        now = time.time()
        with sqlite3.connect(file) as database:
            database.execute(FILL, (orders, now - 90_000, now - 90_000, now, apart_s))
        database.close()
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Starts the daemon and returns the seconds until it told systemd that it is ready."""
        started = time.monotonic()
        self._child = ready(self.command("run"), self._folder)
        return time.monotonic() - started

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "tracker", "--config", str(self._config), *args]

    def rss_mib(self) -> float:
        assert self._child is not None
        return rss_mib(self._child.pid)

    def stop(self) -> None:
        if self._child is not None:
            self._child.terminate()
            self._child.wait(30)
            self._child = None

    def __enter__(self) -> "BenchSite":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()


def ready(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Starts a process and returns it when it has told systemd that it is ready. folder: for the socket."""
    address = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(120)
        child = subprocess.Popen(command, env=os.environ | {"NOTIFY_SOCKET": address}, stderr=subprocess.DEVNULL)
        assert listener.recv(4096).startswith(b"READY=1")
    Path(address).unlink()
    return child


def rss_mib(pid: int) -> float:
    """The resident memory of a process now, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
