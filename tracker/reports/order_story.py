"""The whole story of one order, as it stands now or as it was known at an earlier moment."""

from tracker.db.database import Database, amount
from tracker.reports import orders, outbox, refills, transitions
from tracker.reports.orders import Rules
from tracker.reports.rows import ReportRow, named, select, select_one

CHILD_FIELDS = ("id", "status", "tracking", "remains", "quantity", "charge", "currency", "tracked_at")


def story(database: Database, rules: Rules, panel: str, remote_id: str, now: float) -> ReportRow | None:
    """A row of ORDER_FIELDS and, under further keys, what has happened to the order, the oldest first.

    The further keys: transitions, progress, children, refills, events. None: the order is not tracked.
    """
    values = select_one(database, f"{orders.SELECT} WHERE panel = ? AND remote_id = ?", (panel, remote_id))
    if values is None:
        return None
    return orders.as_row(values, rules, now) | {
        "transitions": transitions.of_order(database, values[0]),
        "progress": _progress(database, values[0]),
        "children": _children(database, panel, remote_id),
        "refills": list(refills.refills(database, panel=panel, order=remote_id)),
        "events": outbox.events_about(database, panel, "order", remote_id),
    }


def as_of(order: ReportRow, at: float, alerts: list[ReportRow]) -> ReportRow:
    """The story of an order as it was known at an earlier moment.

    Facts that are kept only as they are now (service, link, tags and the like) stay. What moves (status, charge,
    remains) is taken from the last move before the moment. What was not kept is None.

    order: the whole story.
    alerts: those of its panel that were raised then.
    """
    moves = [move for move in order["transitions"] if move["at"] <= at]
    samples = [sample for sample in order["progress"] if sample["at"] <= at]
    events = [
        event | {"deliveries": [_delivery_as_of(sent, at) for sent in event["deliveries"]]}
        for event in order["events"]
        if event["at"] <= at
    ]
    past = _facts_as_of(order, moves, samples, at) | {
        "transitions": moves,
        "progress": samples,
        "children": [_child_as_of(child) for child in order["children"] if child["tracked_at"] <= at],
        "refills": [refill for refill in order["refills"] if refill["tracked_at"] <= at],
        "events": events,
        "alerts": alerts,
        "as_of": at,
    }
    return order | past | ({} if order["tracked_at"] <= at else {"tracking": None})


def refund(database: Database, panel: str, remote_id: str) -> ReportRow | None:
    """expected, observed, basis and at of what should come back for an order; None: nothing should."""
    sql = (
        "SELECT r.expected, r.observed, r.basis, r.at FROM refunds r JOIN orders o ON o.id = r.order_id"
        " WHERE o.panel = ? AND o.remote_id = ?"
    )
    found = select_one(database, sql, (panel, remote_id))
    if found is None:
        return None
    return {"expected": amount(found[0]), "observed": amount(found[1]), "basis": found[2], "at": found[3]}


def _facts_as_of(order: ReportRow, moves: list[ReportRow], samples: list[ReportRow], at: float) -> ReportRow:
    """What moves of an order, after these moves and samples of its progress."""
    last: ReportRow = moves[-1] if moves else {}
    remains = max([*samples, *(m for m in moves if m["remains"] is not None)], key=lambda s: s["at"], default=None)
    return {
        "status": last.get("new"),
        "status_raw": last.get("said"),
        "charge": last.get("charge"),
        "remains": remains["remains"] if remains else None,
        "highest_charge": max((m["charge"] for m in moves if m["charge"] is not None), default=None),
        "last_changed_at": last.get("at"),
        "finished_at": _if_before(order["finished_at"], at),
        "last_polled_at": _if_before(order["last_polled_at"], at),
        "next_poll_at": None,
        "next_poll_reason": None,
        "tracking": order["tracking"] if not moves or moves == order["transitions"] else "active",
    }


def _if_before(moment: float | None, at: float) -> float | None:
    return moment if moment is not None and moment <= at else None


def _child_as_of(child: ReportRow) -> ReportRow:
    """Of a child's past only this is known: which it is, and since when it is tracked."""
    return dict.fromkeys(CHILD_FIELDS) | {key: child[key] for key in ("id", "tracked_at")}


def _delivery_as_of(delivery: ReportRow, at: float) -> ReportRow:
    """A delivery with the attempts that had begun by then, and waiting unless it was settled by then."""
    settled = delivery["settled_at"] is not None and delivery["settled_at"] <= at
    tries = [one for one in delivery["tries"] if one["started_at"] <= at]
    error = tries[-1]["error"] if tries else None
    past = {} if settled else {"state": "waiting", "settled_at": None, "next_attempt_at": None, "error": error}
    return delivery | past | {"tries": tries, "attempts": len(tries)}


def _children(database: Database, panel: str, parent: str) -> list[ReportRow]:
    """Rows of CHILD_FIELDS, the one tracked first comes first."""
    columns = ", ".join(CHILD_FIELDS).replace("id,", "remote_id,", 1)
    sql = f"SELECT {columns} FROM orders WHERE panel = ? AND parent = ? ORDER BY id"
    rows = [named(CHILD_FIELDS, values) for values in select(database, sql, (panel, parent))]
    return [row | {"charge": amount(row["charge"])} for row in rows]


def _progress(database: Database, order_id: int) -> list[ReportRow]:
    """at and remains of each sample, the oldest first."""
    found = select(database, "SELECT at, remains FROM progress WHERE order_id = ? ORDER BY id", (order_id,))
    return [{"at": at, "remains": remains} for at, remains in found]
