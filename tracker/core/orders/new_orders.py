"""Reads the rows that people and programs hand over: row -> NewOrder, or the reason why not.

Is an order a baseline, or was it just placed? The first answer about a baseline fires no event. Of an order that was
just placed every move is told, and `order.tracked` at once. The first rule that applies decides:

1. `--baseline`, `--just-placed`, or `baseline` and `just_placed` in the row say it.
2. An order that was placed more than a day ago is a baseline.
3. A `status` in the row is what the caller believes: a different first answer is told.
4. The way it came decides: imported rows are a baseline, all others were just placed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tracker.core.ids import GIVEN_ID_SHAPE, valid_given_id
from tracker.core.status import OrderStatus, order_status
from tracker.core.wire.values import is_storable, money

OLD_S = 86_400.0  # placed longer ago than this: its first status is no news any more
JUST_PLACED_MAX = 100  # more in one call that do not say which they are, are probably old orders

FIELDS = ("panel", "id", "service", "quantity", "charge", "currency", "link", "ref", "tags", "placed_at",
          "status", "baseline", "just_placed", "parent")  # fmt: skip
_FRACTIONS = frozenset({"charge", "placed_at"})
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no", ""})


class NewOrder(Struct, frozen=True):
    """An order that is handed over. None means unknown; status is what the caller believes.

    baseline: the first answer fires no event. just_placed: `order.tracked` is told now.
    assumed: nothing in the row says which of the two it is.
    """

    panel: str
    remote_id: str
    baseline: bool
    just_placed: bool
    status: OrderStatus | None = None
    service: str | None = None
    quantity: int | None = None
    charge: Decimal | None = None
    currency: str | None = None
    link: str | None = None
    ref: str | None = None
    tags: tuple[str, ...] = ()
    placed_at: float | None = None
    parent: str | None = None
    assumed: bool = False


class BadRow(ValueError):
    """What is wrong with a row, in words for its author. field: the one that is wrong, "" for the row as a whole."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


def read_row(
    row: Mapping[str, Any],
    *,
    panel: str | None,
    panels: Mapping[str, Mapping[str, OrderStatus]],
    baseline: bool | None,
    imported: bool,
    now: float,
) -> NewOrder:
    """Returns the order in one row with the names of FIELDS. Raises BadRow.

    panel: of rows that name none. panels: the configured ones, each with its own words for statuses.
    baseline: the caller's explicit wish for all rows. imported: the row comes from an import.
    """
    unknown = sorted(set(row) - set(FIELDS))
    if unknown:
        raise BadRow(f"unknown field {unknown[0]!r} (known: {', '.join(FIELDS)})", unknown[0])
    name = _text(row, "panel") or panel
    if name is None:
        raise BadRow("no panel: each row names its own, or --panel one for a whole import", "panel")
    if name not in panels:
        raise BadRow(f"panel {name!r} is not configured (configured: {', '.join(sorted(panels))})", "panel")
    remote_id = _text(row, "id") or ""
    if not valid_given_id(remote_id):
        raise BadRow(f"id {remote_id!r} is not one: {GIVEN_ID_SHAPE}", "id")
    facts = read_facts(row, now)
    if facts["parent"] == remote_id:
        raise BadRow("an order is not its own parent", "parent")
    placed_at = facts["placed_at"]
    status = _status(row, panels[name])
    wish = baseline if baseline is not None else _flag(row, "baseline")
    silent, placed = _first_sight(wish, placed_at, status, imported=imported, now=now)
    fresh = _flag(row, "just_placed") if baseline is None else None
    return NewOrder(
        panel=name,
        remote_id=remote_id,
        baseline=silent,
        just_placed=not silent and (placed if fresh is None else fresh),
        status=status,
        assumed=wish is None and fresh is None and status is None and placed_at is None and not imported,
        **facts,
    )


def read_facts(row: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Returns the facts of the order in a row; None, or no tags, where the row says nothing. Raises BadRow."""
    return {
        "service": _text(row, "service"),
        "quantity": _quantity(row),
        "charge": _charge(row),
        "currency": _text(row, "currency"),
        "link": _text(row, "link"),
        "ref": _text(row, "ref"),
        "tags": _tags(row),
        "placed_at": _moment(row, now),
        "parent": _text(row, "parent"),
    }


def _first_sight(
    wish: bool | None, placed_at: float | None, status: OrderStatus | None, *, imported: bool, now: float
) -> tuple[bool, bool]:
    """Returns (baseline, just placed) by the four rules of the file head."""
    if wish is not None:
        return wish, not wish
    if placed_at is not None and now - placed_at > OLD_S:
        return True, False
    if status is not None:
        return False, False
    return imported, not imported


def _text(row: Mapping[str, Any], field: str) -> str | None:
    """Returns the field as text; None: it is empty or absent.

    A number with a point or an exponent is an amount or a time, never an id: 5e2 may stand for 500, or for "5e2".
    """
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadRow(f"{field} must be text", field)
    if isinstance(value, Decimal) and field not in _FRACTIONS:
        raise BadRow(f"{field} must be text or a whole number, not {value}", field)
    text = str(value).strip()
    if len(text) > 4_000 or not is_storable(text):
        raise BadRow(f"{field} is longer than 4,000 characters, or holds a NUL or half a character", field)
    return text or None


def _quantity(row: Mapping[str, Any]) -> int | None:
    text = _text(row, "quantity")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**63:
        raise BadRow(f"quantity {text!r} is not a whole number above 0", "quantity")
    return int(text)


def _charge(row: Mapping[str, Any]) -> Decimal | None:
    text = _text(row, "charge")
    if text is None:
        return None
    charge = money(text)
    if charge is None or charge < 0 or charge.adjusted() > 18:
        raise BadRow(f"charge {text!r} is not an amount like 1.25", "charge")
    return charge


def _tags(row: Mapping[str, Any]) -> tuple[str, ...]:
    value = row.get("tags")
    if isinstance(value, list):
        tags = [_text({"tags": tag}, "tags") for tag in value]
    else:
        tags = [tag.strip() for tag in (_text(row, "tags") or "").split(";")]
    return tuple(tag for tag in tags if tag)


def _moment(row: Mapping[str, Any], now: float) -> float | None:
    text = _text(row, "placed_at")
    if text is None:
        return None
    try:
        at = float(text) if text.replace(".", "", 1).isdigit() else _rfc3339(text)
    except ValueError:
        reason = f"placed_at {text!r} is neither like 2026-11-23T02:14:07Z nor seconds since 1970"
        raise BadRow(reason, "placed_at") from None
    if not 0 <= at <= now + OLD_S:
        raise BadRow(f"placed_at {text!r} lies in the future or before 1970", "placed_at")
    return at


def _rfc3339(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _status(row: Mapping[str, Any], words: Mapping[str, OrderStatus]) -> OrderStatus | None:
    text = _text(row, "status")
    if text is None:
        return None
    status = order_status(text, words)
    if status is OrderStatus.UNKNOWN:
        raise BadRow(f"status {text!r} is not a known word; leave it empty if you do not know", "status")
    return status


def _flag(row: Mapping[str, Any], field: str) -> bool | None:
    value = row.get(field)
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise BadRow(f"{field} {text!r} is neither true nor false", field)
    return text in _TRUE if text else None
