"""Made-up events that look in every way like real ones, for `hooks test`."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from tracker.core.dates import rfc3339
from tracker.core.events import events
from tracker.core.model import Event, Order, Refill, Transition
from tracker.core.status import OrderStatus, RefillStatus, is_regression

_O, _R = OrderStatus, RefillStatus

# From which status to which; all others: in progress, and still so.
ORDER_MOVES: dict[str, tuple[OrderStatus | None, OrderStatus | None]] = {
    "order.tracked": (None, None),
    "order.started": (_O.PENDING, _O.IN_PROGRESS),
    "order.completed": (_O.IN_PROGRESS, _O.COMPLETED),
    "order.partial": (_O.IN_PROGRESS, _O.PARTIAL),
    "order.canceled": (_O.IN_PROGRESS, _O.CANCELED),
    "order.refunded": (_O.COMPLETED, _O.REFUNDED),
    "order.failed": (_O.IN_PROGRESS, _O.FAILED),
    "order.reopened": (_O.COMPLETED, _O.IN_PROGRESS),
    "order.changed": (_O.PENDING, _O.PROCESSING),
}
REFILL_MOVES: dict[str, tuple[RefillStatus | None, RefillStatus | None]] = {
    "refill.tracked": (None, None),
    "refill.completed": (_R.IN_PROGRESS, _R.COMPLETED),
    "refill.rejected": (_R.PENDING, _R.REJECTED),
    "refill.canceled": (_R.PENDING, _R.CANCELED),
    "refill.failed": (_R.IN_PROGRESS, _R.FAILED),
    "refill.changed": (_R.PENDING, _R.IN_PROGRESS),
}
WHY = "tracker hooks test"
BALANCE = {
    "amount": "17.50",
    "currency": "USD",
    "threshold": "20.00",
    "runway_h": 11.5,
    "burn_per_day": "36.52173",
}
UNCLEAR = {
    "call": "G-test234567",
    "client": "test",
    "action": "add",
    "service": "1",
    "quantity": 1000,
    "orders": [],
    "reason": WHY,
}
LIMIT = {
    "client": "test",
    "service": "1",
    "quantity": 1000,
    "reason": WHY,
    "price": "0.90",
    "reserved": "49.50",
    "max_spend_per_day": "50.00",
}
REFUNDING = frozenset({"order.partial", "order.canceled", "order.refunded"})


def specimen(name: str, panel: str, now: float) -> Event:
    """An event of type `name`. Its ids begin with "test-" and are new each second."""
    id_ = f"test-{int(now)}"
    family = name.partition(".")[0]
    if name == "order.unknown_status":
        return events.unknown_word_event(_order(panel, id_, now), id_, now)
    if family == "order":
        return _order_event(name, panel, id_, now)
    if family == "refill":
        return _refill_event(name, panel, id_, now)
    if family == "hook":
        return events.hook_event(name, "test", 1, now, now - 60, 3, 0, WHY)
    return events.panel_event(name, "" if family == "tracker" else panel, id_, 1, now, _facts(name, panel, now))


def _order(panel: str, id_: str, now: float) -> Order:
    return Order(
        id=0,
        panel=panel,
        remote_id=id_,
        charge=Decimal("0.33000"),
        currency="USD",
        start_count=3572,
        remains=400,
        quantity=1000,
        quantity_source="given",
        service="1",
        ref=WHY,
        tags=("test",),
        tracked_at=now - 3600,
        last_polled_at=now - 300,
    )


def _order_event(name: str, panel: str, id_: str, now: float) -> Event:
    old, new = ORDER_MOVES.get(name, (_O.IN_PROGRESS, _O.IN_PROGRESS))
    before = replace(_order(panel, id_, now), status=old, status_raw=_said(old))
    changes: dict[str, Any] = {"status": new, "status_raw": _said(new)}
    refund = None
    if name == "order.completed":
        changes["remains"] = 0
    elif name in REFUNDING:
        changes |= {"remains": 157, "charge": Decimal("0.27819")}
        refund = {"expected": "0.05181", "observed": "0.05181", "basis": "charge_drop"}
    after = replace(before, **changes)
    return events.order_event(name, before, after, 1, now, _move(before, after, now), refund, _notice(name, now))


def _notice(name: str, now: float) -> dict[str, Any] | None:
    """What an event about an order holds beside it where nothing moved."""
    since = rfc3339(now - 86_400)
    if name == "order.stuck":
        return {"stuck": {"since": since}}
    return {"unanswered": {"since": since, "reason": WHY}} if name == "order.unanswered" else None


def _move(before: Order, after: Order, now: float) -> Transition | None:
    if after.status is None or after.status is before.status:
        return None
    return Transition(
        old=before.status,
        new=after.status,
        said=after.status_raw or "",
        seq=1,
        at=now,
        not_before=before.last_polled_at,
        charge=after.charge,
        old_charge=before.charge,
        remains=after.remains,
        regressed=is_regression(before.status, after.status),
        skipped=(),
    )


def _refill_event(name: str, panel: str, id_: str, now: float) -> Event:
    old, new = REFILL_MOVES.get(name, (_R.PENDING, _R.PENDING))
    before = Refill(
        id=0,
        panel=panel,
        remote_id=id_,
        order_remote_id=id_,
        status=old,
        status_raw=_said(old),
        last_polled_at=now - 300,
    )
    return events.refill_event(name, before, replace(before, status=new, status_raw=_said(new)), 1, now)


def _said(status: str | None) -> str | None:
    """`In progress` for in_progress: as most panels write it."""
    return None if status is None else status.replace("_", " ").capitalize()


def _facts(name: str, panel: str, now: float) -> dict[str, Any]:
    """What `data` holds beside the panel."""
    match name.partition(".")[0]:
        case "orders":
            return {"orders": events.crowd_facts(name, panel, now - 300, 412, 9_300, ["23501", "23502"])}
        case "service":
            at_risk: dict[str | None, Decimal] = {"USD": Decimal("12.60000")}
            return {"service": events.stalled_facts(panel, "1", "Flyer rounds", now - 86_400, 7, 9, at_risk, 0)}
        case "catalogue":
            change = {"service": "1", "what": "rate", "old": "0.90", "new": "0.95"}
            return {"catalogue": {"added": 0, "removed": 0, "changed": 1, "changes": [change]}}
        case "tracker":
            return {"tracker": events.tracker_facts(now - 60, WHY)}
        case "gateway":
            return {"gateway": UNCLEAR if name == "gateway.unclear" else LIMIT}
        case "panel" if name == "panel.children_capped":
            return {"children": {"order": "23501", "limit": "per_order", "at_most": 1000, "left_out": 7}}
        case "balance":
            alert = {"alert": _alert(name, "balance.low", panel, now)}
            return alert if name == "balance.unreadable" else alert | {"balance": BALANCE}
        case _:
            return {"alert": _alert(name, "panel.down", panel, now)}


def _alert(name: str, recovered_from: str, panel: str, now: float) -> dict[str, Any]:
    about = recovered_from if name.endswith(".recovered") else name
    return events.alert_facts(panel, about, rfc3339(now - 60), WHY, 0)
