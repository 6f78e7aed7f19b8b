"""Files of rows: CSV, NDJSON and bare ids, and whatever else people hand over as one."""

import io
from decimal import Decimal

import pytest

from tests.intake.rows import ids, read, take
from tracker.core.ids import valid_given_id
from tracker.core.orders.new_orders import BadRow
from tracker.errors import UserError
from tracker.intake.row_files import read_rows


def test_a_header_makes_it_csv():
    text = '\ufeff ID ,Quantity,"Tags"\r\n"1",10,"a;b"\r\n\r\n2,,\r\n'
    assert read(text) == [(2, {"id": "1", "quantity": "10", "tags": "a;b"}), (4, {"id": "2"})]


def test_an_object_makes_it_ndjson_and_numbers_keep_their_digits():
    text = '\n{"id": 1, "charge": 0.10, "at": "2026-11-23T02:14:07Z"}\n\n{"id": \n[1]\n{"id": "2"}\n'
    found = read(text)
    assert found[0] == (2, {"id": 1, "charge": Decimal("0.10")})
    assert str(found[0][1]["charge"]) == "0.10"
    assert [(line, str(row)[:10]) for line, row in found[1:3]] == [(4, "not JSON: "), (5, "not an obj")]
    assert found[3] == (6, {"id": "2"})


def test_anything_else_is_one_id_a_line():
    assert read("\n\n23501\n 23502 \n\n23503") == [(3, {"id": "23501"}), (4, {"id": "23502"}), (6, {"id": "23503"})]
    assert read("") == []
    assert read("\n \n") == []


def test_a_column_that_nobody_knows_is_refused_with_those_there_are():
    with pytest.raises(UserError) as refused:
        read("id,colour\n1,red\n")
    assert "unknown column 'colour'" in str(refused.value)
    assert "placed_at" in str(refused.value)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ('id,"quantity', "the header is no line of CSV"),
        ('id,"quan"tity', "the header is no line of CSV"),
        ("id,quantity,Id", "the header has 'id' twice"),
        ("id,ref\x00", "unknown column 'ref"),
    ],
)
def test_a_header_that_cannot_be_read_or_says_two_things_is_refused(header, why):
    with pytest.raises(UserError) as refused:
        read(f"{header}\n1,2,3\n")
    assert why in str(refused.value)


def test_a_nul_is_no_part_of_an_id_and_leaves_none_behind(intake, database):
    """Without the NUL it would be the id of another order."""
    taken = take(intake, "id,ref\n1\x002,a\n3,b\x00c\n4,d\n", baseline=True)
    assert (ids(database), [line for line, _ in taken.bad]) == (["4"], [2, 3])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,2,3", "3 cells where the header has 2"),
        ("1", "1 cells"),
        ("1," + "x" * 200_000, "longer than 65,536 characters"),
    ],
)
def test_a_line_that_does_not_fit_is_bad_and_the_next_one_is_taken(line, reason):
    bad, good = read(f"id,ref\n{line}\n2,b\n")
    assert isinstance(bad[1], BadRow)
    assert reason in str(bad[1])
    assert (bad[0], good) == (2, (3, {"id": "2", "ref": "b"}))


@pytest.mark.parametrize("line", ["[" * 100_000, '{"id": 1' + "0" * 5_000 + "}", '{"id": NaN}', '{"id": "\\ud800"}'])
def test_json_that_no_order_can_be_is_a_bad_row(intake, line):
    taken = take(intake, '{"id": "first"}\n' + line + "\n", baseline=True)
    assert (taken.added, [number for number, _ in taken.bad]) == (1, [2])


@pytest.mark.parametrize("number", ["5e2", "1.0", "23501.5", "1E400"])
@pytest.mark.parametrize("field", ["id", "service", "ref"])
def test_a_number_that_is_no_whole_one_is_never_an_id(intake, database, field, number):
    """5e2 may mean 500 or "5e2"; an order that may not exist is not polled."""
    taken = take(intake, f'{{"id": "first", "{field}": {number}}}\n{{"id": 2}}\n', baseline=True)
    assert (ids(database), [line for line, _ in taken.bad]) == (["2"], [1])
    assert f"{field} must be text or a whole number" in taken.bad[0][1]


@pytest.mark.parametrize(
    ("before", "after"), [("1", "2"), ("id,ref", "2,b"), ('{"id": "1"}', '{"id": "2"}')], ids=["ids", "csv", "ndjson"]
)
def test_a_line_without_end_is_bad_and_never_in_memory_as_a_whole(before, after):
    rows = read(f"{before}\n{'x' * 300_000}\n{after}\n")
    assert [str(row) for _, row in rows if isinstance(row, BadRow)] == ["longer than 65,536 characters"]
    assert (rows[-1][0], rows[-1][1]["id"]) == (3, "2")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("id,ref\n1,Zoë\n2,Max\n", ["2"]),
        ('{"id": "1", "ref": "Zoë"}\n{"id": "2"}\n', ["2"]),
        ("1\n2ë\n3\n", ["1", "3"]),
        ('id,ref\n1,"Zo\në"\n2,Max\n', ["2"]),
    ],
)
def test_a_line_in_another_encoding_is_bad_and_the_others_are_taken(text, ids):
    rows = read(text.encode("latin-1"))
    assert [str(row) for _, row in rows if isinstance(row, BadRow)] == ["not UTF-8 text"]
    assert [row["id"] for _, row in rows if not isinstance(row, BadRow)] == ids


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("id,ref\n1,a\n".encode("utf-16"), "line 1 is not UTF-8 text"),
        (b"\n" + b"x" * 100_000, "line 2 is longer than 65,536 characters"),
        (b'[{"id": "1"},\n{"id": "2"}]\n', "a JSON list"),
    ],
)
def test_a_file_that_is_none_of_the_three_is_refused_as_a_whole(data, why):
    with pytest.raises(UserError) as refused:
        read(data)
    assert why in str(refused.value)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_spreadsheet_in_another_country_separates_its_cells_differently(separator):
    text = f"ID{separator}service{separator}quantity\n31{separator}12{separator}1000\n"
    assert list(read_rows(io.StringIO(text))) == [(2, {"id": "31", "service": "12", "quantity": "1000"})]


def test_a_row_of_a_spreadsheet_is_no_id():
    assert not valid_given_id("31;12;1000")


def test_a_quote_left_open_is_an_error_and_never_one_long_cell():
    rows = list(read_rows(io.StringIO('id,ref\n1,"abc\n2,b\n3,c\n')))
    assert [type(row) for _, row in rows] == [BadRow]
    assert "quote" in str(rows[0][1])
