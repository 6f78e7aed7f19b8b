"""Orders and refills, and the whole story of one order."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from tracker.core.model import Tracking
from tracker.core.polling import schedule
from tracker.core.polling.schedule import Pace
from tracker.core.rules import PollRules
from tracker.db.database import Database, amount
from tracker.db.database import DbRow as Values
from tracker.reports import outbox
from tracker.reports.rows import PAGE, Filter, ReportRow, pages, select, select_one

# The keys of an order, in order; the last two are made here.
STORED = (
    "panel", "id", "status", "status_raw", "kind", "tracking", "charge", "highest_charge", "currency",
    "start_count", "remains", "quantity", "quantity_source", "service", "link", "ref", "tags", "parent",
    "placed_at", "tracked_at", "last_polled_at", "last_changed_at", "finished_at", "next_poll_at",
)  # fmt: skip
ORDER_FIELDS = (*STORED, "next_poll_reason", "eta")
SELECT = "SELECT id, " + ", ".join(STORED).replace(" id,", " remote_id,", 1) + ", born_at FROM orders"

REFILL_FIELDS = (
    "panel", "id", "order", "status", "status_raw", "tracking", "tracked_at", "last_polled_at",
    "last_changed_at", "finished_at", "next_poll_at",
)  # fmt: skip
SELECT_REFILLS = (
    "SELECT id, panel, remote_id, order_remote_id, status, status_raw, tracking, tracked_at, last_polled_at,"
    " last_changed_at, finished_at, next_poll_at FROM refills"
)

NEW = "new"  # how a person calls the status of an order that was never answered about
CHILD_FIELDS = ("id", "status", "tracking", "remains", "quantity", "charge", "currency", "tracked_at")

Rules = Mapping[str, PollRules]  # of the configured panels


class Wanted(Struct, frozen=True):
    """Which orders; what is empty or None does not matter. since: tracked at this moment or later."""

    panel: str | None = None
    statuses: tuple[str, ...] = ()
    trackings: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    ref: str | None = None
    tag: str | None = None
    since: float | None = None


def orders(
    database: Database, rules: Rules, wanted: Wanted, now: float, limit: int | None = None
) -> Iterator[ReportRow]:
    """Rows of ORDER_FIELDS, the one tracked last first."""
    chosen = conditions(wanted)
    size = PAGE if limit is None else min(PAGE, max(limit, 1))
    found = (as_row(values, rules, now) for values in pages(database, SELECT, chosen, newest_first=True, size=size))
    return islice(found, limit)


def some(database: Database, rules: Rules, panel: str, remote_ids: Sequence[str], now: float) -> list[ReportRow]:
    """Those of these orders that are tracked, as rows of ORDER_FIELDS."""
    found: list[ReportRow] = []
    for start in range(0, len(remote_ids), PAGE):
        chosen = Filter().add("panel = ?", panel).among("remote_id", remote_ids[start : start + PAGE])
        found += [as_row(values, rules, now) for values in select(database, SELECT + chosen.sql, chosen.params)]
    return found


def conditions(wanted: Wanted) -> Filter:
    """As SQL."""
    chosen = Filter().add("panel = ?", wanted.panel).among("status", wanted.statuses)
    chosen.among("tracking", wanted.trackings).among("service", wanted.services)
    chosen.add("ref = ?", wanted.ref).add("tracked_at >= ?", wanted.since)
    if wanted.tag is not None:
        chosen.join(_tagged(json.dumps(wanted.tag)))
    return chosen


def order(database: Database, rules: Rules, panel: str, remote_id: str, now: float) -> ReportRow | None:
    """The order, and under further keys its whole story, oldest first; None when it is not tracked."""
    values = select_one(database, f"{SELECT} WHERE panel = ? AND remote_id = ?", (panel, remote_id))
    if values is None:
        return None
    story = {
        "transitions": _transitions(database, values[0]),
        "progress": _progress(database, values[0]),
        "children": _children(database, panel, remote_id),
        "refills": list(refills(database, panel, order_id=remote_id)),
        "events": outbox.events_about(database, panel, "order", remote_id),
    }
    return as_row(values, rules, now) | story


def as_of(order: ReportRow, at: float, alerts: list[ReportRow]) -> ReportRow:
    """The whole story of an order (as `order` gives it) as it was known at a moment; alerts: of its panel, raised then.

    Facts that are kept only as they are now (service, link, tags and the like) stay; what moves is taken from the last
    move before that moment: status, charge, remains. What was not kept is None.
    """
    moves = [move for move in order["transitions"] if move["at"] <= at]
    last: ReportRow = moves[-1] if moves else {}
    samples = [sample for sample in order["progress"] if sample["at"] <= at]
    remains = max([*samples, *(m for m in moves if m["remains"] is not None)], key=lambda s: s["at"], default=None)
    known = order["tracked_at"] <= at
    events = []
    for event in order["events"]:
        if event["at"] <= at:
            events.append(event | {"deliveries": [_as_sent(sent, at) for sent in event["deliveries"]]})
    past = {
        "status": last.get("new"),
        "status_raw": last.get("said"),
        "charge": last.get("charge"),
        "remains": remains["remains"] if remains else None,
        "highest_charge": max((m["charge"] for m in moves if m["charge"] is not None), default=None),
        "last_changed_at": last.get("at"),
        "finished_at": order["finished_at"] if (order["finished_at"] or at + 1) <= at else None,
        "last_polled_at": order["last_polled_at"] if (order["last_polled_at"] or at + 1) <= at else None,
        "next_poll_at": None,
        "next_poll_reason": None,
        "tracking": order["tracking"] if not moves or moves == order["transitions"] else "active",
        "transitions": moves,
        "progress": samples,
        "children": [
            dict.fromkeys(CHILD_FIELDS) | {key: child[key] for key in ("id", "tracked_at")}
            for child in order["children"]
            if child["tracked_at"] <= at
        ],
        "refills": [refill for refill in order["refills"] if refill["tracked_at"] <= at],
        "events": events,
        "alerts": alerts,
        "as_of": at,
    }
    return order | past | ({} if known else {"tracking": None})


def _as_sent(delivery: ReportRow, at: float) -> ReportRow:
    """A delivery as it was: with the attempts that had begun, and unsettled unless it was settled by then."""
    settled = delivery["settled_at"] is not None and delivery["settled_at"] <= at
    tries = [one for one in delivery["tries"] if one["started_at"] <= at]
    error = tries[-1]["error"] if tries else None
    past = {} if settled else {"state": "waiting", "settled_at": None, "next_attempt_at": None, "error": error}
    return delivery | past | {"tries": tries, "attempts": len(tries)}


def refund(database: Database, panel: str, remote_id: str) -> ReportRow | None:
    """expected, observed, basis and at of what should come back of an order; None: nothing has to."""
    sql = (
        "SELECT r.expected, r.observed, r.basis, r.at FROM refunds r JOIN orders o ON o.id = r.order_id"
        " WHERE o.panel = ? AND o.remote_id = ?"
    )
    found = select_one(database, sql, (panel, remote_id))
    if found is None:
        return None
    return {"expected": amount(found[0]), "observed": amount(found[1]), "basis": found[2], "at": found[3]}


def refills(database: Database, panel: str | None, order_id: str | None = None) -> Iterator[ReportRow]:
    """Rows of REFILL_FIELDS, the one tracked last first."""
    chosen = Filter().add("panel = ?", panel).add("order_remote_id = ?", order_id)
    for _, *values in pages(database, SELECT_REFILLS, chosen, newest_first=True):
        yield dict(zip(REFILL_FIELDS, values, strict=True))


def tracked(database: Database, panel: str, remote_ids: list[str]) -> set[str]:
    """Which of these orders are tracked."""
    found: set[str] = set()
    for start in range(0, len(remote_ids), PAGE):
        chosen = Filter().add("panel = ?", panel).among("remote_id", remote_ids[start : start + PAGE])
        sql = f"SELECT remote_id FROM orders WHERE {' AND '.join(chosen.conditions)}"
        found.update(row[0] for row in select(database, sql, chosen.params))
    return found


def as_row(values: Values, rules: Rules, now: float) -> ReportRow:
    """values: of SELECT."""
    row: ReportRow = dict(zip(STORED, values[1:-1], strict=True))
    row["charge"], row["highest_charge"] = amount(row["charge"]), amount(row["highest_charge"])
    row["tags"] = json.loads(row["tags"]) if row["tags"] != "[]" else []
    row["next_poll_reason"] = _reason(row, values[-1], rules.get(row["panel"]), now)
    row["eta"] = None
    return row


def _reason(row: ReportRow, born_at: float | None, rules: PollRules | None, now: float) -> str:
    if rules is None:
        return "not_configured"
    tracking = Tracking(row["tracking"])
    known = row["last_polled_at"] is not None or tracking is not Tracking.ACTIVE
    return schedule.reason(Pace(tracking, born_at, row["finished_at"]), known, now, rules)


def _transitions(database: Database, order_id: int) -> list[ReportRow]:
    keys = (
        "seq",
        "old",
        "new",
        "said",
        "at",
        "not_before",
        "charge",
        "old_charge",
        "remains",
        "regressed",
        "skipped",
    )
    sql = (
        "SELECT seq, old, new, said, at, not_before, charge, old_charge, remains, regressed, skipped"
        " FROM transitions WHERE order_id = ? ORDER BY id"
    )
    moves: list[ReportRow] = [dict(zip(keys, values, strict=True)) for values in select(database, sql, (order_id,))]
    for move in moves:
        move["charge"], move["old_charge"] = amount(move["charge"]), amount(move["old_charge"])
        move["regressed"], move["skipped"] = bool(move["regressed"]), move["skipped"].split()
    return moves


def _children(database: Database, panel: str, parent: str) -> list[ReportRow]:
    """Rows of CHILD_FIELDS, the one tracked first comes first."""
    columns = ", ".join(CHILD_FIELDS).replace("id,", "remote_id,", 1)
    sql = f"SELECT {columns} FROM orders WHERE panel = ? AND parent = ? ORDER BY id"
    found = select(database, sql, (panel, parent))
    rows: list[ReportRow] = [dict(zip(CHILD_FIELDS, values, strict=True)) for values in found]
    return [row | {"charge": amount(row["charge"])} for row in rows]


def _progress(database: Database, order_id: int) -> list[ReportRow]:
    found = select(database, "SELECT at, remains FROM progress WHERE order_id = ? ORDER BY id", (order_id,))
    return [{"at": at, "remains": remains} for at, remains in found]


def of_status(chosen: Filter, status: str | None) -> Filter:
    """And in this status, which may be NEW; None adds nothing."""
    return chosen.also("status IS NULL") if status == NEW else chosen.add("status = ?", status)


def _tagged(tag: str) -> Filter:
    """tag: as JSON, like the lists in the column. Most rows are passed over by LIKE, which ignores case on one engine.

    Of the other rows the list begins with it, or it follows a comma: inside a tag a quote stands behind a backslash.
    """
    begins, follows = f"[{tag}", f", {tag}"
    chosen = Filter().add("tags LIKE ? ESCAPE '!'", f"%{_escaped(tag)}%")
    return chosen.holding("(replace(tags, ?, '') <> tags OR replace(tags, ?, '') <> tags)", (begins, follows))


def _escaped(pattern: str) -> str:
    return "".join("!" + char if char in "!%_" else char for char in pattern)
