"""One seed drives the whole tracker: nothing that polls, records or delivers reads another clock, or another chance."""

import json
import random
from contextlib import closing
from urllib.parse import parse_qs

import pytest

from tests.simulation.life import START, SteppedClock
from tracker.config import load
from tracker.core.orders.new_orders import NewOrder
from tracker.daemon.build import build
from tracker.daemon.maintenance import Maintenance
from tracker.daemon.signals import Signals
from tracker.daemon.world import World
from tracker.db import migrate
from tracker.delivery.channels import Result
from tracker.errors import ChannelError
from tracker.net.http import ExchangeError, Exchanger, Failure, HttpReply

HOURS = 3
ORDERS = 150  # two batches, and a rest

CONFIG = """
[daemon]
data_dir = "data"
[panels.main]
url = "http://127.0.0.1:9/main"
key = "key-of-main-0123"
poll_every = "5m"
balance_every = "10m"
balance_alert = { below = "5" }
[hooks.ops]
url = "http://127.0.0.1:9/hook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
events = ["*"]
[gateway.clients.shop]
key = "key-of-the-shop-0123"
panels = ["main"]
actions = ["status"]
"""


class Panel(Exchanger):
    """A panel in memory: orders move by chance, some calls fail, every call takes a moment."""

    def __init__(self, clock, rng):
        super().__init__("test")
        self._clock, self._rng = clock, rng
        self._orders = {}

    def exchange(self, method, url, *, data, timeout_s, **_):
        fields = {name: values[0] for name, values in parse_qs(data.decode()).items()}
        self._clock.sleep(self._rng.random() * 3)
        if self._rng.random() < 0.1:
            raise ExchangeError(Failure.RESET, "the connection broke", sent=True, address="127.0.0.1:9")
        if self._rng.random() < 0.05:
            return HttpReply(503, {"Retry-After": "40"}, b"<html>", False, 0.0, "127.0.0.1:9")
        return HttpReply(200, {}, json.dumps(self._said(fields)).encode(), False, 0.0, "127.0.0.1:9")

    def _said(self, fields):
        if fields["action"] == "balance":
            return {"balance": f"{self._rng.uniform(0, 20):.2f}", "currency": "USD"}
        if fields["action"] == "services":
            return []
        ids = fields["orders"].split(",") if "orders" in fields else [fields["order"]]
        said = {remote_id: self._order(remote_id) for remote_id in ids}
        return said if "orders" in fields else said[ids[0]]

    def _order(self, remote_id):
        status = self._orders.get(remote_id, "Pending")
        if self._rng.random() < 0.1:
            status = self._orders[remote_id] = self._rng.choice(["In progress", "Completed", "Partial", "odd word"])
        return {"charge": "0.5", "start_count": "1", "status": status, "remains": "3", "currency": "USD"}


class Receiver:
    """A channel in memory that fails at times."""

    def __init__(self, clock, rng):
        self._clock, self._rng = clock, rng

    def send(self, delivery, now):
        assert now == self._clock.at
        self._clock.sleep(self._rng.random())
        if self._rng.random() < 0.2:
            raise ChannelError("answers 500", code=500)
        return Result(200, 0.1, "ok", "127.0.0.1:9")

    def close(self):
        pass


def lived(folder, seed):
    """Three hours of a tracker on one thread; returns every row of its database, and when they ended."""
    folder.mkdir()
    file = folder / "config.toml"
    file.write_text(CONFIG)
    file.chmod(0o600)
    clock, rng = SteppedClock(), random.Random(seed)
    panel, receiver = Panel(clock, rng), Receiver(clock, rng)
    world = World(clock, rng.random, lambda _: panel, lambda _: receiver)
    parts = build(load(file, {}, cwd=folder), world=world)
    with closing(parts), parts.database.lasting():
        migrate.migrate(parts.database)
        parts.prepare()
        parts.store.new_orders.add([NewOrder("main", f"{n}", False, True) for n in range(ORDERS)], clock.now())
        jobs = {job: clock.now() for job in Maintenance(parts, Signals()).jobs()}
        poller, dispatcher = parts.panels["main"].poller, parts.hooks["ops"].dispatcher
        while clock.at < START + HOURS * 3600:
            while poller.poll_once():
                pass
            while dispatcher.deliver_once():
                pass
            for job, due_at in jobs.items():
                if due_at <= clock.at:
                    job.work()
                    jobs[job] = clock.at + job.every_s
            clock.sleep(10)
        return dumped(parts.database), clock.at


def dumped(database):
    """Every row, but for those of the migration library, which notes the moment of migrating by the system's clock."""
    with database.session():
        cursor = database.handle.cursor()
        kept = "type = 'table' AND name != 'schema_migration'"
        tables = cursor.execute(f"SELECT name FROM sqlite_master WHERE {kept} ORDER BY name").fetchall()
        rows = {}
        for (name,) in tables:
            cursor.execute(f"SELECT * FROM {name}")
            columns = [column[0] for column in cursor.description]
            rows[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        return rows


@pytest.fixture(scope="module")
def lives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lives")
    return [lived(folder / name, seed) for name, seed in (("first", 7), ("again", 7), ("other", 8))]


def test_the_same_seed_leaves_the_same_rows(lives):
    (first, _), (again, _), (other, _) = lives
    different = {name for name in first if first[name] != again[name]}

    assert different == set()
    assert first["transitions"] != other["transitions"]


def test_such_a_life_has_moves_failures_and_deliveries(lives):
    rows, _ = lives[0]

    assert len(rows["transitions"]) > ORDERS
    assert {run["outcome"] for run in rows["poll_runs"]} >= {"ok", "unavailable"}
    assert {attempt["outcome"] for attempt in rows["attempts"]} == {"delivered", "failed"}
    assert any(alert["name"] == "balance.low" for alert in rows["alerts"])


def test_every_time_in_the_rows_is_of_that_clock(lives):
    rows, end = lives[0]
    times = [
        (name, column, value)
        for name, table in rows.items()
        for row in table
        for column, value in row.items()
        if column.endswith("_at") and column != "progress_at" and value  # that one is a count
    ]

    assert len(times) > 1_000
    month = 31 * 86_400
    assert [odd for odd in times if not START <= odd[2] <= end + month] == []
