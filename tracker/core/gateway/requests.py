"""What a client asks: a form, a JSON object or a query, read into one value."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from urllib.parse import parse_qsl

from msgspec import Struct

from tracker.core.ids import valid_given_id
from tracker.core.wire.values import is_storable

FIELDS_MAX = 1_000  # in one request, as PHP has it
IDS_MAX = 1_000  # in one request; the panel is asked about a hundred at a time

# action -> (parameter for one id, parameter for many)
ID_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "status": ("order", "orders"),
    "refill_status": ("refill", "refills"),
    "refill": ("order", "orders"),
    "cancel": ("order", "orders"),
}
_NO_ID = frozenset({"null", "none", "undefined", "nan"})  # what programs write where they have no id
CHANGES = frozenset({"add", "refill", "cancel"})  # the actions that change something at a panel
# An order that lists things line by line has as many pieces as the list has lines.
LINE_FIELDS = ("comments", "usernames", "hashtags", "groups")
SUBSCRIPTION_FIELDS = ("min", "max", "posts")
# The fields that decide who asks, what for, and what it may cost.
_CHECKED = frozenset(
    {"key", "action", "service", "link", "quantity", "runs", "old_posts", *SUBSCRIPTION_FIELDS, *LINE_FIELDS}
    | {name for both in ID_PARAMETERS.values() for name in both}
)


class CallState(StrEnum):
    """Where a call that changes something stands, and what moves it on."""

    OPEN = "open"  # written down, and maybe passed on; the answer settles it, a crash makes it unclear
    DONE = "done"  # the panel did it
    REFUSED = "refused"  # the panel said no, or was never reached
    UNCLEAR = "unclear"  # whether the panel acted is not known; `tracker orders resolve` settles it
    PLACED = "placed"  # it was unclear, and turned out to be done
    NOT_PLACED = "not_placed"  # it was unclear, and turned out not to be


class BadRequest(ValueError):
    """Not a request of the API; its text says why."""


class GatewayRequest(Struct, frozen=True):
    """One request of a client.

    fields: all but key and action, as they came.
    many: the ids came as a list.
    """

    action: str
    key: str
    fields: Mapping[str, str]
    ids: tuple[str, ...] = ()
    many: bool = False


def read_request(query: str, content_type: str, body: bytes) -> GatewayRequest:
    """Reads a request whose fields come as a form, as a JSON object, in the query, or spread over these.

    Raises BadRequest.
    """
    given = dict(_pairs(query))
    if "json" in content_type.lower():
        given |= _object(body)
    elif body:
        given |= dict(_pairs(_text(body)))
    if not all(is_storable(name) and is_storable(value) for name, value in given.items()):
        raise BadRequest("a NUL or half a character in it")
    for name in given.keys() - _CHECKED:
        _refuse_likeness(name)
    action, key = given.pop("action", ""), given.pop("key", "")
    ids, many = _ids(action, given)
    return GatewayRequest(action, key, given, ids, many)


def askable(ids: Sequence[str]) -> list[str]:
    """Returns the ids that a panel can be asked about."""
    return [one for one in ids if valid_given_id(one) and one.casefold() not in _NO_ID]


def number(remote_id: str) -> int | None:
    """Returns the number that an id is; None for an id that is none."""
    return int(remote_id) if remote_id.isascii() and remote_id.isdigit() and len(remote_id) < 19 else None


def _refuse_likeness(name: str) -> None:
    """Refuses a name that a panel may take for one of the checked fields.

    PHP strips blanks before a name, cuts it at a bracket and turns dots and blanks into "_"; Go and .NET ignore case.
    Such a panel would act on " action" instead of "action", and " action" was never looked at here.
    """
    folded = name.strip().casefold()
    for likeness in (folded.partition("[")[0], re.sub(r"[ .\[]", "_", folded)):
        if likeness in _CHECKED:
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
    """Returns a member of the JSON object as the same field of a form: the parts of a list joined, by commas mostly."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ("\n" if name in LINE_FIELDS else ",").join(value)
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
