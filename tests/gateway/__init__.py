"""A gateway as clients find it: the real parts over a real database, a simulated panel behind, real HTTP in front."""

import json
import time
from pathlib import Path

import requests

from tests.web import free_port
from tracker import clock
from tracker.config import load
from tracker.daemon.build import build, dashboard
from tracker.db import migrate

PANEL_KEY = "panel-key-7f3a91c2d5e8"
SHOP_KEY = "shop-key-0123456789abcdef"
BOT_KEY = "bot-key-0123456789abcdef"  # may only look
LIMIT = "50.00"

CLIENTS = f"""
[gateway.clients.shop]
key = "{SHOP_KEY}"
panels = ["main"]
actions = ["status", "refill_status", "balance", "services", "add", "refill", "cancel"]
max_spend_per_day = "{LIMIT}"
max_adds_per_minute = 1000

[gateway.clients.bot]
key = "{BOT_KEY}"
panels = ["main"]
"""


def config(url, database, port, *, panel="", budget=6000, gateway="", clients=CLIENTS, more=""):
    return f"""
[daemon]
data_dir = "data"
[log]
level = "debug"
[database]
url = "{database or "sqlite:///tracker.db"}"
[web]
listen = "127.0.0.1:{port}"
[panels.main]
url = "{url}"
key = "{PANEL_KEY}"
max_requests_per_minute = {budget}
timeout = "5s"
{panel}
[panels.spare]
url = "{url}"
key = "{PANEL_KEY}"
[gateway]
{gateway}
{clients}
{more}
"""


class Desk:
    """Parts without a daemon: nothing is polled unless a test does it."""

    def __init__(self, folder: Path, url: str, database: str | None = None, **keys: object) -> None:
        self.port = free_port()
        file = folder / "config.toml"
        file.write_text(config(url, database, self.port, **keys))
        file.chmod(0o600)
        self.folder = folder
        self.parts = build(load(file, {}, cwd=folder))
        migrate.migrate(self.parts.database)
        self.parts.prepare()
        self.gateway = self.parts.gateway.service
        self.server = dashboard(self.parts, lambda: "")
        self.server.start()
        _until_served(self.port)

    def catalogue(self) -> None:
        """Fetch it, as the first poll of a daemon does: without it nothing has a price."""
        assert self.parts.panels["main"].poller.poll_once()
        while self.rows("SELECT count(*) FROM services") == [(0,)]:
            assert self.parts.panels["main"].poller.poll_once()

    def ask(self, key: str = SHOP_KEY, panel: str = "main", style: str = "form", path: str = "", **fields: object):
        """(HTTP status, document) of one request."""
        answer = self.send(key, panel, style, path, **fields)
        return answer.status_code, answer.json()

    def send(self, key: str = SHOP_KEY, panel: str = "main", style: str = "form", path: str = "", **fields: object):
        url = f"http://127.0.0.1:{self.port}/gateway/{panel}{path}"
        given = {"key": key, **fields}
        match style:
            case "form":
                return requests.post(url, data=given, timeout=30)
            case "json":
                return requests.post(url, json=given, timeout=30)
            case "multipart":  # curl's, where a program hands it a list
                return requests.post(url, files={name: (None, str(value)) for name, value in given.items()}, timeout=30)
            case "get":
                return requests.get(url, params=given, timeout=30)
            case _:  # key and action in the address, the rest in a form: some do
                head = {name: given.pop(name) for name in ("key", "action")}
                return requests.post(url, params=head, data=given, timeout=30)

    def said(self, **fields: object):
        """The document of a request by the shop."""
        return self.ask(**fields)[1]

    def rows(self, sql: str, *params: object) -> list[tuple]:
        with self.parts.database.reading() as cur:
            return cur.run(sql, params).rows()

    def age(self, seconds: float) -> None:
        """As if everything had been asked so much longer ago."""
        with self.parts.database.transaction() as cur:
            for table in ("orders", "refills"):
                cur.run(f"UPDATE {table} SET last_polled_at = last_polled_at - ?", (seconds,))

    def events(self, *types: str) -> list[dict]:
        bodies = self.rows("SELECT body FROM events ORDER BY id")
        return [event for (body,) in bodies if (event := json.loads(body))["type"] in types or not types]

    def close(self) -> None:
        self.server.stop()
        self.parts.close()


def _until_served(port: int, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5)
            return
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def order(desk: Desk, remote_id: str) -> dict:
    columns = "tracking, status, service, quantity, link, baseline, entry, parent, next_poll_at"
    ((*values,),) = desk.rows(f"SELECT {columns} FROM orders WHERE remote_id = ?", remote_id)
    return dict(zip(columns.split(", "), values, strict=True))


def track(desk: Desk, *ids: str) -> None:
    rows = [(n, {"panel": "main", "id": id_}) for n, id_ in enumerate(ids)]
    for taken in desk.parts.intake.take(rows, clock.now(), baseline=True):
        assert not taken.bad
