"""Corrections of an order by a person: reads them and compares them with what is believed.

Rule 1: only facts that the user states can be edited; those that the panel states come with its next answer.
Rule 2: an edit is taken as a whole or not at all.
"""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from tracker.core.model import Order
from tracker.core.orders.new_orders import BadRow, read_facts

FIELDS = ("service", "quantity", "charge", "link", "ref", "tags", "placed_at", "parent")


class Edit(Struct, frozen=True):
    """What a correction does. changed: field -> (old, new). refused: why nothing changes, "" when it may."""

    changed: Mapping[str, tuple[Any, Any]]
    refused: str = ""


def read_edit(row: Mapping[str, Any], clear: Collection[str], now: float) -> dict[str, Any]:
    """Returns field -> new value; None, or no tags, where the field is to be cleared. Raises BadRow."""
    facts = read_facts(row, now)
    wanted = {name: facts[name] for name in FIELDS if name in row}
    for name, value in wanted.items():
        if name in clear:
            raise BadRow(f"{name} is to be set and to be cleared")
        if value in (None, ()):
            raise BadRow(f"{name} is empty; --clear {name} takes it away")
    return wanted | {name: () if name == "tags" else None for name in clear}


def decide(order: Order, link: str | None, wanted: Mapping[str, Any]) -> Edit:
    """Returns what changes of `wanted`. link: the order's, which an Order does not carry."""
    known = {name: link if name == "link" else getattr(order, name) for name in FIELDS}
    changed = {name: (known[name], value) for name, value in wanted.items() if value != known[name]}
    if wanted.get("quantity") == order.quantity and order.quantity_source == "inferred":
        changed["quantity"] = (order.quantity, order.quantity)  # it was inferred, and is given from now on
    if changed.get("parent", ("", ""))[1] == order.remote_id:
        return Edit({}, "an order is not its own parent")
    if "charge" in changed and order.charge is not None and order.status_raw is not None:
        return Edit({}, f"charge is {order.charge:f} as the panel says it, and is not edited")
    return Edit(changed)
