"""An HTTP API for tests: the real application on real sockets, a real database behind it."""

import json
from pathlib import Path

import requests

from tests.defaults import poll_rules
from tests.store import OPS
from tests.web import TOKEN, free_port, site_of
from tests.web.conftest import until
from tracker import clock
from tracker.actions.context import ActionContext
from tracker.actions.orders import OrderActions
from tracker.client import Client
from tracker.config.listening import Listen
from tracker.db.database import connect
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.store import NewOrder, Store
from tracker.web import app
from tracker.web.api import Api
from tracker.web.api.event_wait import EventWait
from tracker.web.server import WebServer

WRITE = "write-token-fedcba9876543210"
__all__ = ["TOKEN", "WRITE", "ServedApi"]


class ServedApi:
    """Use it as a context manager. read, write: the tokens, None for none."""

    def __init__(self, database_url: str, folder: Path, *, read=None, write=WRITE, listen=None):
        self.database_url = database_url
        self.database = connect(database_url)
        self.journal = folder / "intake.ndjson"
        self.store = Store(self.database, [OPS])
        with self.database.session():
            self.store.hooks.sync(["ops"])
            self.store.panels.sync({"main": "", "spare": ""}, clock.now() + 1e6)
        rules, journal = {"main": poll_rules(), "spare": poll_rules()}, Journal(self.journal)
        orders = OrderActions(ActionContext(rules, self.store), Intake(self.store, journal, rules), journal)
        self.news = EventWait(self.database)
        self.listen = listen or Listen("127.0.0.1", free_port())
        self.url = f"http://{self.listen}"
        site = site_of(self.database)
        self.server = WebServer(
            app.create(site, self.listen, (), read, Api(orders, self.news, write)), self.listen, self.news.end
        )

    def __enter__(self):
        self.server.start()
        until(self.url)
        return self

    def __exit__(self, *_):
        self.server.stop()

    def client(self, token=WRITE):
        return Client(self.url, token, timeout_s=10)

    def get(self, path, token=None, **options):
        return self.ask("GET", path, token, **options)

    def post(self, what, token=WRITE, **options):
        """Sends orders, as text, bytes or JSON."""
        body = what if isinstance(what, str | bytes) else json.dumps(what)
        headers = {"Content-Type": "application/json"} | options.pop("headers", {})
        return self.ask("POST", "/orders", token, data=body, headers=headers, **options)

    def ask(self, method, path, token=None, headers=None, **options):
        """Sends a request to any address of the API; returns the answer."""
        headers = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        return requests.request(
            method, f"{self.url}/api/v1{path}", headers=headers, timeout=70, allow_redirects=False, **options
        )

    def track(self, *ids, panel="main", **facts):
        """Tracks orders as if added by hand; each of them causes one event."""
        with self.database.session():
            self.store.new_orders.add(
                [NewOrder(panel, id_, baseline=False, just_placed=True, **facts) for id_ in ids], clock.now()
            )

    def rows(self, sql, *params):
        with self.database.reading() as cur:
            return cur.run(sql, params).rows()


def problem(answer, code):
    """Returns the problem document of an answer; fails when it is not one."""
    assert answer.status_code == code, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert list(told) == ["type", "title", "status", "detail", "errors"]
    assert told["status"] == code
    assert told["type"].startswith("urn:tracker:problem:")
    assert "Traceback" not in answer.text
    return told
