"""A dashboard for tests: a tracker's database with a history, the real application on real sockets."""

import socket
import threading
from decimal import Decimal
from pathlib import Path

from tests.core.beliefs import DAY
from tests.defaults import poll_rules
from tests.store import OPS, deliver, fail
from tests.store.lives import ask, lives
from tracker import clock
from tracker.config.listening import Listen
from tracker.core.model import Service
from tracker.db import migrate
from tracker.db.database import connect
from tracker.store import NewOrder, Store
from tracker.web import app
from tracker.web.context import WebContext
from tracker.web.server import WebServer

HOSTILE = "=1+1<script>alert(1)</script>\u202egnp.\x1b[31m<img src=x onerror=alert(2)>"
TOKEN = "read-token-0123456789abcdef"


def made(folder: Path, database=None):
    """Returns a database with a long history, hostile input included."""
    database = database or connect(f"sqlite:///{folder}/tracker.db")
    migrate.migrate(database)
    lived(database)
    return database


def lived(database):
    start = clock.now() - 3 * DAY
    with database.session():
        store = Store(database, [OPS])
        store.hooks.sync(["ops"])
        store.panels.sync({"main": "", "spare": ""}, start + 365 * DAY)
        lives(store, orders=70, steps=8, start=start)
        facts = {"service": HOSTILE, "ref": HOSTILE, "link": "javascript:alert(3)", "tags": (HOSTILE,)}
        store.new_orders.add([NewOrder("main", "bad-1", False, True, **facts)], start)
        link = "https://pages.example/p/%22%3E?x=<b>"
        store.new_orders.add([NewOrder("main", "good-1", False, True, link=link, ref="client-A-118")], start)
        ask(store, "main", {"bad-1": HOSTILE, "good-1": "In progress"}, start + 2.6 * DAY)
        _beside(store, start)
        while store.daily_stats.fold("UTC"):
            pass


def _beside(store, start):
    with store.database.transaction() as cur:
        for n in range(12):
            cur.run(
                "INSERT INTO balances (panel, at, amount, currency) VALUES ('main', ?, ?, 'USD')",
                (start + n * DAY / 4, store.database.money(Decimal(100) - Decimal(n) * Decimal("1.3"))),
            )
        cur.run(
            "INSERT INTO alerts (panel, name, state, since, reminders, reason, seq) VALUES ('main', 'balance.low',"
            " 'raised', ?, 0, ?, 1)",
            (start, HOSTILE),
        )
        for n, name in enumerate(("Newsletter inserts", "Flyer rounds", HOSTILE)):
            service = Service(str(12 + n), name, "Default", "Print", Decimal("0.90"), 10, 5000, True, False)
            cur.run(
                "INSERT INTO services (panel, service, name, type, category, rate, min, max, refill, cancel,"
                " first_seen_at, changed_at) VALUES ('main', ?, ?, ?, ?, '0.90', 10, 5000, 1, 0, ?, ?)",
                (service.service, service.name, service.type, service.category, start, start),
            )
    now = clock.now()
    for n in range(20):
        taken = store.outbox.claim(OPS, now)
        if taken is None:
            break
        if n % 4 == 0:
            fail(store, taken, now, permanent=True)
        else:
            fail(store, taken, now)
        deliver(store, now)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Rules(dict):
    """The rules of the panels, which notice that the front page asks for them."""

    def __init__(self, *args):
        super().__init__(*args)
        self.times, self.asked = 0, threading.Event()

    def items(self):
        self.times += 1
        self.asked.set()
        return super().items()


def served_rules(**more):
    return Rules({"main": poll_rules(**more), "spare": poll_rules(**more)})


def site_of(database, rules=None, **more):
    rules = rules or served_rules()
    hooks = [{"hook": "ops", "type": "webhook", "target": "https://ops.example", "events": "*"}]
    facts = {"ready": lambda: ""} | more
    return WebContext(database, "UTC", rules, hooks, lambda text: text.replace("no such secret", "***"), **facts)


class Served:
    """A dashboard that is served; use it as a context manager."""

    def __init__(self, database, *, token=None, hosts=(), listen=None, api=None, warm_after_s=60.0, **more):
        self.database = database
        self.listen = listen or Listen("127.0.0.1", free_port())
        self.url = f"http://{self.listen}"
        made = app.create(site_of(database, **more), self.listen, hosts, token, api)
        self.server = WebServer(made, self.listen, warm=made.warm, warm_after_s=warm_after_s)

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop()
