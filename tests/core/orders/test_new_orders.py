"""Rows from outside: what is taken, what is refused with which words, and baseline or just placed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.beliefs import DAY, HOUR, NOW
from tracker.core.dates import rfc3339
from tracker.core.orders.new_orders import FIELDS, BadRow, NewOrder, read_row
from tracker.core.status import OrderStatus

PANELS = {"main": {"awaitingapproval": OrderStatus.PENDING}, "other": {}}


def read(row, panel=None, baseline=None, imported=False):
    return read_row(row, panel=panel, panels=PANELS, baseline=baseline, imported=imported, now=NOW)


def refusal(row, **kwargs):
    with pytest.raises(BadRow) as refused:
        read({"panel": "main", "id": "1"} | row, **kwargs)
    return str(refused.value)


def test_a_full_row_of_text_is_an_order():
    row = {
        "panel": "main", "id": " 23501 ", "service": "12", "quantity": "1000", "charge": "0.27819", "currency": "USD",
        "link": "https://example.com/p/1", "ref": "client-A", "tags": "vip; eu ;", "placed_at": rfc3339(NOW - HOUR),
        "status": "In progress", "baseline": "no", "just_placed": "no", "parent": "23000",
    }  # fmt: skip
    assert read(row) == NewOrder(
        panel="main",
        remote_id="23501",
        baseline=False,
        just_placed=False,
        status=OrderStatus.IN_PROGRESS,
        service="12",
        quantity=1_000,
        charge=Decimal("0.27819"),
        currency="USD",
        link="https://example.com/p/1",
        ref="client-A",
        tags=("vip", "eu"),
        placed_at=NOW - HOUR,
        parent="23000",
    )
    assert set(row) == set(FIELDS)


def test_json_values_are_read_like_text():
    order = read(
        {"id": 23501, "quantity": 10, "charge": "1.5", "tags": ["vip", " eu "], "baseline": True}, panel="main"
    )
    assert (order.remote_id, order.quantity, order.tags, order.baseline) == ("23501", 10, ("vip", "eu"), True)


def test_empty_cells_are_unknown():
    order = read({"panel": "main", "id": "1"} | {field: "" for field in FIELDS if field not in ("panel", "id")})
    assert order == read({"panel": "main", "id": "1"})


def test_a_panel_has_words_of_its_own():
    assert read({"panel": "main", "id": "1", "status": "Awaiting approval"}).status is OrderStatus.PENDING
    assert "not a known word" in refusal({"panel": "other", "status": "Awaiting approval"})


# the row, the caller's wish, imported -> baseline, just placed
OLD, YOUNG = rfc3339(NOW - DAY - 60), rfc3339(NOW - DAY + 60)
SIGHTS = [
    ({}, None, False, False, True),
    ({}, None, True, True, False),
    ({}, True, False, True, False),
    ({}, False, True, False, True),
    ({"baseline": "true"}, None, False, True, False),
    ({"baseline": "false"}, None, True, False, True),
    ({"baseline": "false"}, True, False, True, False),
    ({"placed_at": OLD}, None, False, True, False),
    ({"placed_at": OLD}, False, False, False, True),
    ({"placed_at": OLD, "status": "Pending"}, None, False, True, False),
    ({"placed_at": YOUNG}, None, False, False, True),
    ({"placed_at": YOUNG}, None, True, True, False),
    ({"status": "Pending"}, None, True, False, False),
    ({"status": "Pending"}, None, False, False, False),
    ({"status": "Pending"}, False, True, False, True),
    ({"baseline": "false", "just_placed": "false"}, None, True, False, False),
    ({"just_placed": "true"}, None, False, False, True),
    ({"baseline": "true", "just_placed": "true"}, None, False, True, False),
]


@pytest.mark.parametrize(("row", "wish", "imported", "baseline", "just_placed"), SIGHTS)
def test_baseline_or_just_placed(row, wish, imported, baseline, just_placed):
    order = read({"panel": "main", "id": "1"} | row, baseline=wish, imported=imported)
    assert (order.baseline, order.just_placed) == (baseline, just_placed)


@pytest.mark.parametrize(
    ("row", "kwargs", "assumed"),
    [
        ({}, {}, True),
        ({}, {"imported": True}, False),
        ({}, {"baseline": False}, False),
        ({"baseline": False}, {}, False),
        ({"placed_at": YOUNG}, {}, False),
        ({"status": "Pending"}, {}, False),
    ],
)
def test_an_order_is_only_assumed_to_be_new_where_nothing_says_so(row, kwargs, assumed):
    assert read({"panel": "main", "id": "1"} | row, **kwargs).assumed is assumed


REFUSALS = [
    ({"colour": "red"}, "unknown field 'colour'"),
    ({"panel": ""}, "no panel"),
    ({"panel": "nope"}, "panel 'nope' is not configured (configured: main, other)"),
    ({"id": ""}, "id '' is not one"),
    ({"id": "1,2"}, "id '1,2' is not one"),
    ({"id": "1 2"}, "id '1 2' is not one"),
    ({"id": "x" * 256}, "is not one"),
    ({"id": "1\x00"}, "NUL"),
    ({"id": "\ud800"}, "half a character"),
    ({"id": True}, "id must be text"),
    ({"id": 1.5}, "id must be text"),
    ({"id": None}, "id '' is not one"),
    ({"id": ["1"]}, "id must be text"),
    ({"quantity": "0"}, "quantity '0'"),
    ({"quantity": "-5"}, "quantity"),
    ({"quantity": "1.5"}, "quantity"),
    ({"quantity": "٣"}, "quantity"),
    ({"quantity": str(2**63)}, "quantity"),
    ({"charge": "one"}, "charge 'one'"),
    ({"charge": "-1"}, "charge"),
    ({"charge": "NaN"}, "charge"),
    ({"charge": "Infinity"}, "charge"),
    ({"charge": "1e400"}, "charge"),
    ({"charge": "1_0"}, "charge"),
    ({"ref": "x" * 4_001}, "longer than 4,000"),
    ({"ref": "\ud83d"}, "half a character"),
    ({"tags": [1.5]}, "tags must be text"),
    ({"tags": ["\udc00"]}, "half a character"),
    ({"tags": ["\x00"]}, "NUL"),
    ({"tags": {"a": 1}}, "tags must be text"),
    ({"placed_at": "yesterday"}, "placed_at 'yesterday'"),
    ({"placed_at": "²"}, "placed_at"),
    ({"placed_at": str(NOW + 2 * DAY)}, "future"),
    ({"placed_at": "-5"}, "placed_at"),
    ({"placed_at": "0001-01-01"}, "before 1970"),
    ({"status": "Whatever"}, "status 'Whatever' is not a known word"),
    ({"baseline": "maybe"}, "baseline 'maybe' is neither"),
    ({"just_placed": "perhaps"}, "just_placed 'perhaps' is neither"),
]


@pytest.mark.parametrize(("row", "words"), REFUSALS)
def test_a_bad_row_is_refused_with_words_for_whoever_wrote_it(row, words):
    assert words in refusal(row)


def test_a_row_without_a_panel_belongs_to_the_one_that_is_named_beside_it():
    assert read({"id": "1"}, panel="other").panel == "other"
    assert read({"panel": "main", "id": "1"}, panel="other").panel == "main"


@pytest.mark.parametrize("text", ["1.25", "1,234.50", "0", "1E+3", "0.00000001"])
def test_amounts_are_kept_digit_by_digit(text):
    assert read({"panel": "main", "id": "1", "charge": text}).charge == Decimal(text.replace(",", ""))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (rfc3339(NOW), NOW),
        (str(NOW), NOW),
        (str(int(NOW)), NOW),
        ("2026-11-23", NOW - 8_047),
        ("2026-11-23T03:14:07+01:00", NOW),
    ],
)
def test_moments_are_read_in_both_spellings(text, at):
    assert read({"panel": "main", "id": "1", "placed_at": text}).placed_at == at


values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text() | st.integers()))


@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_whatever_a_row_holds_it_is_an_order_that_a_database_takes_or_a_bad_row(row):
    try:
        order = read(row, panel="main")
    except BadRow:
        return
    for text in (order.remote_id, order.service, order.link, order.ref, order.currency, order.parent, *order.tags):
        assert text is None or "\x00" not in text.encode().decode()
