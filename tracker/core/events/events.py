"""Events: their names, ids and bytes.

Rule 1: an event's id is derived from what happened, never from chance or time, so that the same
        move seen again after a restored backup has the id it had.
Rule 2: the id of an order's or a refill's event counts its moves. What is no move (event_types.NOTICES)
        is counted apart: an order that was told as stuck has the same ids as one that was not.
Rule 3: its bytes are made here, once, and never again.
Rule 4: no link, comment or user name enters an event.

The frame is that of Standard Webhooks: `type`, `timestamp`, `data`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from tracker.core.dates import rfc3339
from tracker.core.events.event_types import NOTICES, severity_of
from tracker.core.model import Event, Order, Refill, Transition
from tracker.core.money import money
from tracker.core.status import FINAL

VERSION = 1

_encode = msgspec.json.Encoder().encode
# Base32 (RFC 4648, lower case) two characters at a time: a quarter of what base64.b32encode takes.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)
_NO_WORD = re.compile(r"[^a-z0-9_.-]")
_stamp = lru_cache(maxsize=64)(rfc3339)  # one answer makes up to 100 events of one moment


def _stamp_or_none(at: float | None) -> str | None:
    return None if at is None else _stamp(int(at))


def event_id(panel: str, kind: str, remote_id: str, counter: str, n: int, name: str, old: str, new: str) -> str:
    """Returns `evt_` and 26 characters of base32 (130 bits) of SHA-256 over what happened.

    counter: what `n` counts of the subject: "move", "notice" or, where a subject has one counter only, "event".
    """
    told = "\x1f".join((panel, kind, remote_id, counter, str(n), name, old, new))
    bits = int.from_bytes(hashlib.sha256(told.encode()).digest()[:17], "big") >> 6
    return "evt_" + "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def body(name: str, id_: str, at: float, data: dict[str, Any]) -> bytes:
    """Returns the JSON that every receiver gets, byte for byte."""
    return _encode({"type": name, "id": id_, "version": VERSION, "timestamp": _stamp(int(at)), "data": data})


def order_facts(order: Order, seq: int) -> dict[str, Any]:
    """Returns `data.order`: the order as it is after the move."""
    known = order.quantity is not None and order.remains is not None
    return {
        "id": order.remote_id,
        "seq": seq,
        "status": order.status,
        "status_raw": order.status_raw,
        "service": order.service,
        "ref": order.ref,
        "tags": order.tags,
        "quantity": order.quantity,
        "quantity_source": order.quantity_source,
        "start_count": order.start_count,
        "remains": order.remains,
        "delivered": order.quantity - order.remains if known else None,  # type: ignore[operator]
        "charge": money(order.charge),
        "currency": order.currency,
    }


def order_event(
    name: str,
    before: Order,
    after: Order,
    seq: int,
    at: float,
    move: Transition | None = None,
    refund: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
) -> Event:
    """Returns an event about `after`.

    seq: its place among the order's events, for its body. move: the transition it tells, if it tells one.
    facts: further data.
    """
    data: dict[str, Any] = {
        "panel": after.panel,
        "order": order_facts(after, seq),
        "previous": {
            "status": before.status,
            "remains": before.remains,
            "charge": money(before.charge),
        },
        "observed": _observed(at, before.last_polled_at),
    }
    if refund is not None or after.status in FINAL:
        data["refund"] = refund
    data["regressed"] = move.regressed if move else False
    data["skipped"] = move.skipped if move else ()
    if facts:
        data |= facts
    move_words = (before.status or "", after.status or "")
    routing = (after.service, after.tags, after.charge)
    return _event(
        name, after.panel, "order", after.remote_id, seq, at, data, _counted(name, after), move_words, routing
    )


def unknown_word_event(order: Order, word: str, at: float) -> Event:
    """Returns `order.unknown_status`. Its id depends on panel and word alone, so the log holds it once."""
    data = {"panel": order.panel, "word": word[:200], "order": {"id": order.remote_id}}
    return _event("order.unknown_status", order.panel, "word", word[:200], 1, at, data, move=("", word))


def refill_event(name: str, before: Refill, after: Refill, seq: int, at: float) -> Event:
    """Returns an event about `after`. seq: its place among the refill's events, for its body."""
    data = {
        "panel": after.panel,
        "refill": {
            "id": after.remote_id,
            "order": after.order_remote_id,
            "seq": seq,
            "status": after.status,
            "status_raw": after.status_raw,
        },
        "previous": {"status": before.status},
        "observed": _observed(at, before.last_polled_at),
    }
    move_words = (before.status or "", after.status or "")
    return _event(name, after.panel, "refill", after.remote_id, seq, at, data, _counted(name, after), move_words)


def panel_event(name: str, panel: str, key: str, seq: int, at: float, data: dict[str, Any]) -> Event:
    """Returns an event about a panel, its balance or the tracker itself (panel "").

    key: the alert's name, or what else it is about. seq: counts the events about it.
    """
    whole = {"panel": panel, **data} if panel else data
    return _event(name, panel, name.partition(".")[0], key, seq, at, whole, alert=data.get("alert", {}).get("name"))


def alert_facts(panel: str, name: str, since: str | None, reason: str, reminders: int) -> dict[str, Any]:
    """Returns `data.alert` of an event. All events of an alert have one `incident`, whenever it is raised."""
    severity, incident = str(severity_of(name)), f"{panel}/{name}"
    return {
        "name": name,
        "since": since,
        "reason": reason,
        "reminders": reminders,
        "severity": severity,
        "incident": incident,
    }


def crowd_facts(name: str, panel: str, since: float, count: int, of: int, ids: Sequence[str]) -> dict[str, Any]:
    """Returns `data.orders` of an event that stands for those of many orders.

    since: when the first of them was seen to be so. count: how many they are. of: how many open orders the panel has.
    ids: the first of them.
    """
    return {
        "count": count,
        "open": of,
        "ids": ids,
        "since": _stamp(int(since)),
        "severity": str(severity_of(name)),
        "incident": f"{panel}/{name}",
    }


def stalled_facts(
    panel: str,
    service: str,
    name: str | None,
    since: float | None,
    stuck: int,
    of: int,
    at_risk: Mapping[str | None, Decimal],
    unknown: int,
) -> dict[str, Any]:
    """Returns `data.service` of `service.stalled`.

    since: when the service was last seen to deliver something; None: never. stuck: how many of its `of` open orders
    are. at_risk, unknown: from stalled.at_risk.
    """
    return {
        "id": service,
        "name": name,
        "since": _stamp_or_none(since),
        "stuck": stuck,
        "open": of,
        "at_risk": [{"currency": currency, "amount": money(amount)} for currency, amount in at_risk.items()],
        "charge_unknown": unknown,
        "severity": str(severity_of("service.stalled")),
        "incident": f"{panel}/service.stalled.{_NO_WORD.sub('-', service.lower())[:40]}",
    }


def hook_event(
    name: str, hook: str, seq: int, at: float, since: float | None, waiting: int, dead: int, reason: str
) -> Event:
    """Returns an event about a hook. It belongs to no panel, and the hook itself never hears it."""
    facts = {
        "name": hook,
        "severity": str(severity_of(name)),
        "incident": f"hook/{hook}",
        "failing_since": _stamp_or_none(since),
        "waiting": waiting,
        "dead": dead,
        "reason": reason,
    }
    return panel_event(name, "", hook, seq, at, {"hook": facts})


def tracker_facts(since: float, reason: str) -> dict[str, Any]:
    """Returns `data.tracker` of the events about the tracker itself."""
    severity = str(severity_of("tracker.degraded"))
    return {"since": _stamp(int(since)), "reason": reason, "severity": severity, "incident": "tracker.degraded"}


def gateway_event(name: str, panel: str, key: str, seq: int, at: float, facts: dict[str, Any]) -> Event:
    """Returns an event about a call through the gateway, or about a client; key: the name of either."""
    return _event(name, panel, "gateway", key, seq, at, {"panel": panel, "gateway": facts})


def _counted(name: str, subject: Order | Refill) -> tuple[str, int]:
    """Returns the counter that goes into the id of this event, and its value."""
    return ("notice", subject.notices) if name in NOTICES else ("move", subject.moves)


def _observed(at: float, not_before: float | None) -> dict[str, str | None]:
    """Returns the two moments between which it happened."""
    return {"at": _stamp(int(at)), "not_before": _stamp_or_none(not_before)}


def _event(
    name: str,
    panel: str,
    kind: str,
    remote_id: str,
    seq: int,
    at: float,
    data: dict[str, Any],
    counted: tuple[str, int] | None = None,
    move: tuple[str, str] = ("", ""),
    routing: tuple[str | None, tuple[str, ...], Decimal | None] = (None, (), None),
    alert: str | None = None,
) -> Event:
    """Returns the event with its id and bytes, which never change from here on.

    counted: the counter that goes into the id, and its value; `seq` where the subject has no other.
    move: old and new status. routing: service, tags and charge. alert: the name of the one that it is about.
    """
    id_ = event_id(panel, kind, remote_id, *(counted or ("event", seq)), name, *move)
    return Event(
        id_, name, panel, kind, remote_id, seq, at, body(name, id_, at, data), *routing, severity_of(name, alert)
    )
