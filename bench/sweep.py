"""sweep: what it costs to poll 100,000 open orders once, beside the bare libraries.

    python -m bench.sweep [--orders N] [--runs N] [--json]
    python -m bench.sweep --peer             beside a script that asks for one order at a time
    python -m bench.sweep --latency 200ms    a slow panel, wall time

CPU seconds of this process unless the row says otherwise; the panel runs in another one.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from msgspec import structs

from bench.config import config
from bench.floor import Floor
from bench.panel import BenchPanel
from bench.report import Finding, median, options, print_findings
from bench.site import NOWHERE
from tracker.daemon.build import build
from tracker.daemon.workers import WorkerPool
from tracker.db import migrate
from tracker.log import Masker, setup
from tracker.store import NewOrder

MODES = (("none changed", 0.0), ("1 % changed", 0.01), ("all changed", 1.0))
# The status words that orders move to in turn. All are open, so that every sweep asks for every order; none of them
# is the word at the start.
WORDS = ("Processing", "Pending", "Paused")


def _keys(concurrency: int) -> str:
    """The keys of a sweep's configuration. Deliveries are queued and never sent."""
    return f"""
max_concurrency = {concurrency}
balance_every = "10000d"
[hooks.ops]
url = "{NOWHERE}"
events = ["order.*"]
where = {{ service = ["0"] }}
"""


class Ours:
    """The tracker's components on one panel, without the daemon that runs them."""

    def __init__(self, folder: Path, url: str, ids: list[str], concurrency: int = 1) -> None:
        found = config(folder, _keys(concurrency), url=url)
        panel = found.panels["main"]
        # More than a configuration may say: the budget is no part of a sweep.
        unlimited = structs.replace(panel.rules, max_requests_per_minute=10**9)
        self.parts = build(replace(found, panels={"main": replace(panel, rules=unlimited)}))
        migrate.migrate(self.parts.database)
        self.parts.prepare()
        now = time.time()
        for start in range(0, len(ids), 1000):
            batch = [
                NewOrder("main", id_, baseline=True, just_placed=False, service=str(n % 10), quantity=1000,
                         charge=Decimal("0.9"), placed_at=now - 90_000)
                for n, id_ in enumerate(ids[start : start + 1000])
            ]  # fmt: skip
            self.parts.store.new_orders.add(batch, now - 90_000)
        with self.parts.database.transaction() as cur:  # balance and catalogue are no part of a sweep
            cur.run("UPDATE panels SET next_balance_at = NULL, next_services_at = NULL")

    def due(self) -> None:
        with self.parts.database.transaction() as cur:
            cur.run("UPDATE orders SET next_poll_at = 0")

    def sweep(self) -> None:
        poller = self.parts.panels["main"].poller
        with self.parts.database.session():
            while poller.poll_once():
                pass

    def sweep_concurrently(self, width: int) -> None:
        pool = WorkerPool("sweep", self.parts.panels["main"].poller.poll_once, width, self.parts.database.session)
        pool.kick()
        assert pool.join(600)

    def events(self) -> int:
        with self.parts.database.reading() as cur:
            row = cur.run("SELECT count(*) FROM events").one()
        assert row is not None
        return int(row[0])


def beside_floor(orders: int, runs: int) -> list[Finding]:
    with TemporaryDirectory() as folder, BenchPanel(orders) as panel:
        ours = Ours(Path(folder), panel.url, panel.ids)
        floor = Floor(Path(folder) / "floor.db", panel.url, panel.ids)
        ours.sweep()  # first sight: a baseline
        floor.sweep()
        found = []
        turn = 0
        for mode, share in MODES:
            spent: dict[str, list[float]] = {"ours": [], "floor": []}
            for _ in range(runs):
                turn += 1
                moved = panel.advance(share, WORDS[turn % 3]) if share else 0
                before = ours.events()
                for name, work in _turns(turn, {"ours": ours, "floor": floor}):
                    work.due()
                    spent[name].append(_cpu_s(work.sweep))
                seen = ours.events() - before
                assert seen == moved, f"{seen} of {moved} changes seen: no sweep"
            cpu = {name: median(seconds) for name, seconds in spent.items()}
            found.append(
                Finding(
                    f"sweep, {mode}",
                    {"cpu_s": round(cpu["ours"], 3), "us_per_order": round(cpu["ours"] / orders * 1e6, 1)},
                    {"cpu_s": round(cpu["floor"], 3), "us_per_order": round(cpu["floor"] / orders * 1e6, 1)},
                    cpu["ours"] / cpu["floor"],
                    1.5,
                )
            )
        floor.close()
        return found


def _turns(turn: int, both: dict[str, "Ours | Floor"]) -> list[tuple[str, "Ours | Floor"]]:
    """Alternates which of the two goes first, so that the cold cache does not always meet the same one."""
    pairs = list(both.items())
    return pairs if turn % 2 else pairs[::-1]


def beside_scripts(orders: int) -> list[Finding]:
    """--peer: one request and one UPDATE per order, as panel scripts do it; none changed."""
    asked = min(orders, 5_000)  # one request for each order; these are enough to know what one costs
    with TemporaryDirectory() as folder, BenchPanel(orders) as panel:
        ours = Ours(Path(folder), panel.url, panel.ids)
        ours.sweep()
        ours.due()
        calls = panel.calls()
        cpu = _cpu_s(ours.sweep)
        requests_ours = panel.calls() - calls
        floor = Floor(Path(folder) / "floor.db", panel.url, panel.ids[:asked])
        script = _cpu_s(lambda: _script(floor, panel.url, panel.ids[:asked])) * orders / asked
        floor.close()
    return [
        Finding(
            "sweep --peer, cpu",
            {"cpu_s": round(cpu, 3)},
            {"cpu_s": round(script, 3)},
            script / cpu,
            25,
            most=False,
            note=f"the script's cost is that of {asked} orders, times {orders / asked:g}",
        ),
        Finding(
            "sweep --peer, requests",
            {"requests": requests_ours},
            {"requests": orders},
            orders / requests_ours,
            100,
            most=False,
        ),
    ]


def _script(floor: Floor, url: str, ids: list[str]) -> None:
    session = requests.Session()
    for id_ in ids:
        entry = session.post(url, data={"key": "bench-key", "action": "status", "order": id_}, timeout=30).json()
        floor.update_one(id_, entry["status"])
    session.close()


def slow_panel(orders: int, latency_s: float, concurrency: int = 4) -> list[Finding]:
    """--latency: the wall time, beside the least possible one: requests x latency / concurrency."""
    with TemporaryDirectory() as folder, BenchPanel(orders, latency_s) as panel:
        ours = Ours(Path(folder), panel.url, panel.ids, concurrency)
        calls = panel.calls()
        started = time.monotonic()
        ours.sweep_concurrently(concurrency)
        took_s = time.monotonic() - started
        limit_s = (panel.calls() - calls) * latency_s / concurrency
    return [
        Finding("sweep --latency", {"wall_s": round(took_s, 2)}, {"wall_s": round(limit_s, 2)}, took_s / limit_s, 1.1)
    ]


def _cpu_s(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    setup("warning", "console", Masker(["bench-key"]))
    parser = options(__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--latency", default="")
    args = parser.parse_args()
    if args.peer:
        found = beside_scripts(args.orders)
    elif args.latency:
        found = slow_panel(args.orders, float(args.latency.removesuffix("ms")) / 1000)
    else:
        found = beside_floor(args.orders, args.runs)
    print_findings(found, as_json=args.json)


if __name__ == "__main__":
    main()
