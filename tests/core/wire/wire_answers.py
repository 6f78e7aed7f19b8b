"""Helpers of the tests of `wire`: they make an answer, and write down what was read from it."""

import json
from decimal import Decimal

import pytest

from tracker.core import wire
from tracker.core.model import OrderKind
from tracker.core.wire import PanelAnswer
from tracker.core.wire.errors import NO_OWN_WORDS
from tracker.errors import PanelError

ORDER = {"charge": "0.27819", "start_count": "3572", "status": "Partial", "remains": "157", "currency": "USD"}


def order(**fields):
    return ORDER | fields


def answer(body, http=200, retry_after_s=None, words=NO_OWN_WORDS):
    """Returns a PanelAnswer; a body that is neither text nor bytes is printed as compact JSON."""
    if not isinstance(body, str | bytes):
        body = json.dumps(body, separators=(",", ":"))
    return PanelAnswer(http, body.encode() if isinstance(body, str) else body, retry_after_s, words)


def status(body, *asked, words=NO_OWN_WORDS, **kwargs):
    return wire.read_status(answer(body, words=words), asked or ("1",), **kwargs)


def one(body):
    return status(body).snapshots["1"]


def trouble(read, body, *args, http=200):
    with pytest.raises(PanelError) as caught:
        read(answer(body, http), *args)
    return caught.value


def plain_order(snapshot):
    said = {"status": snapshot.status, "status_raw": snapshot.said, "charge": snapshot.charge}
    said |= {name: getattr(snapshot, name) for name in ("start_count", "remains", "currency")}
    if snapshot.kind is not OrderKind.DEFAULT:
        said |= {"kind": snapshot.kind, "children": list(snapshot.children)}
    return said


def plain_reading(reading, plain):
    said = {remote_id: plain(snapshot) for remote_id, snapshot in reading.snapshots.items()}
    said |= {remote_id: {"refused": refusal.message} for remote_id, refusal in reading.refusals.items()}
    return said | {remote_id: {"absent": True} for remote_id in reading.absent}


def plain_receipt(receipt):
    said = {"created": receipt.created, "accepted": list(receipt.accepted), "refused": receipt.refused}
    return {name: value for name, value in said.items() if value}


def plain_service(service):
    return {name: getattr(service, name) for name in ("rate", "min", "max", "refill", "cancel")}


def plain_refill(snapshot):
    return {"status": snapshot.status, "status_raw": snapshot.said}


def plain_balance(balance):
    return {"amount": balance.amount, "currency": balance.currency}


READERS = {
    "status": lambda a, ids: {"orders": plain_reading(wire.read_status(a, ids), plain_order)},
    "refill_status": lambda a, ids: {"refills": plain_reading(wire.read_refill_status(a, ids), plain_refill)},
    "refill": lambda a, ids: plain_receipt(wire.read_refill(a, ids)),
    "cancel": lambda a, ids: plain_receipt(wire.read_cancel(a, ids)),
    "add": lambda a, ids: {"order": wire.read_add(a)},
    "balance": lambda a, ids: {"balance": plain_balance(wire.read_balance(a))},
    "services": lambda a, ids: {"services": {s.service: plain_service(s) for s in wire.read_services(a)}},
}


def as_read(action, a, ids):
    """Returns what the reader of `action` reads, in the form of the table (money still Decimal)."""
    try:
        return READERS[action](a, ids)
    except PanelError as error:
        hint = {} if error.retry_after_s is None else {"retry_after": error.retry_after_s}
        return {"panel_error": error.kind} | hint


def with_money(expect):
    if isinstance(expect, dict):
        return {
            name: Decimal(value) if name in ("charge", "amount", "rate") and value else with_money(value)
            for name, value in expect.items()
        }
    return expect
