"""What a person may correct about an order, and what becomes of it."""

from decimal import Decimal

import pytest

from tests.core.beliefs import NOW, believed
from tracker.core.orders.new_orders import BadRow
from tracker.core.orders.order_edits import FIELDS, Edit, decide, read_edit

ORDER = believed(
    "In progress", charge="0.90", service="12", quantity=1000, quantity_source="given", ref="A-118", tags=("vip",)
)


def test_only_what_is_different_changes():
    wanted = {"service": "12", "ref": "B-2", "link": "https://example.com/p/1", "tags": ("vip",)}
    assert decide(ORDER, None, wanted) == Edit({"ref": ("A-118", "B-2"), "link": (None, "https://example.com/p/1")})
    assert decide(ORDER, "https://example.com/p/1", {"link": None}).changed == {
        "link": ("https://example.com/p/1", None)
    }


def test_a_guessed_quantity_that_somebody_confirms_is_their_word_from_then_on():
    guessed = believed("Pending", quantity=1000, quantity_source="inferred")
    assert decide(guessed, None, {"quantity": 1000}).changed == {"quantity": (1000, 1000)}
    assert decide(ORDER, None, {"quantity": 1000}).changed == {}


def test_a_charge_is_edited_until_the_panel_has_said_it():
    assert "0.90" in decide(ORDER, None, {"charge": Decimal("0.80"), "ref": "B"}).refused
    assert decide(ORDER, None, {"charge": Decimal("0.80"), "ref": "B"}).changed == {}
    assert decide(ORDER, None, {"charge": Decimal("0.9")}) == Edit({})
    new = believed(charge="0.90")
    assert decide(new, None, {"charge": Decimal("0.80")}).changed == {"charge": (Decimal("0.90"), Decimal("0.80"))}
    silent = believed("In progress")
    assert decide(silent, None, {"charge": Decimal("0.80")}).changed == {"charge": (None, Decimal("0.80"))}


def test_no_order_is_its_own_parent():
    assert decide(ORDER, None, {"parent": "23501"}).refused == "an order is not its own parent"
    assert decide(ORDER, None, {"parent": "7"}).changed == {"parent": (None, "7")}


def test_an_edit_is_read_like_a_row_of_an_import():
    row = {
        "service": " 13 ",
        "quantity": "10",
        "charge": "1.50",
        "tags": ["a", "b"],
        "placed_at": "2026-11-23T02:00:00Z",
    }
    assert read_edit(row, ["ref"], NOW) == {
        "service": "13", "quantity": 10, "charge": Decimal("1.50"), "tags": ("a", "b"), "placed_at": NOW - 847,
        "ref": None,
    }  # fmt: skip
    assert read_edit({}, FIELDS, NOW) == dict.fromkeys(FIELDS) | {"tags": ()}


@pytest.mark.parametrize(
    ("row", "clear", "why"),
    [
        ({"quantity": "many"}, [], "not a whole number"),
        ({"ref": ""}, [], "ref is empty; --clear ref"),
        ({"tags": [""]}, [], "tags is empty; --clear tags"),
        ({"ref": "A"}, ["ref"], "to be set and to be cleared"),
    ],
)
def test_what_cannot_be_meant_is_refused(row, clear, why):
    with pytest.raises(BadRow, match=why):
        read_edit(row, clear, NOW)
