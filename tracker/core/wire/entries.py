"""Finds the part of an answer that is about each of the ids asked for.

An answer about many ids is a map by id, a list of rows that name their id, or either of these nested
under `orders`; an answer about one id may be flat. A part is applied only if it names an id, or if only one
id was asked for: rows without ids are never matched by their position.
"""

from collections.abc import Sequence

from msgspec import Struct

from tracker.core.wire.errors import Meaning, OwnWords, PanelAnswer, call_error, error_text, has_data, is_no
from tracker.core.wire.strict_json import Digits, Members, Unreadable, folded, items, members, parse
from tracker.core.wire.values import remote_id
from tracker.errors import Trouble


class FieldNames(Struct, frozen=True):
    """The field names in one action's answers.

    id: the name of the id in a row.
    nest: the name under which rows may be nested.
    fields: the names of fields with data about the order or refill.
    """

    id: str
    nest: str
    fields: frozenset[str]


class Entries(Struct):
    """The text about each id that was asked for and answered exactly once, and counts of what was left out.

    strangers: parts about ids that were not asked for.
    duplicates: ids answered more than once, or with contradictions.
    unreadable: fields left out.
    """

    texts: dict[str, str]
    strangers: int = 0
    duplicates: int = 0
    unreadable: int = 0


# Beside one of these, `orders` holds the ids of a drip-feed's or a subscription's own orders.
_PARENT = frozenset({"runs", "posts", "expiry"})
# Names that may stand beside the ids of a map.
_ENVELOPE = frozenset({"status", "error", "errors", "message", "success", "code"})
_AROUND_DATA = _ENVELOPE | {"msg", "count", "total"}


def unwrapped(text: str, words: OwnWords) -> str:
    """Returns the document under `data`, where that is the answer and all beside it is an envelope without an error.

    Seen: {"status": true, "data": {…}}, {"success": 1, "count": 2, "data": […]}. There `true` is no word for a status.
    """
    if not text.startswith("{") or '"data"' not in text.lower():
        return text
    found = members(text)
    lower = {name.lower(): member for name, member in found.texts.items()}
    inner = lower.pop("data", "")
    if inner[:1] not in ("{", "[") or found.doubled or not lower.keys() <= _AROUND_DATA:
        return text
    envelope = {name: parse(member) for name, member in lower.items()}
    refused = (
        error_text(envelope, (), words) is not None or is_no(envelope.get("status")) or is_no(envelope.get("success"))
    )
    return text if refused else inner


def cut_rows(text: str, ids: Sequence[str], names: FieldNames) -> Entries | None:
    """Returns the rows of a map or a list, nested or not; None for a document of another shape."""
    if text.startswith("["):
        return _listed(items(text), ids, names)
    if not text.startswith("{"):
        return None
    found = members(text)
    if not found.texts or not found.texts.keys().isdisjoint(ids):
        return _mapped(found, ids)
    nested = _nested(found, names)
    if nested is None:
        return None
    return _mapped(members(nested), ids) if nested[0] == "{" else _listed(items(nested), ids, names)


def flat_rows(answer: PanelAnswer, text: str, ids: Sequence[str], names: FieldNames) -> Entries:
    """Returns the rows of a document for which `cut_rows` returned None: a flat one, or an error for the whole call.

    Raises PanelError for a trouble of the call; the refusal of a single id stays in its row.
    """
    value = call_object(answer, parse(text), ids, names)
    if error_text(value, names.fields, answer.words) is not None:
        return Entries({ids[0]: text})
    if "status" in value or has_data(value, names.fields):
        if len(ids) != 1:
            raise Unreadable("names no id")
        named = remote_id(value.get(names.id))
        return Entries({}, strangers=1) if named not in (None, ids[0]) else Entries({ids[0]: text})
    strangers = sum(name.isdigit() or isinstance(member, dict) for name, member in value.items())
    if not strangers:
        raise Unreadable("not an answer to the call")
    return Entries({}, strangers=strangers)


def refuse_empty(answer: PanelAnswer, rows: Entries) -> None:
    """Raises Unreadable for `{}` under a code like 404: it says that the call failed, and nothing about its ids."""
    if answer.http >= 400 and not rows.texts and not rows.duplicates:
        raise Unreadable("an error without words")


def call_object(answer: PanelAnswer, value: object, ids: Sequence[str], names: FieldNames) -> dict[str, object]:
    """Returns the document as one object. Raises PanelError for an error that is not about a single id."""
    bare = isinstance(value, str) and not isinstance(value, Digits)
    if bare and answer.words.meaning_of(str(value)) is not Meaning.UNCLEAR:
        value = {"error": value}
    if not isinstance(value, dict):
        raise Unreadable("not an answer to the call")
    value = folded(value)
    error = error_text(value, names.fields, answer.words)
    if error is not None:
        many = len(ids) != 1
        request = Trouble.BATCH_REFUSED if many else Trouble.REQUEST
        trouble = call_error(answer, error, request=request, otherwise=Trouble.BATCH_REFUSED if many else None)
        if trouble:
            raise trouble
    return value


def _mapped(found: Members, ids: Sequence[str]) -> Entries:
    asked = set(ids)
    if not found.doubled and found.texts.keys() <= asked:
        return Entries(found.texts)
    clear = asked - found.doubled
    texts = {name: text for name, text in found.texts.items() if name in clear}
    strangers = [name for name in found.texts if name not in asked and name.lower() not in _ENVELOPE]
    return Entries(texts, strangers=len(strangers), duplicates=len(found.doubled & asked))


def _listed(rows: Sequence[str], ids: Sequence[str], names: FieldNames) -> Entries:
    asked = set(ids)
    texts: dict[str, str] = {}
    doubled = set()
    named = strangers = 0
    for row in rows:
        value = parse(row)
        row_id = remote_id(folded(value).get(names.id)) if isinstance(value, dict) else None
        named += row_id is not None
        if row_id is None or row_id not in asked:
            strangers += 1
        elif row_id in texts:
            doubled.add(row_id)
        else:
            texts[row_id] = row
    if rows and not named:
        raise Unreadable("rows name no id")
    kept = {row_id: row for row_id, row in texts.items() if row_id not in doubled}
    return Entries(kept, strangers=strangers, duplicates=len(doubled))


def _nested(found: Members, names: FieldNames) -> str | None:
    """Returns the text of the map or list of rows under `names.nest`, None when there is none."""
    lower = {name.lower(): text for name, text in found.texts.items()}
    text = lower.get(names.nest, "")
    if not text or not _PARENT.isdisjoint(lower):
        return None
    if found.doubled or len(lower) < len(found.texts):
        raise Unreadable("a name comes twice")
    if text[0] == "[":
        return text if text[1:].lstrip()[0] in "{]" else None
    return text if text[0] == "{" else None
