"""Reads the answers to balance and services, and to the three calls that change something: add, refill, cancel.

A positive answer to `refill` or `cancel` means *accepted*, no more: a later status shows what came of it.
When the answer to a call that changes something cannot be read, it is uncertain whether the panel acted.
"""

from collections.abc import Container, Sequence
from functools import lru_cache

from msgspec import Struct

from tracker.core.model import Balance, Service
from tracker.core.status import fold
from tracker.core.wire.entries import FieldNames, call_object, cut_rows, unwrapped
from tracker.core.wire.errors import OwnWords, PanelAnswer, call_error, error_text, is_nothing, judging, reading
from tracker.core.wire.strict_json import Doubled, Unreadable, decode, folded, parse, rows
from tracker.core.wire.values import currency, money, new_id, plain, printed_money, remote_id, short, truth, whole
from tracker.errors import PanelError, Trouble


class Receipt(Struct, frozen=True):
    """What the panel answered to a refill or a cancel. An id that the answer does not mention is in none of the three.

    created: order id -> id of the new refill.
    accepted: order ids accepted without an id to track.
    refused: order id -> the panel's words.
    """

    created: dict[str, str]
    accepted: tuple[str, ...]
    refused: dict[str, str]


class _ActionOutcome(Struct, frozen=True):
    """What an answer means for one order.

    says: the id of what was created ("" when there is none), or why it was refused.
    """

    accepted: bool
    says: str = ""


_ACCEPTED = _ActionOutcome(True)
_POSITIVE_WORDS = frozenset({"success", "successful", "ok", "true", "accepted", "done"})
_POSITIVE_STATUSES = _POSITIVE_WORDS | {"1", "100", "200"}
_NEGATIVE_WORDS = frozenset({"error", "fail", "failed", "false", "0"})
_NO_REASON = "refused without a reason"
_NAME_MAX = 500
_shared = lru_cache(maxsize=4_096)(str)  # thousands of services share a type and a category


def read_add(answer: PanelAnswer) -> str:
    """Returns the new order's id. Raises PanelError: REFUSED when the panel says no, in its own words."""
    with reading(answer, acting=True) as text:
        value = _object(parse(unwrapped(text, answer.words)))
        order_id = new_id(value.get("order"))
        error = _call_error(answer, value, {"order"}, request=Trouble.REFUSED)
        if error:
            # With an id beside the error, something may have been ordered after all.
            error.uncertain = order_id is not None
            raise error
        if order_id is None:
            raise Unreadable("no order id")
    return order_id


def read_balance(answer: PanelAnswer) -> Balance:
    """Returns the balance. Raises PanelError, also when the amount cannot be read."""
    with reading(answer) as text:
        value = _object(parse(unwrapped(text, answer.words)))
        error = _call_error(answer, value, {"balance"})
        if error:
            raise error
        unit = currency(value.get("currency"))
        amount = printed_money(value.get("balance"), unit)
        if amount is None:
            raise Unreadable("no readable balance")
    return Balance(amount, unit)


def read_refusal(answer: PanelAnswer) -> str:
    """Returns the words in which a panel refuses an action. Raises PanelError for trouble, and for anything else."""
    with reading(answer) as text:
        value = _object(parse(unwrapped(text, answer.words)))
        said = error_text(value, (), answer.words)
        if said is None:
            raise Unreadable("not a refusal")
        error = call_error(answer, said, request=Trouble.UNREADABLE, otherwise=None)
        if error is not None and error.kind is not Trouble.UNREADABLE:
            raise error
    return said


def read_services(answer: PanelAnswer) -> list[Service]:
    """Returns the catalogue without the rows that name no service. Raises PanelError."""
    services: dict[str, Service] = {}
    with judging(answer):
        listed = rows(answer.body)
        if listed is None:
            listed = iter(_catalogue_rows(answer, parse(unwrapped(decode(answer.body), answer.words))))
        none = True
        for row in listed:
            none = False
            service = _service(row)
            if service is not None:
                services.setdefault(service.service, service)
        if not none and not services:
            raise Unreadable("no row names a service")
    return list(services.values())


def _catalogue_rows(answer: PanelAnswer, value: object) -> list[object]:
    """Returns the rows of a catalogue: a list, an object by number, either of them under `services`, or none in words.

    Raises PanelError for an error instead of a catalogue.
    """
    if isinstance(value, list):
        return value
    found = _object(value)
    error = _call_error(answer, found, ())
    if error:
        raise error
    if isinstance(found.get("services"), list | dict):
        return _catalogue_rows(answer, found["services"]) if found["services"] else []
    if _says_empty(found):
        return []
    return list(found.values())  # PHP prints a list with gaps as an object


def _says_empty(found: dict[str, object]) -> bool:
    """Whether this is a catalogue without a service, as in {"status": "success", "data": "Empty Data"}."""
    word = found.get("status", found.get("success"))
    positive = word is True or (isinstance(word, str) and fold(word) in _POSITIVE_STATUSES)
    return positive and not any(isinstance(member, dict | list) and member for member in found.values())


def read_refill(answer: PanelAnswer, asked: Sequence[str]) -> Receipt:
    """Returns which of the given orders get a refill. Raises PanelError."""
    return _receipt(answer, asked, "refill")


def read_cancel(answer: PanelAnswer, asked: Sequence[str]) -> Receipt:
    """Returns which of the given orders will be cancelled; `created` stays empty. Raises PanelError."""
    return _receipt(answer, asked, "cancel")


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Unreadable("not an answer to the call")
    value = folded(value)
    if isinstance(value, Doubled):
        raise Unreadable("a name comes twice")
    return value


def _call_error(
    answer: PanelAnswer, value: dict[str, object], fields: Container[str], request: Trouble = Trouble.REQUEST
) -> PanelError | None:
    error = error_text(value, fields, answer.words)
    return call_error(answer, error, request=request, otherwise=Trouble.REFUSED) if error else None


def _service(row: object) -> Service | None:
    if not isinstance(row, dict):
        return None
    row = folded(row)
    service = remote_id(row.get("service"))
    if service is None or isinstance(row, Doubled):
        return None
    return Service(
        service=service,
        name=_label(row.get("name")),
        type=_shared(_label(row.get("type"))),
        category=_shared(_label(row.get("category"))),
        rate=money(row.get("rate")),
        min=whole(row.get("min")),
        max=whole(row.get("max")),
        refill=truth(row.get("refill")),
        cancel=truth(row.get("cancel")),
    )


def _label(value: object) -> str:
    return plain(value, _NAME_MAX) if isinstance(value, str) else ""


def _receipt(answer: PanelAnswer, asked: Sequence[str], action: str) -> Receipt:
    ids = list(dict.fromkeys(asked))
    names = FieldNames(id="order", nest="orders", fields=frozenset({action, "success"}))
    with reading(answer, acting=True) as text:
        rows = cut_rows(text, ids, names)
        if rows is None:
            outcomes = _whole_outcomes(answer, parse(text), ids, names, action)
        else:
            outcomes = {order_id: _outcome(parse(row), action, answer.words) for order_id, row in rows.texts.items()}
    answered = [(order_id, outcome) for order_id in ids if (outcome := outcomes.get(order_id))]
    return Receipt(
        created={order_id: outcome.says for order_id, outcome in answered if outcome.accepted and outcome.says},
        accepted=tuple(order_id for order_id, outcome in answered if outcome.accepted and not outcome.says),
        refused={order_id: outcome.says for order_id, outcome in answered if not outcome.accepted},
    )


def _whole_outcomes(
    answer: PanelAnswer, value: object, ids: Sequence[str], names: FieldNames, action: str
) -> dict[str, _ActionOutcome | None]:
    """Returns what one answer for the whole call says about each id."""
    if isinstance(value, dict):
        listed = _listed_as_canceled(value)
        if listed:
            return {order_id: _ACCEPTED for order_id in ids if order_id in listed}
        outcome = _outcome(call_object(answer, value, ids, names), action, answer.words)
    else:
        outcome = _ACCEPTED if truth(value) else None  # a bare `1` may be an id or mean "yes"
    if outcome is None:
        raise Unreadable("not an answer to the call")
    if len(ids) == 1:
        return {ids[0]: outcome}
    if not outcome.accepted:
        raise PanelError(Trouble.BATCH_REFUSED, outcome.says, answer.retry_after_s)
    if outcome.says:
        raise Unreadable("names no id")
    return dict.fromkeys(ids, outcome)


def _listed_as_canceled(value: dict[str, object]) -> frozenset[str]:
    lower = folded(value)
    listed = lower.get("canceled", lower.get("cancelled"))
    ids = map(remote_id, listed) if isinstance(listed, list) else ()
    return frozenset(order_id for order_id in ids if order_id is not None)


def _outcome(value: object, action: str, words: OwnWords) -> _ActionOutcome | None:
    """Returns what an answer about one order means; None when it does not say."""
    if isinstance(value, dict):
        return _object_outcome(folded(value), action, words)
    if value is True:
        return _ACCEPTED
    if value is False or (isinstance(value, str) and value.strip() in ("", "0")):
        return _ActionOutcome(False, _NO_REASON)
    if not isinstance(value, str):
        return None
    if fold(value) in _POSITIVE_WORDS:
        return _ACCEPTED
    created = new_id(value)
    if created is None:
        return _ActionOutcome(False, short(value))
    return _ActionOutcome(True, created) if action == "refill" else _ACCEPTED


def _object_outcome(value: dict[str, object], action: str, words: OwnWords) -> _ActionOutcome | None:
    if isinstance(value, Doubled):
        return None
    error = error_text(value, {action, "success"}, words)
    if error is not None:
        return _ActionOutcome(False, short(error))
    if value.get(action) is not None:
        return _outcome(value[action], action, words)
    success = value.get("success")
    said = {fold(word) for word in (value.get("status"), success) if isinstance(word, str)}
    if success is False or said & _NEGATIVE_WORDS:
        return _ActionOutcome(False, short(_label(value.get("message"))) or _NO_REASON)
    return _ACCEPTED if said & _POSITIVE_STATUSES or not is_nothing(success) else None
