"""Raw rows, and numbers worked out from them in the plainest way, for the reports to be compared with."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from math import ceil
from zoneinfo import ZoneInfo

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.defaults import poll_rules
from tests.store import OPS, deliver, fail
from tests.store.lives import ZONE
from tracker.reports.period import ReportScope
from tracker.store import NewRefill

END = NOW + 3.5 * DAY
RULES = {"main": poll_rules(), "spare": poll_rules()}
FINAL = {"completed", "partial", "canceled", "refunded", "failed", "expired"}


def more(store, chance):
    """Refills, balances, deliveries, calls that failed."""
    new = [NewRefill("main", f"r{n}", False, str(n)) for n in range(30)]
    store.new_orders.add_refills(new, NOW)
    with store.database.transaction() as cur:
        for n in range(30):
            status = chance.choice(["completed", "rejected", "pending"])
            tracking = "active" if status == "pending" else "finished"
            cur.run(
                "UPDATE refills SET status = ?, tracking = ?, finished_at = ? WHERE remote_id = ?",
                (status, tracking, None if tracking == "active" else NOW + n * 3600, f"r{n}"),
            )
        for n in range(20):
            cur.run(
                "INSERT INTO poll_runs (panel, kind, started_at, finished_at, asked, moved, outcome) VALUES"
                " (?, 'status', ?, ?, 10, 0, ?)",
                (chance.choice(["main", "spare"]), NOW + n * 7200, NOW + n * 7200 + chance.random() * 9,
                 chance.choice(["ok", "unavailable", "rate_limited"])),
            )  # fmt: skip
        for n in range(12):
            cur.run(
                "INSERT INTO balances (panel, at, amount, currency) VALUES ('main', ?, ?, 'USD')",
                (NOW + n * DAY / 4, store.database.money(Decimal(100) - Decimal(n) * Decimal("1.3"))),
            )
    for n in range(25):
        taken = store.outbox.claim(OPS, NOW + n)
        if taken is None:
            break
        if n % 5 == 0:
            fail(store, taken, NOW + n, permanent=n % 10 == 0)
        else:
            deliver(store, NOW + n)


def scope_of(**chosen):
    return ReportScope(ZONE, END, RULES, **chosen)


def day(at):
    return datetime.fromtimestamp(at, ZoneInfo(ZONE)).date().isoformat()


def moves(store):
    """Every move as a dict, with the facts of its order."""
    keys = ("at", "not_before", "old", "new", "charge", "old_charge", "remains", "currency", "panel", "id", "service",
            "quantity", "born_at", "tags")  # fmt: skip
    sql = (
        "SELECT t.at, t.not_before, t.old, t.new, t.charge, t.old_charge, t.remains, t.currency, o.panel, o.remote_id,"
        " o.service, o.quantity, o.born_at, o.tags FROM transitions t JOIN orders o ON o.id = t.order_id ORDER BY t.id"
    )
    found = [dict(zip(keys, row, strict=True)) for row in rows(store.database, sql)]
    for move in found:
        for key in ("charge", "old_charge"):
            move[key] = None if move[key] is None else Decimal(move[key])
    return found


def chosen_moves(store, since="", until="9999", **facts):
    return [
        move
        for move in moves(store)
        if since <= day(move["at"]) <= until and all(move[key] == value for key, value in facts.items())
    ]


def three_digits(seconds):
    text = str(max(int(seconds), 0))
    return int(text[:3] + "0" * (len(text) - 3))


def ranked(values, quantile):
    return sorted(values)[max(1, ceil(quantile * len(values))) - 1] if values else None


def spent(move):
    if move["charge"] is None:
        return Decimal(0)
    return move["charge"] - (move["old_charge"] or 0) if move["old"] is not None else move["charge"]


def by_currency(pairs):
    found = defaultdict(Decimal)
    for currency, amount in pairs:
        found[currency or ""] += amount
    return {currency: amount for currency, amount in found.items() if amount}


def nonzero(sums):
    return {currency: amount for currency, amount in sums.items() if amount}


def interval(k, n):
    """Wilson's interval, as the roots of the equation that it comes from: (k/n - p)^2 = z^2 p (1 - p) / n."""
    if n == 0:
        return None, None
    z2, share = 1.959964**2, k / n
    a, b, c = 1 + z2 / n, -(2 * share + z2 / n), share * share
    root = max(b * b - 4 * a * c, 0.0) ** 0.5
    return round(max((-b - root) / (2 * a), 0.0), 4), round(min((-b + root) / (2 * a), 1.0), 4)
