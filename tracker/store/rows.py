"""Turns table rows into the values of core.model and back. The column lists stand here and nowhere else."""

import json
from typing import Any

from tracker.core.model import Order, OrderKind, Refill, Tracking
from tracker.core.status import OrderStatus, RefillStatus
from tracker.db.database import Database, DbRow, amount

ORDER_COLUMNS = (
    "id, panel, remote_id, status, known_status, status_raw, kind, tracking, charge, highest_charge,"
    " charge_mark, currency, start_count, remains, quantity, quantity_source, service, ref, tags, parent,"
    " baseline, refund_told, seq, moves, notices, version, refusals, refused_since, misses, progress_at,"
    " progress_count, placed_at, tracked_at, last_polled_at, last_changed_at, finished_at, entry, progressed_at,"
    " stuck_told, forgotten, unanswered_told"
)

# What an answer may rewrite, in the order of `order_values`.
ORDER_WRITTEN = (
    "status, known_status, status_raw, kind, tracking, charge, highest_charge, charge_mark, currency,"
    " start_count, remains, quantity, quantity_source, baseline, refund_told, seq, moves, notices, version, refusals,"
    " refused_since, misses, progress_at, progress_count, last_changed_at, finished_at, entry,"
    " progressed_at, stuck_told, unanswered_told"
).replace(" ", "").split(",")  # fmt: skip

REFILL_COLUMNS = (
    "id, panel, remote_id, order_remote_id, status, known_status, status_raw, tracking, baseline, seq,"
    " moves, notices, version, refusals, refused_since, misses, tracked_at, last_polled_at, last_changed_at,"
    " finished_at"
)

REFILL_WRITTEN = (
    "status, known_status, status_raw, tracking, baseline, seq, moves, notices, version, refusals, refused_since,"
    " misses, last_changed_at, finished_at"
).replace(" ", "").split(",")  # fmt: skip

_STATUS: dict[str | None, OrderStatus | None] = {None: None} | {s.value: s for s in OrderStatus}
_REFILL_STATUS: dict[str | None, RefillStatus | None] = {None: None} | {s.value: s for s in RefillStatus}
_KIND = {kind.value: kind for kind in OrderKind}
_TRACKING = {tracking.value: tracking for tracking in Tracking}


def order(row: DbRow) -> Order:
    """Returns the order in a row of ORDER_COLUMNS."""
    values: DbRow = (
        *row[:3],
        _STATUS[row[3]],
        _STATUS[row[4]],
        row[5],
        _KIND[row[6]],
        _TRACKING[row[7]],
        amount(row[8]),
        amount(row[9]),
        amount(row[10]),
        *row[11:18],
        tuple(json.loads(row[18])) if row[18] != "[]" else (),
        row[19],
        bool(row[20]),
        bool(row[21]),
        *row[22:38],
        bool(row[38]),
        bool(row[39]),
        bool(row[40]),
    )
    return Order(*values)


def order_values(order: Order, database: Database) -> tuple[Any, ...]:
    """Returns the values of ORDER_WRITTEN."""
    o = order
    return (
        plain(o.status), plain(o.known_status), o.status_raw, o.kind._value_, o.tracking._value_,
        database.money(o.charge), database.money(o.highest_charge), database.money(o.charge_mark), o.currency,
        o.start_count, o.remains, o.quantity, o.quantity_source, int(o.baseline), int(o.refund_told), o.seq,
        o.moves, o.notices, o.version, o.refusals, o.refused_since, o.misses, o.progress_at, o.progress_count,
        o.last_changed_at, o.finished_at, o.entry, o.progressed_at, int(o.stuck_told),
        int(o.unanswered_told),
    )  # fmt: skip


def refill(row: DbRow) -> Refill:
    """Returns the refill in a row of REFILL_COLUMNS."""
    values: DbRow = (
        *row[:4],
        _REFILL_STATUS[row[4]],
        _REFILL_STATUS[row[5]],
        row[6],
        _TRACKING[row[7]],
        bool(row[8]),
        *row[9:],
    )
    return Refill(*values)


def refill_values(refill: Refill) -> tuple[Any, ...]:
    """Returns the values of REFILL_WRITTEN."""
    r = refill
    return (
        plain(r.status), plain(r.known_status), r.status_raw, r.tracking._value_, int(r.baseline),
        r.seq, r.moves, r.notices, r.version, r.refusals, r.refused_since, r.misses, r.last_changed_at, r.finished_at,
    )  # fmt: skip


def plain(word: OrderStatus | RefillStatus | None) -> str | None:
    """Returns the word as a plain str: drivers are slower with a subclass of str."""
    # `_value_` is `value` without the descriptor: this is called four times an order.
    return None if word is None else word._value_
