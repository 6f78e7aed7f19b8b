"""Reads the answers to status and refill_status into values of `core.model`, or raises a PanelError.

Rule 1: an answer that is not a well-formed document is refused as a whole. In a well-formed one, an entry or a
        field that cannot be read is left out and counted, and the rest is taken.
Rule 2: only ids that were asked for are returned.
Rule 3: an entry that is the same text as last time is not read again.

The table of cases, tests/data/wire-cases.jsonl, shows what each shape means.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tracker.core.model import OrderKind, OrderSnapshot, RefillSnapshot, Refusal
from tracker.core.status import ORDER_WORDS, OrderStatus, fold, order_status, refill_status
from tracker.core.wire.entries import Entries, FieldNames, cut_rows, flat_rows, refuse_empty, unwrapped
from tracker.core.wire.errors import (
    PASSING_OR_ACCOUNT,
    Meaning,
    OwnWords,
    PanelAnswer,
    error_text,
    has_data,
    reading,
)
from tracker.core.wire.strict_json import Digits, Doubled, folded, parse
from tracker.core.wire.values import TEXT_MAX, currency, is_blank, money, remains, remote_id, short, whole, word

ENTRY_MAX = 1024  # bytes: an order's entry is stored up to this size; a longer one is read every time
CHILDREN_MAX = 1_000  # children read from one entry: each becomes an order to poll

_ORDERS = FieldNames(
    id="order",
    nest="orders",
    fields=frozenset(
        {"charge", "start_count", "start_counter", "remains", "currency", "quantity", "service", "link"}
        | {"runs", "posts", "expiry", "orders"}
    ),
)
_REFILLS = FieldNames(id="refill", nest="refills", fields=frozenset())
_LOWER_CASE = _ORDERS.fields | {"status", "error", "message", "order", "refill"}  # names that need no folding

# Words for "the call worked", which some panels put where the order's status belongs.
_ENVELOPE_WORDS = frozenset({"success", "100", "200"})

Value = TypeVar("Value")


class StatusReading(Struct, frozen=True):
    """What an answer says about the orders asked for: every id is in exactly one of the first four.

    unchanged: ids whose entry is the known one.
    absent: ids without a usable answer.
    strangers: how many entries are about other ids.
    unreadable: how many fields and entries were left out.
    duplicates: how many ids were answered twice or with contradictions (they are in `absent`).
    entries: the text of each entry as it came.
    """

    snapshots: dict[str, OrderSnapshot]
    refusals: dict[str, Refusal]
    unchanged: list[str]
    absent: list[str]
    strangers: int
    unreadable: int
    duplicates: int
    entries: Mapping[str, str] = {}


class RefillReading(Struct, frozen=True):
    """What an answer says about the refills asked for; fields as in StatusReading.

    order: the ids as they stand in the answer.
    """

    snapshots: dict[str, RefillSnapshot]
    refusals: dict[str, Refusal]
    absent: list[str]
    strangers: int
    duplicates: int
    order: Sequence[str] = ()


def read_status(
    answer: PanelAnswer,
    asked: Sequence[str],
    known: Mapping[str, str] = {},
) -> StatusReading:
    """Read the answer to `status`. Raises PanelError.

    known: per id the entry (OrderSnapshot.entry) that was last read with the same words.
    """
    ids = list(dict.fromkeys(asked))
    snapshots: dict[str, OrderSnapshot] = {}
    refusals: dict[str, Refusal] = {}
    unchanged: list[str] = []
    absent: list[str] = []
    with reading(answer) as whole_text:
        text = unwrapped(whole_text, answer.words)
        rows = cut_rows(text, ids, _ORDERS) or flat_rows(answer, text, ids, _ORDERS)
        refuse_empty(answer, rows)
        for order_id in ids:
            entry = rows.texts.get(order_id)
            if entry is not None and entry == known.get(order_id):
                unchanged.append(order_id)
                continue
            read = None if entry is None else _order(order_id, entry, answer.words, rows)
            if isinstance(read, OrderSnapshot):
                snapshots[order_id] = read
            elif read is not None:
                refusals[order_id] = read
            else:
                absent.append(order_id)
    aside = (rows.strangers, rows.unreadable, rows.duplicates)
    return StatusReading(snapshots, refusals, unchanged, absent, *aside, rows.texts)


def read_refill_status(answer: PanelAnswer, asked: Sequence[str]) -> RefillReading:
    """Read the answer to `refill_status`. Raises PanelError."""
    ids = list(dict.fromkeys(asked))
    snapshots: dict[str, RefillSnapshot] = {}
    refusals: dict[str, Refusal] = {}
    with reading(answer) as whole_text:
        text = unwrapped(whole_text, answer.words)
        rows = cut_rows(text, ids, _REFILLS) or flat_rows(answer, text, ids, _REFILLS)
        refuse_empty(answer, rows)
        for refill_id, entry in rows.texts.items():
            read = _refill(refill_id, entry, answer.words, rows)
            if isinstance(read, RefillSnapshot):
                snapshots[refill_id] = read
            elif read is not None:
                refusals[refill_id] = read
    absent = [refill_id for refill_id in ids if refill_id not in snapshots and refill_id not in refusals]
    return RefillReading(snapshots, refusals, absent, rows.strangers, rows.duplicates, tuple(rows.texts))


class _Plain(Struct, forbid_unknown_fields=True):
    """An entry as in the API reference: exactly these five names, all with text values."""

    charge: str
    start_count: str
    status: str
    remains: str
    currency: str


_PLAIN = msgspec.json.Decoder(_Plain)
_PLAIN_COLONS = len(_Plain.__struct_fields__)  # a name that comes twice adds one more


def _plain_order(order_id: str, text: str, words: OwnWords) -> OrderSnapshot | None:
    """Reads the entry that nearly every panel prints, in a third of the time; None for one that needs a closer look."""
    if text.count(":") != _PLAIN_COLONS or len(text) > ENTRY_MAX or not text.isascii():
        return None
    try:
        entry = _PLAIN.decode(text)
    except msgspec.MsgspecError:
        return None
    status = _plain_status(entry.status)
    charge, start_count = money(entry.charge), whole(entry.start_count)
    left, unit = remains(entry.remains), currency(entry.currency)
    if status is None or charge is None or start_count is None or left is None or unit is None:
        return None
    if (words.statuses or words.errors) and words.has(entry.status):
        return None
    return OrderSnapshot(order_id, status, entry.status, charge, start_count, left, unit, entry=text)


@lru_cache(maxsize=64)
def _plain_status(said: str) -> OrderStatus | None:
    """Returns what a plain word means; None for one that may be an envelope word, an error text or unknown."""
    folded_word = fold(said)
    return None if folded_word in _ENVELOPE_WORDS or len(said) > TEXT_MAX else ORDER_WORDS.get(folded_word)


def _order(order_id: str, text: str, words: OwnWords, rows: Entries) -> OrderSnapshot | Refusal | None:
    """Reads one order's entry; None when it says nothing usable. What is left out is counted in `rows`."""
    plain = _plain_order(order_id, text, words)
    if plain is not None:
        return plain
    entry = _entry(order_id, text, _ORDERS, words, rows)
    if not isinstance(entry, dict):
        return entry
    said = word(entry["status"])
    if said is None:
        rows.unreadable += 1
        return None
    kind = _kind(entry)
    return OrderSnapshot(
        remote_id=order_id,
        status=_status(said, entry, words),
        said=said,
        charge=_field(money, entry.get("charge"), rows),
        start_count=_field(whole, entry.get("start_count", entry.get("start_counter")), rows),
        remains=_field(remains, entry.get("remains"), rows),
        currency=_field(currency, entry.get("currency"), rows),
        kind=kind,
        children=() if kind is OrderKind.DEFAULT else _children(entry.get("orders"), rows),
        entry=text if _is_short(text) else "",
    )


def _field(read: Callable[[object], Value | None], raw: object, rows: Entries) -> Value | None:
    value = read(raw)
    rows.unreadable += value is None and not is_blank(raw)
    return value


def _refill(refill_id: str, text: str, words: OwnWords, rows: Entries) -> RefillSnapshot | Refusal | None:
    entry = _entry(refill_id, text, _REFILLS, replace(words, statuses={}), rows)
    if not isinstance(entry, dict):
        return entry
    said = word(entry["status"])
    return None if said is None else RefillSnapshot(refill_id, refill_status(said), said)


def _entry(
    asked_id: str, text: str, names: FieldNames, words: OwnWords, rows: Entries
) -> dict[str, object] | Refusal | None:
    """Returns the fields of an entry that has a status, the refusal that the entry is, or None."""
    value = parse(text)
    if isinstance(value, dict):
        if not value.keys() <= _LOWER_CASE:
            value = folded(value)
        if type(value) is Doubled or Doubled in map(type, value.values()):
            rows.duplicates += 1
            return None
        error = error_text(value, names.fields, words)
        if error is None:
            return value if "status" in value else None
        return _refusal(asked_id, error, words)
    if isinstance(value, str) and not isinstance(value, Digits):
        return None if is_blank(value) else _refusal(asked_id, value, words)
    rows.unreadable += bool(value)
    return None


def _refusal(asked_id: str, error: str, words: OwnWords) -> Refusal | None:
    """Returns the refusal; None for a temporary error or one of the account, which says nothing about the id."""
    meaning = words.meaning_of(error)
    if meaning in PASSING_OR_ACCOUNT:
        return None
    return Refusal(asked_id, short(error), meaning is Meaning.NOT_FOUND)


def _status(said: str, entry: dict[str, object], words: OwnWords) -> OrderStatus:
    folded_word = fold(said)
    is_envelope = folded_word in _ENVELOPE_WORDS and folded_word not in words.statuses
    if is_envelope and has_data(entry, _ORDERS.fields):
        return OrderStatus.UNKNOWN
    return order_status(said, words.statuses)


def _kind(entry: dict[str, object]) -> OrderKind:
    if not is_blank(entry.get("runs")):
        return OrderKind.DRIP_FEED
    if not is_blank(entry.get("posts")) or not is_blank(entry.get("expiry")):
        return OrderKind.SUBSCRIPTION
    return OrderKind.DEFAULT


def _children(value: object, rows: Entries) -> tuple[str, ...]:
    """Returns the ids under `orders`; PHP prints a list with gaps as an object."""
    listed = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(listed, list):
        rows.unreadable += not is_blank(value)
        return ()
    ids = [child for child in map(remote_id, listed) if child is not None]
    rows.unreadable += len(listed) - len(ids)
    return tuple(dict.fromkeys(ids))[:CHILDREN_MAX]


def _is_short(text: str) -> bool:
    return len(text) <= ENTRY_MAX and (text.isascii() or len(text.encode()) <= ENTRY_MAX)
