"""Reads a DemoSnapshot from the tracker's database and from what the receiver got."""

from collections import defaultdict
from typing import Any

from tracker import clock
from tracker.core.status import FINAL
from tracker.demo.site import DemoSite
from tracker.demo.snapshot import DemoSnapshot, HookSeen, OrderSeen, PanelSeen
from tracker.reports import orders, panels
from tracker.reports.alerts import raised
from tracker.reports.rows import ReportRow, select_one
from tracker.simulator import Received

_FINAL = frozenset(status.value for status in FINAL)


class SnapshotReader:
    """Reads one snapshot after the other. It keeps the hooks that it has read, so that each is decoded once."""

    def __init__(self, site: DemoSite) -> None:
        self._site = site
        self._database = site.parts.database
        self._rules = {name: panel.rules for name, panel in site.config.panels.items()}
        self._services = {
            (name, service.service): service.name
            for name, scenario in site.scenarios.items()
            for service in scenario.services
        }
        self._hooks: list[HookSeen] = []

    def read(self) -> DemoSnapshot:
        now = clock.now()
        site = self._site
        alerts = {alert["panel"] for alert in raised(self._database) if alert["name"] == "balance.low"}
        found = orders.orders(self._database, self._rules, orders.OrderFilter(), now)
        seen = tuple(self._order(row, now) for row in sorted(found, key=lambda row: (row["panel"], row["id"])))
        counted = {name: sum(order.panel == name for order in seen) for name in self._rules}
        return DemoSnapshot(
            at_s=clock.monotonic() - site.started_at,
            total_s=site.seconds,
            speed=site.speed,
            minute=site.minute,
            panels=tuple(self._panel(name, counted[name], now, low=name in alerts) for name in self._rules),
            orders=seen,
            hooks=self._received(),
            expected=site.orders,
            moves=self._count("SELECT count(*) FROM transitions"),
            waiting=self._count("SELECT count(*) FROM deliveries WHERE state = 'waiting'"),
        )

    def _panel(self, name: str, counted: int, now: float, *, low: bool) -> PanelSeen:
        row = panels.panel(self._database, name, self._rules[name], now)
        balance = panels.balance(self._database, name, now)
        return PanelSeen(
            name=name,
            trouble=(row["trouble_message"] or row["trouble"] or "") if row["trouble"] else "",
            down_s=now - (row["trouble_since"] or now),
            next_call_s=max(0.0, (row["wait_until"] or now) - now),
            orders=counted,
            calls=row["budget_used"],
            limit=row["budget"],
            balance=balance["amount"] if balance else None,
            currency=(balance["currency"] or "") if balance else "",
            low=low,
        )

    def _order(self, row: ReportRow, now: float) -> OrderSeen:
        quantity, remains, changed_at = row["quantity"], row["remains"], row["last_changed_at"]
        return OrderSeen(
            panel=row["panel"],
            id=row["id"],
            service=self._services.get((row["panel"], row["service"]), row["service"] or ""),
            status=row["status"],
            final=row["status"] in _FINAL,
            done=1 - min(max(remains / quantity, 0.0), 1.0) if quantity and remains is not None else None,
            remains=remains,
            changed_s=None if changed_at is None else now - changed_at,
        )

    def _received(self) -> tuple[HookSeen, ...]:
        requests = self._site.receiver.received
        self._hooks += [hook_seen(request, self._site.started_at) for request in requests[len(self._hooks) :]]
        return tuple(self._hooks)

    def _count(self, sql: str) -> int:
        row = select_one(self._database, sql)
        return int(row[0]) if row else 0


def hook_seen(request: Received, started_at: float) -> HookSeen:
    event = request.event
    facts = facts_of(event["data"])
    return HookSeen(
        number=request.number,
        at_s=request.arrival - started_at,
        type=event["type"],
        subject=facts["id"] or facts["panel"],
        attempt=int(request.headers.get("tracker-attempt", "1")),
        accepted=request.behaviour == "ok",
        facts=facts,
    )


def facts_of(data: dict[str, Any]) -> dict[str, str]:
    """The facts of an event's data that texts can name; a missing one is ""."""
    order, refill, refund = data.get("order", {}), data.get("refill", {}), data.get("refund") or {}
    balance, alert = data.get("balance", {}), data.get("alert", {})
    # A refill's event is about the order it belongs to.
    named = {
        "panel": data.get("panel"),
        "id": refill.get("order") or order.get("id"),
        "refill": refill.get("id"),
        "status": refill.get("status") or order.get("status"),
        "status_raw": refill.get("status_raw") or order.get("status_raw"),
        "word": data.get("word"),
        "delivered": order.get("delivered"),
        "quantity": order.get("quantity"),
        "expected": refund.get("expected"),
        "observed": refund.get("observed"),
        "amount": balance.get("amount"),
        "currency": balance.get("currency") or order.get("currency"),
        "threshold": balance.get("threshold"),
        "reason": ": ".join(
            alert.get("reason", "").split(": ")[1:2]
        ),  # "HTTP 503", without the kind of trouble and the body
    }
    return defaultdict(str, {name: str(value) for name, value in named.items() if value is not None})
