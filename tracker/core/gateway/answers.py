"""What a client is answered: the panel's own text for each id, put together as the API has it."""

import json
import re
from collections.abc import Mapping

from tracker.core.gateway.requests import GatewayRequest
from tracker.core.wire import RefillReading

NOT_AN_ID = '{"error":"Incorrect order ID"}'
NOT_A_REFILL = '{"error":"Refill not found"}'
SET_ASIDE = '{"error":"The panel gives no answer about it that can be read; it is asked again later"}'
_NO_ANSWER = '{"error":"The panel says nothing about it"}'
_NUMBER = re.compile(r"0|[1-9][0-9]*")


def unclear(name: str) -> bytes:
    """The answer when it is not known whether the panel acted.

    name: of the call, `G-…`.
    """
    return error(f"Outcome unknown, do not resend ({name})")


def error(text: str) -> bytes:
    return json.dumps({"error": text}, ensure_ascii=False).encode()


def orders_answer(request: GatewayRequest, entries: Mapping[str, str]) -> bytes:
    """The answer to `status`.

    entries: the panel's own text for each id that it answered about, in the order of the answer.
    """
    if not request.many:
        return entries.get(request.ids[0], _NO_ANSWER).encode()
    rows = [f"{_name(order_id)}:{entry}" for order_id, entry in entries.items()]
    return ("{" + ",".join(rows) + "}").encode()


def refills_answer(request: GatewayRequest, entries: Mapping[str, str]) -> bytes:
    """The answer to `refill_status`.

    entries: as for `orders_answer`, each what stands under `status` in a list.
    """
    if not request.many:
        entry = entries.get(request.ids[0], _NO_ANSWER)
        return (entry if entry.startswith("{") else f'{{"status":{entry}}}').encode()
    rows = (f'{{"refill":{_number(refill_id)},"status":{entry}}}' for refill_id, entry in entries.items())
    return ("[" + ",".join(rows) + "]").encode()


def refill_entries(reading: RefillReading) -> dict[str, str]:
    """Returns what stands under `status` for each refill that the panel answered about, as the answer has them."""
    words = {refill_id: json.dumps(snapshot.said) for refill_id, snapshot in reading.snapshots.items()}
    words |= {refill_id: error(no.message).decode() for refill_id, no in reading.refusals.items()}
    return {refill_id: words[refill_id] for refill_id in reading.order if refill_id in words}


def _name(text: str) -> str:
    """Returns the text as a JSON string; the short way is for ids of digits, which nearly all are."""
    return f'"{text}"' if text.isalnum() and text.isascii() else json.dumps(text)


def _number(text: str) -> str:
    """Returns an id as a JSON number where it can be one, as in the lists of the reference."""
    return text if len(text) < 16 and _NUMBER.fullmatch(text) else json.dumps(text)
