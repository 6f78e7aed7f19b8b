"""Snapshots for the tests of the views."""

from decimal import Decimal

from tracker.demo.reader import facts_of
from tracker.demo.snapshot import DemoSnapshot, HookSeen, OrderSeen, PanelSeen

STATUSES = ("completed", "canceled", "in_progress", None)
FINAL = {"completed", "partial", "canceled"}
DATA = {
    "panel": "second",
    "word": "In review",
    "order": {
        "id": "23515",
        "status": "in_progress",
        "status_raw": "In progress",
        "delivered": 1264,
        "quantity": 1500,
        "currency": "USD",
    },
    "refund": {"expected": "0.75520", "observed": "0.75520"},
    "balance": {"amount": "15.57500", "currency": "USD", "threshold": "20.00"},
    "alert": {"reason": "unavailable: HTTP 503: <html>"},
}


def panel(name, **changed):
    values = {
        "name": name, "trouble": "", "down_s": 0.0, "next_call_s": 0.0, "orders": 24, "calls": 123, "limit": 240,
        "balance": Decimal("123.45000"), "currency": "USD", "low": False,
    }  # fmt: skip
    return PanelSeen(**values | changed)


def order(number, status, **changed):
    values = {
        "panel": "main", "id": str(23500 + number), "service": "Newsletter inserts", "status": status,
        "final": status in FINAL, "done": 0.4, "remains": 1800, "changed_s": float(number),
    }  # fmt: skip
    return OrderSeen(**values | changed)


def hook(number, type_, **changed):
    values = {
        "number": number, "at_s": 50.0 + number / 10, "type": type_, "subject": "23515", "attempt": 1, "accepted": True,
        "facts": facts_of(DATA),
    }  # fmt: skip
    return HookSeen(**values | changed)


def snapshot(**changed):
    values = {
        "at_s": 59.0, "total_s": 60.0, "speed": 300.0, "minute": 299.0, "panels": (panel("main"), panel("second")),
        "orders": tuple(order(n, STATUSES[n % len(STATUSES)]) for n in range(36)), "hooks": (), "expected": 36,
        "moves": 112, "waiting": 3,
    }  # fmt: skip
    return DemoSnapshot(**values | changed)
