"""The JSON Schemas (2020-12) of what the API accepts and answers: one table for each name in the OpenAPI document."""

from collections.abc import Sequence

from tracker.core.events.event_types import EVENT_TYPES
from tracker.core.ids import GIVEN_ID_PATTERN, ID_MAX
from tracker.core.json_schema import (
    COUNT,
    MONEY,
    NUMBER,
    SEQ,
    TEXT,
    TIME,
    TRUTH,
    JsonSchema,
    closed_record,
    one_of,
    or_null,
    record,
)
from tracker.core.model import OrderKind, Tracking
from tracker.core.status import OrderStatus, RefillStatus
from tracker.core.wire.values import INT_MAX
from tracker.reports.order_story import CHILD_FIELDS

ORDERS_MAX = 10_000  # in one call

ID: JsonSchema = {"type": "string", "minLength": 1, "maxLength": ID_MAX}
TEXTS: JsonSchema = {"type": "array", "items": TEXT}


def rows_of(name: str) -> JsonSchema:
    return {"type": "array", "items": ref(name)}


def ref(name: str) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{name}"}


def page_of(name: str) -> JsonSchema:
    """Returns the schema of one page of a list; its `next` is the cursor of the following page."""
    return record({"items": rows_of(name), "next": or_null(TEXT)})


TEXT_OR_NULL, TIME_OR_NULL, MONEY_OR_NULL, NUMBER_OR_NULL = map(or_null, (TEXT, TIME, MONEY, NUMBER))
STATUS = one_of(None, *OrderStatus)
TRACKING = one_of(*Tracking)

ORDER: JsonSchema = {
    "panel": TEXT,
    "id": ID,
    "status": STATUS,
    "status_raw": TEXT_OR_NULL,
    "kind": one_of(*OrderKind),
    "tracking": TRACKING,
    "charge": MONEY_OR_NULL,
    "highest_charge": MONEY_OR_NULL,
    "currency": TEXT_OR_NULL,
    "start_count": NUMBER_OR_NULL,
    "remains": NUMBER_OR_NULL,
    "quantity": or_null(SEQ),
    "quantity_source": one_of("given", "inferred", None),
    "service": TEXT_OR_NULL,
    "link": TEXT_OR_NULL,
    "ref": TEXT_OR_NULL,
    "tags": TEXTS,
    "parent": TEXT_OR_NULL,
    "placed_at": TIME_OR_NULL,
    "tracked_at": TIME,
    "last_polled_at": TIME_OR_NULL,
    "last_changed_at": TIME_OR_NULL,
    "finished_at": TIME_OR_NULL,
    "next_poll_at": TIME_OR_NULL,
    "next_poll_reason": TEXT,
    "eta": TIME_OR_NULL,
}
MOVE: JsonSchema = {
    "seq": SEQ,
    "old": STATUS,
    "new": one_of(*OrderStatus),
    "said": TEXT,
    "at": TIME,
    "not_before": TIME_OR_NULL,
    "charge": MONEY_OR_NULL,
    "old_charge": MONEY_OR_NULL,
    "remains": NUMBER_OR_NULL,
    "regressed": TRUTH,
    "skipped": TEXTS,
}
REFILL: JsonSchema = {
    "panel": TEXT,
    "id": ID,
    "order": TEXT_OR_NULL,
    "status": one_of(None, *RefillStatus),
    "status_raw": TEXT_OR_NULL,
    "tracking": TRACKING,
    "tracked_at": TIME,
    "last_polled_at": TIME_OR_NULL,
    "last_changed_at": TIME_OR_NULL,
    "finished_at": TIME_OR_NULL,
    "next_poll_at": TIME_OR_NULL,
}
# An event has the bytes that every hook got: see docs/events.md. Each type has a schema of its own.
EVENT = record(
    {"type": one_of(*EVENT_TYPES), "id": TEXT, "version": SEQ, "timestamp": TIME, "data": {"type": "object"}}
) | {"type": ["object", "null"]}
ATTEMPT: JsonSchema = {
    "number": SEQ,
    "started_at": TIME,
    "took_s": or_null({"type": "number"}),
    "outcome": TEXT_OR_NULL,
    "code": NUMBER_OR_NULL,
    "address": TEXT_OR_NULL,
    "snippet": TEXT_OR_NULL,
    "body_truncated": TRUTH,
    "error": TEXT_OR_NULL,
}
DELIVERY: JsonSchema = {
    "id": SEQ,
    "hook": TEXT,
    "event_id": TEXT,
    "event_type": TEXT,
    "panel": TEXT,
    "stream": TEXT,
    "state": TEXT,
    "attempts": COUNT,
    "replay": TRUTH,
    "created_at": TIME,
    "first_attempt_at": TIME_OR_NULL,
    "next_attempt_at": TIME_OR_NULL,
    "settled_at": TIME_OR_NULL,
    "error": TEXT_OR_NULL,
    "tries": {"type": "array", "items": record(ATTEMPT)},
}
TOLD: JsonSchema = {
    "number": SEQ,
    "id": TEXT,
    "type": TEXT,
    "panel": TEXT,
    "kind": TEXT,
    "remote_id": TEXT,
    "seq": SEQ,
    "at": TIME,
    "body": EVENT,
    "deliveries": {"type": "array", "items": record(DELIVERY)},
}
CHILD = {name: ORDER[name] for name in CHILD_FIELDS}
STORY: JsonSchema = ORDER | {
    "transitions": {"type": "array", "items": record(MOVE)},
    "progress": {"type": "array", "items": record({"at": TIME, "remains": NUMBER})},
    "children": {"type": "array", "items": record(CHILD)},
    "refills": rows_of("Refill"),
    "events": {"type": "array", "items": record(TOLD)},
}
BALANCE: JsonSchema = {
    "panel": TEXT,
    "amount": MONEY,
    "currency": TEXT_OR_NULL,
    "at": TIME,
    "checked_at": TIME_OR_NULL,
    "burn_per_day": MONEY_OR_NULL,
    "runway_h": or_null({"type": "number"}),
}
PANEL: JsonSchema = {
    "panel": TEXT,
    "state": one_of("ok", "new", "paused", "trouble", "degraded"),
    "budget_used": COUNT,
    "budget": COUNT,
    "orders_active": COUNT,
    "orders_due": COUNT,
    "last_answer_at": TIME_OR_NULL,
    "trouble": TEXT_OR_NULL,
    "trouble_since": TIME_OR_NULL,
    "trouble_message": TEXT_OR_NULL,
    "wait_until": TIME_OR_NULL,
    "calls_aside": TEXTS,
    "ids_aside": COUNT,
}
PROBLEM: JsonSchema = {
    "type": {"type": "string", "format": "uri"},
    "title": TEXT,
    "status": NUMBER,
    "detail": TEXT,
    "errors": {"type": "array", "items": record({"field": TEXT, "reason": TEXT})},
}
BAD: JsonSchema = {"index": COUNT, "field": TEXT, "reason": TEXT}
TAKEN: JsonSchema = {"added": COUNT, "known": COUNT, "bad": {"type": "array", "items": record(BAD)}}

# The shapes in which an order may be given; core.orders.new_orders reads them.
_STORABLE: JsonSchema = {"maxLength": 4_000, "pattern": "^[^\\u0000]*$"}
_GIVEN: JsonSchema = {"type": ["string", "integer", "null"]} | _STORABLE
_FLAG = one_of(True, False, "true", "false", "yes", "no", "1", "0", 1, 0, "", None)


def new_order(panels: Sequence[str]) -> JsonSchema:
    """Returns the schema of an order in a request.

    panels: the names of the configured ones.
    """
    facts: JsonSchema = {
        "panel": one_of(*panels),
        "id": {"type": ["string", "integer"], "minimum": 0, "maxLength": ID_MAX, "pattern": GIVEN_ID_PATTERN},
        "service": _GIVEN,
        "quantity": {
            "type": ["integer", "string", "null"],
            "minimum": 1,
            "maximum": INT_MAX,
            "pattern": "^[1-9]\\d{0,17}$",
        },
        "charge": {
            "type": ["string", "number", "null"],
            "minimum": 0,
            "maximum": 1e15,
            "pattern": "^\\d{1,15}(\\.\\d{1,12})?$",
        },
        "currency": _GIVEN,
        "link": _GIVEN,
        "ref": _GIVEN,
        "tags": {"type": ["array", "string", "null"], "items": _GIVEN} | _STORABLE,
        "placed_at": {"type": ["string", "integer", "null"], "format": "date-time", "minimum": 0},
        "status": one_of(None, *(status for status in OrderStatus if status is not OrderStatus.UNKNOWN)),
        "baseline": _FLAG,
        "just_placed": _FLAG,
        "parent": _GIVEN,
    }
    return closed_record(facts, optional=[name for name in facts if name not in ("panel", "id")])


def named(panels: Sequence[str]) -> dict[str, JsonSchema]:
    """Returns every schema that `ref` can name."""
    return {
        "NewOrder": new_order(panels),
        "Taken": record(TAKEN),
        "Order": record(ORDER),
        "OrderStory": record(STORY),
        "Transition": record({"panel": TEXT, "id": ID, "currency": TEXT_OR_NULL} | MOVE),
        "Refill": record(REFILL),
        "Balance": record(BALANCE),
        "Panel": record(PANEL),
        "Told": record({"seq": SEQ, "event": EVENT}),
        "Problem": record(PROBLEM),
    }
