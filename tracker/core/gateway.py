"""The gateway's side of the panel API v2: what a client asks, what an order may cost, what an answer looks like.

Rule 1: what the gateway does not know of a request it passes on; what it needs (ids, quantities) it reads strictly.
Rule 2: a price that is not known is too high.
Rule 3: what a panel may read in another way than it was read here is not passed on.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from urllib.parse import parse_qsl

from msgspec import Struct

from tracker.core.ids import valid_id
from tracker.core.rules import ClientRules
from tracker.core.wire import RefillReading
from tracker.core.wire.values import INT_MAX, is_storable

CHANGING = frozenset({"add", "refill", "cancel"})
DAY_S, MINUTE_S = 86_400.0, 60.0
FIELDS_MAX = 1_000  # in one request, as PHP has it
IDS_MAX = 1_000  # in one request; the panel is asked about a hundred at a time

# action -> (parameter for one id, parameter for many)
ID_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "status": ("order", "orders"),
    "refill_status": ("refill", "refills"),
    "refill": ("order", "orders"),
    "cancel": ("order", "orders"),
}
# What is ordered line by line has as many pieces as lines.
_LISTS = ("comments", "usernames", "hashtags", "groups")
_SUBSCRIBED = ("min", "max", "posts")
# What is looked at here: who asks, for what, and what it may cost.
_COUNTED = frozenset(
    {"key", "action", "service", "link", "quantity", "runs", "old_posts", *_SUBSCRIBED, *_LISTS}
    | {name for both in ID_PARAMETERS.values() for name in both}
)


class CallState(StrEnum):
    """Where a call that changes something stands, and who moves it on."""

    OPEN = "open"  # written down, and maybe passed on; the answer settles it, a crash makes it unclear
    DONE = "done"  # the panel did it
    REFUSED = "refused"  # the panel said no, or was never reached
    UNCLEAR = "unclear"  # nobody knows; `tracker orders resolve` settles it
    PLACED = "placed"  # it was unclear, and turned out to be done
    NOT_PLACED = "not_placed"  # it was unclear, and turned out not to be


_NUMBER = re.compile(r"0|[1-9][0-9]*")
_RESPELLED = re.compile(r"[+-]?\d+(?:\.0*)?")

# What a client spends with: all but what certainly came to nothing.
RESERVING = (CallState.OPEN, CallState.DONE, CallState.UNCLEAR, CallState.PLACED)


class BadRequest(ValueError):
    """Not a request of the API; says why."""


class GatewayRequest(Struct, frozen=True):
    """One request. fields: all but key and action, as they came. many: ids were asked for as a list."""

    action: str
    key: str
    fields: Mapping[str, str]
    ids: tuple[str, ...] = ()
    many: bool = False


def read_request(query: str, content_type: str, body: bytes) -> GatewayRequest:
    """A form, a JSON object or a query, or parts of it in several. Raises BadAsk."""
    given = dict(_pairs(query))
    if "json" in content_type.lower():
        given |= _object(body)
    elif body:
        given |= dict(_pairs(_text(body)))
    if not all(is_storable(name) and is_storable(value) for name, value in given.items()):
        raise BadRequest("a NUL or half a character in it")
    for name in given.keys() - _COUNTED:
        _refuse_likeness(name)
    action, key = given.pop("action", ""), given.pop("key", "")
    ids, many = _ids(action, given)
    return GatewayRequest(action, key, given, ids, many)


def _refuse_likeness(name: str) -> None:
    """PHP strips blanks before a name, cuts it at a bracket and makes "_" of dots and blanks; Go and .NET ignore case.
    There " action" beside "action" would be the one that counts, and never have been looked at."""
    folded = name.strip().casefold()
    for likeness in (folded.partition("[")[0], re.sub(r"[ .\[]", "_", folded)):
        if likeness in _COUNTED:
            raise BadRequest(f"{name[:40]!r} may be taken for {likeness!r}")


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("not UTF-8") from None
    except ValueError:
        raise BadRequest(f"more than {FIELDS_MAX:,} fields") from None


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadRequest("not UTF-8") from None


def _object(body: bytes) -> dict[str, str]:
    try:
        found = json.loads(_text(body), parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise BadRequest("not JSON") from None
    if not isinstance(found, dict):
        raise BadRequest("not a JSON object")
    return {name: _member(name, value) for name, value in found.items() if value is not None}


def _member(name: str, value: object) -> str:
    """A list is what the same field of a form holds with commas."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ("\n" if name in _LISTS else ",").join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        raise BadRequest(f"{name!r} is an object, or a list of such")
    return value


def _ids(action: str, fields: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    one, many = ID_PARAMETERS.get(action, ("", ""))
    if many in fields:
        ids = tuple(dict.fromkeys(part for text in fields[many].split(",") if (part := text.strip())))
        if len(ids) > IDS_MAX:
            raise BadRequest(f"{len(ids)} ids; at most {IDS_MAX} in one request")
        return ids, True
    return ((fields[one].strip(),) if fields.get(one, "").strip() else ()), False


# --- spending


class Tariff(Struct, frozen=True):
    """A service as the catalogue has it. rate: of a thousand, or of a package."""

    rate: Decimal | None
    type: str


def quantity(fields: Mapping[str, str]) -> int | None:
    """How many pieces are ordered in all, at most; None when that does not follow from the fields.

    A panel goes by the one parameter that its service knows, so the highest of what is given is what it may come to.
    """
    found = [_whole(fields["quantity"])] if fields.get("quantity", "").strip() else []
    found += [lines for name in _LISTS if (lines := _lines(fields.get(name, "")))]
    if any(fields.get(name, "").strip() for name in _SUBSCRIBED):
        found.append(_posts(fields))
    known = [one for one in found if one is not None]
    pieces = max(known, default=0) * (_whole(fields.get("runs", "1") or "1") or 0)
    return pieces if len(known) == len(found) and 0 < pieces <= INT_MAX else None


def _lines(text: str) -> int:
    """How many of them have something on them."""
    return sum(bool(line.strip()) for line in text.splitlines())


def _posts(fields: Mapping[str, str]) -> int | None:
    """A subscription may cost its highest quantity for every post, new and old; without an end it has no price."""
    most, posts, old = (_whole(fields.get(name, "")) for name in ("max", "posts", "old_posts"))
    return most * (posts + (old or 0)) if most and posts else None


def _whole(text: str) -> int | None:
    cleaned = text.strip()
    return int(cleaned) if cleaned.isascii() and cleaned.isdigit() and 0 < len(cleaned) < 16 else None


def price(fields: Mapping[str, str], tariff: Tariff | None) -> Decimal | None:
    """What an order may cost at most; None: nobody knows."""
    if tariff is None or tariff.rate is None or tariff.rate < 0:
        return None
    if "package" in tariff.type.lower():
        return tariff.rate * (_whole(fields.get("quantity", "1") or "1") or 1)
    # Whatever else is in the form: without its own parameters a subscription has no end.
    endless = "subscription" in tariff.type.lower() and _posts(fields) is None
    pieces = None if endless else quantity(fields)
    return None if pieces is None else tariff.rate * pieces / 1000


class ClientUsage(Struct, frozen=True):
    """What a client has reserved in the last DAY_S seconds, and how many orders it placed in the last MINUTE_S."""

    reserved: Decimal
    adds: int


class RefusedOrder(Struct, frozen=True):
    """Why an order is not passed on. told: worth an event. error: what the client is told."""

    reason: str
    error: str = "Spending limit reached"
    told: bool = True


TOO_FAST = RefusedOrder("too many orders in a minute", "Too many requests, try again in a minute", told=False)


def limit(rules: ClientRules, spent: ClientUsage, cost: Decimal | None) -> RefusedOrder | None:
    """Why this client may not place an order of this price now; None when it may."""
    if spent.adds >= rules.max_adds_per_minute:
        return TOO_FAST
    if cost is None:
        return RefusedOrder("the price is not known: the catalogue has no rate for it, or the quantity does not follow")
    most = rules.max_spend_per_day
    if most is None or spent.reserved + cost > most:
        return RefusedOrder("over max_spend_per_day")
    return None


# --- answers


def unclear(name: str) -> bytes:
    """What a client is told when nobody knows whether the panel acted. name: of the call, `G-…`."""
    return error(f"Outcome unknown, do not resend ({name})")


def error(text: str) -> bytes:
    return json.dumps({"error": text}, ensure_ascii=False).encode()


def orders_answer(request: GatewayRequest, entries: Mapping[str, str]) -> bytes:
    """The answer to `status`. entries: of the ids that the panel answered about, its own text."""
    if not request.many:
        return entries.get(request.ids[0], _NO_ANSWER).encode()
    rows = [f"{_name(order_id)}:{entries[order_id]}" for order_id in request.ids if order_id in entries]
    return ("{" + ",".join(rows) + "}").encode()


def refills_answer(request: GatewayRequest, entries: Mapping[str, str]) -> bytes:
    """The answer to `refill_status`. entries: as for `orders_answer`, each what stands under `status` in a list."""
    if not request.many:
        entry = entries.get(request.ids[0], _NO_ANSWER)
        return (entry if entry.startswith("{") else f'{{"status":{entry}}}').encode()
    answered = (refill_id for refill_id in request.ids if refill_id in entries)
    rows = (f'{{"refill":{_number(refill_id)},"status":{entries[refill_id]}}}' for refill_id in answered)
    return ("[" + ",".join(rows) + "]").encode()


_NO_ANSWER = '{"error":"The panel says nothing about it"}'
NOT_AN_ID = '{"error":"Incorrect order ID"}'
NOT_A_REFILL = '{"error":"Refill not found"}'


def _name(text: str) -> str:
    """As JSON; ids are digits nearly always."""
    return f'"{text}"' if text.isalnum() and text.isascii() else json.dumps(text)


def _number(text: str) -> str:
    """Ids are numbers in lists where they can be, as in the reference."""
    return text if len(text) < 16 and _NUMBER.fullmatch(text) else json.dumps(text)


def askable(ids: Sequence[str]) -> list[str]:
    """Those that a panel can be asked about."""
    return [one for one in ids if (one.isdigit() and len(one) < 19) or valid_id(one)]


def is_respelled(remote_id: str) -> bool:
    """A number, but not as any panel prints it: to many 0023501 is 23501, and whatever is tracked has one name."""
    return _RESPELLED.fullmatch(remote_id) is not None and not _NUMBER.fullmatch(remote_id)


def refill_entries(reading: RefillReading) -> dict[str, str]:
    """What stands under `status` for each refill that was answered about."""
    words = {refill_id: json.dumps(said.said) for refill_id, said in reading.snapshots.items()}
    return words | {refill_id: error(no.message).decode() for refill_id, no in reading.refusals.items()}
