"""`POST /api/v1/orders`: accepts orders; needs the write token."""

from typing import Any

import msgspec
from flask import request

from tracker.actions.orders import AddedOrders, OrderActions
from tracker.core.orders.new_orders import BadRow
from tracker.intake.intake import AgeUnsaid
from tracker.intake.row_files import NumberedRow
from tracker.log import get
from tracker.web.api.problems import Error, Problem
from tracker.web.api.shapes import ORDERS_MAX
from tracker.web.security import AccessControl, bearer

log = get(__name__)

BODY_MAX = 8 * 1024 * 1024  # bytes
CLOSED = (
    "The tracker takes no writes: it has no write token. Configure one: [web] write_token_file = FILE,"
    " made with: openssl rand -hex 24"
)
NEEDED = "The write token is needed: Authorization: Bearer …"
UNSAID = (
    Error("baseline", "true: they are old, and their first answer fires nothing"),
    Error("baseline", "false: they are new, and whatever has happened to them already fires"),
    Error("placed_at", "or say of each when it was placed"),
    Error("status", "or what you believe it to be"),
)

# Decimal numbers stay text, so that they keep their digits.
_decode = msgspec.json.Decoder(float_hook=str).decode


class WriteOperations:
    """The operations that write; each method has the name of its operation."""

    def __init__(self, orders: OrderActions, readers: AccessControl, writers: AccessControl) -> None:
        self._orders = orders
        self._readers = readers
        self._writers = writers

    def add_orders(self) -> tuple[dict[str, Any], int]:
        self._require_token()
        given = _body()
        if isinstance(given, list):
            added = self._add(given)
        else:
            added = self._add([given])
            if added.refused:
                (only,) = added.refused
                raise Problem(422, only.reason, [Error(only.field, only.reason)])
        log.debug("orders.taken", added=added.added, known=added.known, bad=len(added.refused))
        bad = [{"index": row.number, "field": row.field, "reason": row.reason} for row in added.refused]
        return {"added": added.added, "known": added.known, "bad": bad}, 201 if added.added else 200

    def _require_token(self) -> None:
        """Raise Problem unless the request has the write token. A cookie may only read."""
        if self._writers.open:
            raise Problem(403, CLOSED)
        given, address = bearer(request.headers.get("Authorization", "")), request.remote_addr or ""
        if given is None:
            raise Problem(401, NEEDED)
        if (wait_s := self._writers.wait_s(address)) > 0:
            raise Problem(429, "Too many wrong tokens; wait a minute.", retry_after_s=wait_s)
        if self._writers.knows(given):
            return
        if self._readers.knows(given):
            raise Problem(403, "This token may only read; orders are added with the write token.")
        self._writers.note_wrong(address)
        log.warning("web.refused_token", address=address)
        raise Problem(401, NEEDED)

    def _add(self, rows: list[Any]) -> AddedOrders:
        numbered: list[NumberedRow] = [
            (n, row if isinstance(row, dict) else BadRow("not an object")) for n, row in enumerate(rows)
        ]
        try:
            return self._orders.add(numbered)
        except AgeUnsaid as error:
            raise Problem(422, error.title, UNSAID) from None
        except OSError as error:
            log.error("intake.refused", error=error.strerror or str(error))
            raise Problem(503, f"the journal cannot be written: {error.strerror}", retry_after_s=30) from None


def _body() -> Any:
    """Returns the JSON of the request: an object, or a list of at most ORDERS_MAX items."""
    if request.mimetype != "application/json":
        raise Problem(415, "send JSON, with Content-Type: application/json")
    request.max_content_length = BODY_MAX
    try:
        given = _decode(request.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from None
    if not isinstance(given, dict | list):
        raise Problem(422, "the body must be an order, or a list of orders", [Error("", "must be an object or a list")])
    if isinstance(given, list) and len(given) > ORDERS_MAX:
        reason = f"{len(given)} orders in one call; send {ORDERS_MAX} at most"
        raise Problem(422, reason, [Error("", reason)])
    return given
