"""Decides what an answer changes: belief + answer + now -> Change. What counts as a move, and which event tells it.

Rule 1: a field the panel did not say, or not readably, never replaces what we believe.
Rule 2: an unknown word is stored and shown as unknown; it never changes `tracking`.
Rule 3: the first answer about a baseline order is absorbed in silence.
Rule 4: money has one event, order.refunded, once until the order is reopened.
Rule 5: `seq` counts the order's events, `moves` its transitions, `notices` its events that are no move.
"""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from tracker.core.events import events
from tracker.core.model import Change, Event, Order, OrderSnapshot, Refund, Tracking, Transition
from tracker.core.money import PLACES, money, undelivered
from tracker.core.status import FINAL, NOT_STARTED, OPEN, OrderStatus, is_regression

_S = OrderStatus

# A status whose arrival has an event of its own. Everything else is order.changed.
EVENT_OF = {
    _S.COMPLETED: "order.completed",
    _S.PARTIAL: "order.partial",
    _S.CANCELED: "order.canceled",
    _S.REFUNDED: "order.refunded",
    _S.FAILED: "order.failed",
}
# Work was done before these, so "in progress" was passed on the way even if no poll saw it.
DELIVERED_WORK = frozenset({_S.COMPLETED, _S.PARTIAL})
# Less was delivered than ordered, so that money has to come back, known how much or not.
SHORT = frozenset({_S.PARTIAL, _S.CANCELED, _S.REFUNDED, _S.FAILED})

PROGRESS_SHARE = 20  # a sample of `remains` at each further 1/20 of the quantity …
PROGRESS_MAX = 20  # … and at most this many an order


def observe(order: Order, said: OrderSnapshot, now: float) -> Change | None:
    """Returns what this answer changes; None when it brings no news."""
    after = _merge(order, said, now)
    move: Transition | None = None
    told: tuple[Event, ...] = ()
    if order.baseline:
        after, told = _absorbed(order, after, now)
    else:
        move = _transition(order, after, said, now)
        after, told = _tell(order, after, move, now)
    sample = _progress_due(order, after)
    if sample:
        after = replace(after, progress_at=after.remains, progress_count=order.progress_count + 1)
    if after == order:
        return None
    refund = owed(after) if move is not None else None
    settled = move is not None and refund is None and order.known_status in FINAL and after.status is not _S.UNKNOWN
    return Change(order, replace(after, version=order.version + 1), move, told, sample, refund, settled)


def unread(change: Change) -> Change:
    """Returns the same change, but the next answer is read whatever it says."""
    return replace(change, after=replace(change.after, entry=None))


def tracked(order: Order, now: float) -> Event:
    """Returns `order.tracked`, the first event of an order that was just placed or is tracked again."""
    return events.order_event("order.tracked", order, order, order.seq, now)


def _merge(order: Order, said: OrderSnapshot, now: float) -> Order:
    """Returns the row that this answer leaves behind, before anything is told about it."""
    status = said.status
    moved = status is not order.status or (status is _S.UNKNOWN and said.said != order.status_raw)
    changes: dict[str, Any] = {"refusals": 0, "refused_since": None, "misses": 0, "unanswered_told": False}
    if moved:
        changes |= {"status": status, "status_raw": said.said, "last_changed_at": now}
    elif order.status_raw is None:
        changes["status_raw"] = said.said  # the status was handed over at intake, now it is confirmed
    if status is not _S.UNKNOWN:
        changes["known_status"] = status
    changes |= _tracking(order, status, now) | _amounts(order, said) | _money(order, said)
    if order.tracking is Tracking.PAUSED:
        changes["tracking"] = Tracking.PAUSED  # it was polled by name; only `resume` ends a pause
    if said.kind is not order.kind and said.children:
        changes["kind"] = said.kind
    if moved or changes.get("remains", order.remains) != order.remains:
        changes |= {"progressed_at": now, "stuck_told": False}
    after = replace(order, **changes)
    # The entry is kept to recognise unchanged answers. The same facts in other bytes are no news; other children are.
    if after == order and not said.children:
        return order
    return replace(after, entry=None if order.forgotten else said.entry or None)


def _tracking(order: Order, status: OrderStatus, now: float) -> dict[str, Any]:
    if order.tracking is Tracking.PAUSED:
        return {}  # polled by name; it stays paused until it is resumed
    if status is _S.UNKNOWN:
        if order.tracking is not Tracking.NOT_FOUND:
            return {}
        return {"tracking": Tracking.FINISHED if order.known_status in FINAL else Tracking.ACTIVE}
    if status in OPEN:
        return {"tracking": Tracking.ACTIVE, "finished_at": None}
    fresh = order.finished_at is None or status is not order.known_status
    return {"tracking": Tracking.FINISHED, "finished_at": now if fresh else order.finished_at}


def _amounts(order: Order, said: OrderSnapshot) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if said.remains is not None:
        changes["remains"] = said.remains
    if said.start_count is not None:
        changes["start_count"] = said.start_count
    if order.quantity is None and said.status in NOT_STARTED and (said.remains or 0) > 0:
        # Before the work starts all of it remains. Zero is what some panels print for "not yet".
        changes |= {"quantity": said.remains, "quantity_source": "inferred"}
    return changes


def _money(order: Order, said: OrderSnapshot) -> dict[str, Any]:
    """Charge, its currency, and the marks a refund is seen against."""
    reopened = order.known_status in FINAL and said.status in OPEN
    if said.charge is None:
        # Another currency without a charge would give the old amount a new name.
        free = order.charge is None or order.currency is None
        named = {"currency": said.currency or order.currency} if free else {}
        return named | ({"charge_mark": order.charge} if reopened else {})
    currency = said.currency or order.currency
    other = order.currency is not None and currency != order.currency
    charge = said.charge if said.charge != order.charge else order.charge
    return {
        "currency": currency,
        "charge": charge,
        "highest_charge": _higher(None if other else order.highest_charge, charge),
        "charge_mark": _higher(None if other or reopened else order.charge_mark, charge),
    }


def _higher(mark: Decimal | None, charge: Decimal) -> Decimal:
    return charge if mark is None or charge > mark else mark


def _absorbed(before: Order, after: Order, now: float) -> tuple[Order, tuple[Event, ...]]:
    """Accepts the first answer about a baseline without telling it; money that is back already is old news."""
    back = after.status is _S.REFUNDED or _dropped(after)
    after = replace(after, baseline=False, refund_told=back)
    if before.tracking is not Tracking.NOT_FOUND:
        return after, ()
    # `order.not_found` was told, so `order.found` is too.
    after = replace(after, seq=before.seq + 1, notices=before.notices + 1)
    return after, (events.order_event("order.found", before, after, after.seq, now),)


def _dropped(order: Order) -> bool:
    return order.charge is not None and order.charge_mark is not None and order.charge < order.charge_mark


def _transition(before: Order, after: Order, said: OrderSnapshot, now: float) -> Transition | None:
    recharged = before.charge is not None and after.charge != before.charge
    if not _moved(before, after) and not recharged:
        return None
    assert after.status is not None
    return Transition(
        old=before.status,
        new=after.status,
        said=said.said,
        seq=_seq_of_move(before),
        at=now,
        not_before=before.last_polled_at,
        charge=after.charge,
        old_charge=before.charge,
        remains=after.remains,
        regressed=is_regression(before.known_status, after.status) and after.status is not _S.UNKNOWN,
        skipped=_skipped(before, after.status),
        currency=after.currency,
    )


def _moved(before: Order, after: Order) -> bool:
    """Whether the status is another one, or another strange word."""
    other_word = after.status is _S.UNKNOWN and after.status_raw != before.status_raw
    return after.status is not before.status or other_word


def _seq_of_move(before: Order) -> int:
    """Returns the seq of the event that tells a move. Only order.found goes before it."""
    return before.seq + (2 if before.tracking is Tracking.NOT_FOUND else 1)


def _skipped(before: Order, new: OrderStatus) -> tuple[OrderStatus, ...]:
    passed = before.known_status in NOT_STARTED and new in DELIVERED_WORK
    return (_S.IN_PROGRESS,) if passed else ()


def _tell(before: Order, after: Order, move: Transition | None, now: float) -> tuple[Order, tuple[Event, ...]]:
    """Names the events, numbers them, and notes on the row what has been told."""
    names = ["order.found"] if before.tracking is Tracking.NOT_FOUND else []
    reopened = before.known_status in FINAL and after.status in OPEN
    if reopened and before.refund_told:
        after = replace(after, refund_told=False)
    if move is not None:
        names += _move_events(before, after)
    if "order.refunded" in names:
        after = replace(after, refund_told=True)
    if not names:
        return after, ()
    after = replace(
        after,
        seq=before.seq + len(names),
        moves=before.moves + (move is not None),
        notices=before.notices + (before.tracking is Tracking.NOT_FOUND),
    )
    refund = refund_facts(after) if after.status in FINAL or "order.refunded" in names else None
    told = [
        events.order_event(name, before, after, before.seq + n, now, move, refund) for n, name in enumerate(names, 1)
    ]
    if after.status is _S.UNKNOWN and move is not None:
        told.append(events.unknown_word_event(after, after.status_raw or "", now))
    return after, tuple(told)


def _move_events(before: Order, after: Order) -> list[str]:
    """Returns the status event of a move, and order.refunded where money came back."""
    name = _status_event(before, after)
    if name == "order.refunded" or after.refund_told or not _dropped(after):
        return [name]
    # A charge that falls on the same status is told as money and nothing else.
    return [name, "order.refunded"] if _moved(before, after) else ["order.refunded"]


def _status_event(before: Order, after: Order) -> str:
    """Returns the one status event of a move. Strange words on the way do not count: it began at `known_status`."""
    old, new = before.known_status, after.status
    if new is _S.UNKNOWN or new is old:
        return "order.changed"
    if old in FINAL and new in OPEN:
        return "order.reopened"
    if new is _S.IN_PROGRESS:
        return "order.started" if old in NOT_STARTED else "order.changed"
    if new is _S.REFUNDED and before.refund_told:
        return "order.changed"
    return EVENT_OF.get(new, "order.changed")  # type: ignore[arg-type]


def refund_facts(order: Order) -> dict[str, str | None]:
    """Returns `data.refund` of an event: what `refund` finds, as money text."""
    found = refund(order)
    return {"expected": money(found.expected), "observed": money(found.observed), "basis": found.basis}


def refund(order: Order) -> Refund:
    """Returns what should come back, going by what remains, and what did, going by the charge.

    Never for drip-feeds and subscriptions: their entries carry neither charge nor remains.
    """
    mark, charge = order.charge_mark, order.charge
    expected = observed = None
    if mark is not None and order.quantity and order.remains is not None:
        expected = undelivered(mark, order.remains, order.quantity).quantize(PLACES)
    if mark is not None and charge is not None and charge < mark:
        observed = mark - charge
    basis = "charge_drop" if observed is not None else "remains" if expected is not None else None
    return Refund(expected, observed, basis)


def owed(order: Order) -> Refund | None:
    """Returns the refund of an order that ended; None where no money has to come back, nor may have to."""
    if order.status not in FINAL:
        return None
    found = refund(order)
    says = order.status in SHORT or found.observed is not None or bool(found.expected)
    return found if says else None


def _progress_due(before: Order, after: Order) -> bool:
    if after.remains is None or not after.quantity or before.progress_count >= PROGRESS_MAX:
        return False
    if before.progress_at is None:
        return after.status is _S.IN_PROGRESS
    return abs(before.progress_at - after.remains) * PROGRESS_SHARE >= after.quantity
