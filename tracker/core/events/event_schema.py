"""The JSON Schemas (draft 2020-12) of all events, and the tables they are made of.

Rule 1: a schema stands alone, so that one file can be copied to a receiver.
Rule 2: it is strict: every field is listed and required unless it says otherwise, and no other is allowed.
Rule 3: a type of which the program makes no event yet has none.

docs/events.md explains the fields; tests/event_checks.py checks events against the schemas.
"""

from collections.abc import Iterable

from tracker.core.catalogue import CHANGES_MAX
from tracker.core.events.crowds import IDS_MAX, SINGLE
from tracker.core.events.event_types import severity_of
from tracker.core.events.events import VERSION
from tracker.core.ids import ID_MAX, ID_PATTERN
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
)
from tracker.core.model import Severity
from tracker.core.status import FINAL, OPEN, REFILL_OPEN, OrderStatus, RefillStatus

_O, _R = OrderStatus, RefillStatus
_NEVER_ANSWERED = None

# The statuses that an order may be in when an event of this type is made.
ORDERS: dict[str, tuple[OrderStatus | None, ...]] = {
    "order.tracked": (_NEVER_ANSWERED, *(status for status in _O if status is not _O.UNKNOWN)),
    "order.started": (_O.IN_PROGRESS,),
    "order.completed": (_O.COMPLETED,),
    "order.partial": (_O.PARTIAL,),
    "order.canceled": (_O.CANCELED,),
    "order.refunded": tuple(_O),
    "order.failed": (_O.FAILED,),
    "order.reopened": tuple(status for status in _O if status in OPEN),
    "order.stuck": tuple(status for status in _O if status in OPEN - {_O.PAUSED}),
    "order.unanswered": (_NEVER_ANSWERED, *_O),
    "order.not_found": (_NEVER_ANSWERED, *_O),
    "order.found": tuple(_O),
    "order.changed": tuple(_O),
}
# These never tell a move: nothing was skipped, nothing regressed, and there are no amounts for a refund.
NO_MOVE = frozenset({"order.tracked", "order.stuck", "order.unanswered", "order.not_found"})
# These state a refund in an open status too, when order.refunded is told beside them.
BESIDE_REFUNDED = frozenset({"order.started", "order.found", "order.changed"})

REFILLS: dict[str, tuple[RefillStatus | None, ...]] = {
    "refill.tracked": (_NEVER_ANSWERED, *(status for status in _R if status in REFILL_OPEN)),
    "refill.completed": (_R.COMPLETED,),
    "refill.rejected": (_R.REJECTED,),
    "refill.canceled": (_R.CANCELED,),
    "refill.failed": (_R.FAILED,),
    "refill.not_found": (_NEVER_ANSWERED, *_R),
    "refill.changed": tuple(_R),
}

# The alerts that an event may be about.
BALANCES = {
    "balance.low": ("balance.low",),
    "balance.runway_low": ("balance.runway_low",),
    "balance.unreadable": ("balance.unreadable",),
    "balance.recovered": ("balance.low", "balance.runway_low", "balance.unreadable"),
}
PANELS = {
    "panel.down": ("panel.down",),
    "panel.auth_failed": ("panel.auth_failed",),
    "panel.behind": ("panel.behind",),
    "panel.degraded": ("panel.degraded",),
    "panel.recovered": ("panel.down", "panel.auth_failed", "panel.behind", "panel.degraded"),
}
HOOKS = ("hook.failing", "hook.disabled", "hook.recovered")
TRACKER = ("tracker.degraded", "tracker.recovered")
GATEWAY = ("gateway.unclear", "gateway.limit")

TYPES = (
    *(*ORDERS, "order.unknown_status", *SINGLE, *REFILLS, *BALANCES),
    *(*PANELS, "panel.children_capped", "catalogue.changed", "service.stalled", *HOOKS, *TRACKER, *GATEWAY),
)


def schema(name: str) -> JsonSchema:
    """Returns the schema of the events of type `name`, one of TYPES."""
    frame = {
        "type": {"const": name},
        "id": {"type": "string", "pattern": "^evt_[a-z2-7]{26}$"},
        "version": {"const": VERSION},
        "timestamp": TIME,
        "data": _data(name),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:tracker:event:{name}",
        "$comment": "Made by tracker.event_schemas. Fields are never renamed or removed; a later version may add some.",
        "title": name,
        **closed_record(frame),
    }


NAME: JsonSchema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,39}$"}
INCIDENT: JsonSchema = {"type": "string", "pattern": "^[a-z0-9_-]+[/.][a-z0-9_.-]+$"}
REMOTE_ID: JsonSchema = {"type": "string", "minLength": 1, "maxLength": ID_MAX, "pattern": ID_PATTERN}
OBSERVED = closed_record({"at": TIME, "not_before": or_null(TIME)})
REFUND = closed_record(
    {
        "expected": or_null(MONEY),
        "observed": or_null(MONEY),
        "basis": one_of("charge_drop", "remains", None),
    }
)


def _data(name: str) -> JsonSchema:
    match name.partition(".")[0]:
        case "order" if name in ORDERS:
            return _order(name, ORDERS[name])
        case "order":
            return closed_record(
                {"panel": NAME, "word": TEXT | {"maxLength": 200}, "order": closed_record({"id": REMOTE_ID})}
            )
        case "orders":
            return closed_record({"panel": NAME, "orders": MANY_ORDERS})
        case "refill":
            return _refill(REFILLS[name])
        case "balance":
            return _balance(name)
        case "panel" if name == "panel.children_capped":
            return closed_record({"panel": NAME, "children": CHILDREN})
        case "panel":
            return closed_record({"panel": NAME, "alert": _alert(PANELS[name])})
        case "service":
            return closed_record({"panel": NAME, "service": STALLED})
        case "hook":
            return closed_record({"hook": HOOK})
        case "gateway":
            return closed_record({"panel": NAME, "gateway": UNCLEAR if name == "gateway.unclear" else LIMIT})
        case "tracker":
            facts = {"since": TIME, "reason": TEXT, "severity": SEVERITY, "incident": INCIDENT}
            return closed_record({"tracker": closed_record(facts)})
    return closed_record({"panel": NAME, "catalogue": CATALOGUE})


def _order(name: str, statuses: tuple[OrderStatus | None, ...]) -> JsonSchema:
    moved = name not in NO_MOVE
    final = [status for status in statuses if status in FINAL]
    fields: JsonSchema = {
        "panel": NAME,
        "order": _order_facts(statuses),
        "previous": closed_record(
            {"status": one_of(None, *_O), "remains": or_null(NUMBER), "charge": or_null(MONEY)},
        ),
        "observed": OBSERVED,
    }
    if name == "order.refunded":
        fields["refund"] = REFUND
    elif final or name in BESIDE_REFUNDED:
        fields["refund"] = or_null(REFUND) if moved else {"type": "null"}
    fields["regressed"] = {"type": "boolean"} if moved else {"const": False}
    passed = [status for status in _O if status is not _O.UNKNOWN]
    fields["skipped"] = {"type": "array", "items": one_of(*passed)} | ({} if moved else {"maxItems": 0})
    if name == "order.stuck":
        fields["stuck"] = closed_record({"since": TIME})
    if name == "order.unanswered":
        fields["unanswered"] = closed_record({"since": TIME, "reason": TEXT})
    if name == "order.refunded" or len(final) == len(statuses):
        return closed_record(fields)
    whole = closed_record(fields, optional=("refund",))
    return whole | _refund_when(final, elsewhere=name in BESIDE_REFUNDED) if final else whole


def _refund_when(final: Iterable[OrderStatus], *, elsewhere: bool) -> JsonSchema:
    """Returns the rule that `refund` stands in every final status; elsewhere: it may stand in others too."""
    ended = {"properties": {"order": {"properties": {"status": one_of(*final)}}}}
    condition: JsonSchema = {"if": ended, "then": {"required": ["refund"]}}
    return condition if elsewhere else condition | {"else": {"properties": {"refund": False}}}


def _order_facts(statuses: Iterable[OrderStatus | None]) -> JsonSchema:
    return closed_record(
        {
            "id": REMOTE_ID,
            "seq": SEQ,
            "status": one_of(*statuses),
            "status_raw": or_null(TEXT),
            "service": or_null(TEXT),
            "ref": or_null(TEXT),
            "tags": {"type": "array", "items": TEXT},
            "quantity": or_null(SEQ),
            "quantity_source": one_of("given", "inferred", None),
            "start_count": or_null(NUMBER),
            "remains": or_null(NUMBER),
            "delivered": or_null(NUMBER),
            "charge": or_null(MONEY),
            "currency": or_null(TEXT),
        }
    )


def _balance(name: str) -> JsonSchema:
    """A balance that cannot be read is no part of its events."""
    facts: JsonSchema = {"panel": NAME, "alert": _alert(BALANCES[name])}
    if name == "balance.unreadable":
        return closed_record(facts)
    whole = closed_record(facts | {"balance": BALANCE}, optional=("balance",))
    unread = {"properties": {"alert": {"properties": {"name": {"const": "balance.unreadable"}}}}}
    return whole | {"if": unread, "then": {"properties": {"balance": False}}, "else": {"required": ["balance"]}}


def _refill(statuses: Iterable[RefillStatus | None]) -> JsonSchema:
    facts = {
        "id": REMOTE_ID,
        "order": or_null(REMOTE_ID),
        "seq": SEQ,
        "status": one_of(*statuses),
        "status_raw": or_null(TEXT),
    }
    previous = closed_record({"status": one_of(None, *_R)})
    return closed_record({"panel": NAME, "refill": closed_record(facts), "previous": previous, "observed": OBSERVED})


def _alert(names: Iterable[str]) -> JsonSchema:
    severities = one_of(*sorted({str(severity_of(name)) for name in names}))
    return closed_record(
        {
            "name": one_of(*names),
            "since": TIME,
            "reason": TEXT,
            "reminders": COUNT,
            "severity": severities,
            "incident": INCIDENT,
        }
    )


BALANCE = closed_record(
    {
        "amount": MONEY,
        "currency": or_null(TEXT),
        "threshold": {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?( h)?$"},
        "runway_h": or_null({"type": "number", "minimum": 0}),
        "burn_per_day": or_null(MONEY),
    }
)
SEVERITY = one_of(*map(str, Severity))
HOOK = closed_record(
    {
        "name": NAME,
        "severity": SEVERITY,
        "incident": INCIDENT,
        "failing_since": or_null(TIME),
        "waiting": COUNT,
        "dead": COUNT,
        "reason": TEXT,
    }
)

UNCLEAR = closed_record(
    {
        "call": {"type": "string", "pattern": "^G-[a-z2-7]{10}$"},
        "client": NAME,
        "action": one_of("add", "refill", "cancel"),
        "service": or_null(TEXT),
        "quantity": or_null(SEQ),
        "orders": {"type": "array", "items": REMOTE_ID},
        "reason": TEXT,
    }
)
STALLED = closed_record(
    {
        "id": TEXT,
        "name": or_null(TEXT),
        "since": or_null(TIME),
        "stuck": SEQ,
        "open": SEQ,
        "at_risk": {"type": "array", "items": closed_record({"currency": or_null(TEXT), "amount": MONEY})},
        "charge_unknown": COUNT,
        "severity": {"const": str(Severity.WARNING)},
        "incident": INCIDENT,
    }
)
MANY_ORDERS = closed_record(
    {
        "count": SEQ,
        "open": COUNT,
        "ids": {"type": "array", "items": REMOTE_ID, "minItems": 1, "maxItems": IDS_MAX},
        "since": TIME,
        "severity": {"const": str(Severity.WARNING)},
        "incident": INCIDENT,
    }
)
CHILDREN = closed_record(
    {"order": REMOTE_ID, "limit": one_of("per_order", "per_day"), "at_most": COUNT, "left_out": COUNT}
)
LIMIT = closed_record(
    {
        "client": NAME,
        "service": or_null(TEXT),
        "quantity": or_null(SEQ),
        "reason": TEXT,
        "price": or_null(MONEY),
        "reserved": MONEY,
        "max_spend_per_day": or_null(MONEY),
    }
)


def _change(what: Iterable[str], old: JsonSchema, new: JsonSchema) -> JsonSchema:
    return closed_record({"service": TEXT, "what": one_of(*what), "old": old, "new": new})


NOTHING: JsonSchema = {"type": "null"}
CATALOGUE = closed_record(
    {
        "added": COUNT,
        "removed": COUNT,
        "changed": COUNT,
        "changes": {
            "type": "array",
            "maxItems": CHANGES_MAX,
            "items": {
                "oneOf": [
                    _change(("name", "type", "category"), TEXT, TEXT),
                    _change(("rate",), or_null(MONEY), or_null(MONEY)),
                    _change(("min", "max"), or_null(NUMBER), or_null(NUMBER)),
                    _change(("refill", "cancel"), TRUTH, TRUTH),
                    _change(("added",), NOTHING, TEXT),
                    _change(("removed",), TEXT, NOTHING),
                ]
            },
        },
    }
)
