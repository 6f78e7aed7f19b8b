"""Made-up events that look in every way like real ones, for `hooks test`."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from tracker.core import events
from tracker.core.model import Event, Order, Refill, Transition
from tracker.core.status import OrderStatus, RefillStatus
from tracker.core.times import rfc3339

_O, _R = OrderStatus, RefillStatus

# The status an order, or a refill, is in after the event; all others: in progress.
ORDER_STATUS = {
    "order.tracked": None,
    "order.completed": _O.COMPLETED,
    "order.partial": _O.PARTIAL,
    "order.canceled": _O.CANCELED,
    "order.refunded": _O.REFUNDED,
    "order.failed": _O.FAILED,
    "order.unknown_status": _O.UNKNOWN,
}
REFILL_STATUS = {
    "refill.tracked": None,
    "refill.completed": _R.COMPLETED,
    "refill.rejected": _R.REJECTED,
    "refill.canceled": _R.CANCELED,
    "refill.failed": _R.FAILED,
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
    return events.panel_event(name, panel, id_, 1, now, _facts(family, now))


def _order(panel: str, id_: str, now: float) -> Order:
    return Order(
        id=0,
        panel=panel,
        remote_id=id_,
        status=_O.IN_PROGRESS,
        known_status=_O.IN_PROGRESS,
        status_raw="In progress",
        charge=Decimal("0.33000"),
        currency="USD",
        start_count=3572,
        remains=400,
        quantity=1000,
        quantity_source="given",
        service="1",
        ref="tracker hooks test",
        tags=("test",),
        tracked_at=now - 3600,
        last_polled_at=now - 300,
    )


def _order_event(name: str, panel: str, id_: str, now: float) -> Event:
    before = _order(panel, id_, now)
    status = ORDER_STATUS.get(name, _O.IN_PROGRESS)
    changes: dict[str, Any] = {"status": status, "status_raw": status and status.replace("_", " ").capitalize()}
    refund = None
    if name == "order.completed":
        changes["remains"] = 0
    elif name in REFUNDING:
        changes |= {"remains": 157, "charge": Decimal("0.27819")}
        refund = {"expected": "0.05181", "observed": "0.05181", "basis": "charge_drop"}
    after = replace(before, **changes)
    move = None if status is None else Transition(before.status, status, after.status_raw or "", 1, now, before.last_polled_at,
                                                  after.charge, before.charge, after.remains, False, ())  # fmt: skip
    return events.order_event(name, before, after, 1, now, move, refund)


def _refill_event(name: str, panel: str, id_: str, now: float) -> Event:
    before = Refill(
        id=0,
        panel=panel,
        remote_id=id_,
        order_remote_id=id_,
        status=None if name == "refill.tracked" else _R.PENDING,
        last_polled_at=now - 300,
    )
    status = REFILL_STATUS.get(name, _R.IN_PROGRESS)
    after = replace(before, status=status, status_raw=status and status.replace("_", " ").capitalize())
    return events.refill_event(name, before, after, 1, now)


def _facts(family: str, now: float) -> dict[str, Any]:
    """What `data` holds beside the panel."""
    alert = {"since": rfc3339(now - 60), "reason": "tracker hooks test", "reminders": 0}
    match family:
        case "balance":
            held = {
                "amount": "17.50",
                "currency": "USD",
                "threshold": "20.00",
                "runway_h": 11.5,
                "burn_per_day": "36.52173",
            }
            return {"alert": {"name": "balance.low", **alert}, "balance": held}
        case "panel":
            return {"alert": {"name": "panel.down", **alert}}
        case "hook":
            return {"hook": {"name": "test", "failing_since": rfc3339(now - 60), "waiting": 3, "dead": 0}}
        case _:
            return {"alert": alert}
