"""A tracker and a panel on one thread: the clock moves only when something sleeps, chance comes from one seed.

A failure replays exactly: the same seed and the same faults make the same calls at the same moments.
"""

import json
import math
import random
from collections import defaultdict
from contextlib import contextmanager
from itertools import pairwise
from urllib.parse import parse_qs

from tracker.clock import Clock
from tracker.config import load
from tracker.core.orders.new_orders import NewOrder
from tracker.daemon.build import build
from tracker.daemon.maintenance import Maintenance
from tracker.daemon.signals import Signals
from tracker.daemon.world import World
from tracker.db import migrate
from tracker.delivery.channels import Result
from tracker.net.http import ExchangeError, Exchanger, Failure, HttpReply
from tracker.store import NewRefill

START = 4_102_444_800.0  # the year 2100: a moment of today's clock would stand out
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
STEP_S, TICK_S = 5.0, 1.0
MAINTENANCE_S = 30.0  # sums that are folded more often would take most of the time

CONFIG = """
[daemon]
data_dir = "data"
[panels.main]
url = "http://127.0.0.1:9/main"
key = "key-of-main-0123"
{panel}
[hooks.ops]
url = "http://127.0.0.1:9/hook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
events = {events}
max_per_minute = 60000
"""

TROUBLE = '["panel.*", "balance.*", "order.unanswered", "orders.*"]'  # all others would take most of the time

# What a panel can answer instead of an answer: HTTP status and body, or how the exchange fails.
WAYS = {
    "500": (500, b"<html>Internal Server Error</html>"),
    "502 in another language": (502, b'{"error": "Sunucu hatasi"}'),
    "404 without error": (404, b"Not Found"),
    "page": (200, b"<!DOCTYPE html><html><body>Whoops</body></html>"),
    "warning before the JSON": (200, b'<br />\n<b>Warning</b>: foreach() in api.php on line 3<br />{"1": {}}'),
    "empty": (200, b""),
    "null": (200, b"null"),
    "cut": (200, b'{"1": {"status": "Pend'),
    "list of nothing known": (200, b"[[[]]]"),
    "silence": Failure.DEADLINE,
    "reset": Failure.RESET,
    "not HTTP": Failure.GARBAGE,
    "too big": Failure.TOO_BIG,
}


# When the next thing comes due, and how many parts of halvings are due and wait for their share of the budget.
NEXT = """
SELECT min(at), (SELECT count(*) FROM set_aside WHERE wait_until <= ? AND part IS NOT NULL) FROM (
  SELECT next_poll_at AS at FROM orders UNION ALL SELECT next_poll_at FROM refills
  UNION ALL SELECT wait_until FROM set_aside UNION ALL SELECT wait_until FROM panels
  UNION ALL SELECT next_balance_at FROM panels UNION ALL SELECT next_services_at FROM panels
  UNION ALL SELECT next_attempt_at FROM deliveries WHERE state = 'waiting' UNION ALL SELECT wait_until FROM hooks
) WHERE at > ?
"""


class SteppedClock(Clock):
    """A clock that moves only when something sleeps."""

    def __init__(self):
        self.at = START

    def now(self):
        return self.at

    def monotonic(self):
        return self.at - START

    def sleep(self, seconds):
        self.at += seconds


class Call:
    """One call that the panel saw. got_through: it was answered as it should be."""

    def __init__(self, at, action, ids):
        self.at, self.action, self.ids, self.got_through = at, action, ids, False


class Heard(Exchanger):
    """Carries calls and keeps each of them in `calls`."""

    def heard(self, at, data):
        """Returns the call and its fields."""
        fields = {name: values[0] for name, values in parse_qs(data.decode()).items()}
        names = ("order", "orders", "refill", "refills")
        ids = [one for name in names for one in fields.get(name, "").split(",") if one]
        self.calls.append(Call(at, fields["action"], ids))
        return self.calls[-1], fields

    def asked(self, remote_id, since=START):
        """Returns when calls that named this id got through."""
        return [call.at for call in self.calls if remote_id in call.ids and call.got_through and call.at >= since]

    def calls_between(self, start, end):
        return [call for call in self.calls if start <= call.at < end]


class Panel(Heard):
    """A panel in memory whose faults are attributes, so that a test breaks and mends it as time goes by.

    poison: id -> a key of WAYS; every call that names it fails in this way. kinds: action -> a key of WAYS.
    down: a key of WAYS for every call; None: it is up. limited: it says 429.
    words: id -> the words that refuse it; "*" stands for everything, the balance included.
    no_lists: the words in which it refuses lists. absent: ids that are left out of every answer.
    """

    def __init__(self, clock, rng):
        super().__init__("test")
        self._clock, self._rng = clock, rng
        self.calls = []
        self.poison, self.kinds, self.words = {}, {}, {}
        self.down = self.limited = self.no_lists = self.retry_after = None
        self.absent = set()
        self.status = defaultdict(lambda: "In progress")
        self.balance = {"balance": "100.00", "currency": "USD"}
        self.latency_s = 0.2

    def exchange(self, method, url, *, data, timeout_s, **_):
        call, fields = self.heard(self._clock.at, data)
        action, ids = call.action, call.ids
        way = self.down or self.kinds.get(action) or next((self.poison[one] for one in ids if one in self.poison), None)
        self._clock.sleep(timeout_s if way == "silence" else self.latency_s)
        if way is not None:
            return self._broken(WAYS[way])
        if self.limited:
            return self._reply(429, b'{"error": "Too many requests"}')
        if self.retry_after:
            return self._reply(503, b"maintenance", {"Retry-After": str(self.retry_after)})
        if "*" in self.words:
            return self._said({"error": self.words["*"]})
        if self.no_lists and len(ids) > 1:
            return self._said({"error": self.no_lists})
        call.got_through = True
        return self._said(self._answer(action, fields, ids))

    def _broken(self, way):
        if isinstance(way, Failure):
            raise ExchangeError(way, "it failed", sent=True, address="127.0.0.1:9")
        return self._reply(*way)

    def _reply(self, code, body, headers=None):
        return HttpReply(code, headers or {}, body, None, self.latency_s, "127.0.0.1:9")

    def _said(self, value):
        return self._reply(200, json.dumps(value).encode())

    def _answer(self, action, fields, ids):
        if action == "balance":
            return self.balance
        if action == "services":
            return []
        if action == "refill_status":
            rows = [{"refill": one, "status": self._refill(one)} for one in ids if one not in self.absent]
            return rows if "refills" in fields else {"status": self._refill(ids[0])}
        said = {one: self._order(one) for one in ids if one not in self.absent}
        return said if "orders" in fields else said.get(ids[0], {})

    def _refill(self, remote_id):
        return {"error": self.words[remote_id]} if remote_id in self.words else "In progress"

    def _order(self, remote_id):
        if remote_id in self.words:
            return {"error": self.words[remote_id]}
        return {
            "charge": "0.5", "start_count": "1", "status": self.status[remote_id], "remains": "3", "currency": "USD",
        }  # fmt: skip


class Receiver:
    """A receiver that takes everything at once."""

    def __init__(self):
        self.heard = []

    def send(self, delivery, now):
        self.heard.append((now, delivery.event_type, json.loads(delivery.body)))
        return Result(200, 0.01, "ok", "127.0.0.1:9")

    def close(self):
        pass


class Life:
    """A tracker beside its panel. Its time passes in `run`."""

    def __init__(self, parts, clock, panel, receiver):
        self.parts, self.clock, self.panel, self.receiver = parts, clock, panel, receiver
        self._jobs = dict.fromkeys(Maintenance(parts, Signals()).jobs(), clock.at)
        parts.database.handle.execute_sql("PRAGMA synchronous = OFF")  # no crash is tried here

    @property
    def now(self):
        return self.clock.at

    def add(self, orders=(), refills=()):
        added = [NewOrder("main", str(one), False, True) for one in orders]
        self.parts.store.new_orders.add(added, self.now)
        if refills:
            found = [NewRefill("main", str(one), False) for one in refills]
            self.parts.store.new_orders.add_refills(found, self.now)

    def run(self, seconds, each=lambda: None):
        """Lets time pass, in which the tracker polls, delivers and does its maintenance."""
        poller, dispatcher = self.parts.panels["main"].poller, self.parts.hooks["ops"].dispatcher
        until = self.now + seconds
        while self.now < until:
            each()
            while self.now < until and poller.poll_once():
                pass
            while dispatcher.deliver_once():
                pass
            for job, due_at in self._jobs.items():
                if due_at <= self.now:
                    job.work()
                    self._jobs[job] = self.now + max(job.every_s, MAINTENANCE_S)
            self.clock.sleep(self._idle_s())

    def _idle_s(self):
        """Returns how long nothing comes due; little, while what is due waits for the budget."""
        ((later, waits),) = self.rows(NEXT, self.now, self.now)
        return STEP_S if waits else max(TICK_S, min(later or math.inf, *self._jobs.values()) - self.now)

    def rows(self, sql, *values):
        with self.parts.database.reading() as cur:
            return cur.run(sql, values).rows()

    def longest_gap(self, ids, since):
        """Returns the longest time that any of these ids went without an answer."""
        gaps = [0.0]
        for one in ids:
            moments = [since, *self.panel.asked(str(one), since), self.now]
            gaps += [later - earlier for earlier, later in pairwise(moments)]
        return max(gaps)

    def heard(self, event_type):
        """Returns (when, body) of each event of this type that the receiver got."""
        return [(at, body) for at, name, body in self.receiver.heard if name == event_type]


@contextmanager
def life(folder, seed=1, panel="poll_every = '5m'"):
    """Begins a tracker with one panel and one hook that hears of trouble."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.toml"
    file.write_text(CONFIG.format(panel=panel, events=TROUBLE))
    file.chmod(0o600)
    clock, rng = SteppedClock(), random.Random(seed)
    site, receiver = Panel(clock, rng), Receiver()
    world = World(clock, rng.random, lambda _: site, lambda _: receiver)
    parts = build(load(file, {}, cwd=folder), world=world)
    try:
        with parts.database.lasting():
            migrate.migrate(parts.database)
            parts.prepare()
            yield Life(parts, clock, site, receiver)
    finally:
        parts.close()
