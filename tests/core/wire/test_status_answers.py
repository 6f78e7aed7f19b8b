"""A panel's answers: every case of the table, entries that came before, names that come twice."""

import json
from pathlib import Path

import pytest

from tests.core.wire.wire_answers import ORDER, answer, as_read, one, order, status, trouble, with_money
from tracker.core import wire
from tracker.errors import Trouble

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "data/wire-cases.jsonl").open(encoding="utf-8")]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_case_of_the_table_is_read_as_it_says(case):
    hint = case["headers"].get("Retry-After")
    a = answer(case["body"], case["http"], float(hint) if hint else None)
    assert as_read(case["action"], a, case["asked"]) == with_money(case["expect"])


# --- entries that came before ------------------------------------------------------------------------

BATCH = {str(n): order(remains=str(n)) for n in range(1, 101)}
COMPACT = json.dumps(BATCH, separators=(",", ":"))
SPACED = json.dumps(BATCH)
PRETTY = json.dumps(BATCH, indent=2)


@pytest.mark.parametrize(
    "body",
    [COMPACT, SPACED, PRETTY, json.dumps({"orders": BATCH}), json.dumps([{"order": n} | o for n, o in BATCH.items()])],
    ids=["compact", "spaced", "pretty", "nested", "list"],
)
def test_an_entry_that_came_before_is_unchanged_and_not_read_again(body):
    first = status(body, *BATCH)
    assert len(first.snapshots) == 100
    known = {remote_id: snapshot.entry for remote_id, snapshot in first.snapshots.items()}
    assert all(entry and entry in body for entry in known.values())
    again = status(body, *BATCH, known=known)
    assert again.unchanged == list(BATCH)
    assert not again.snapshots

    moved = status(body, *BATCH, known=known | {"7": known["8"]})
    assert list(moved.snapshots) == ["7"]
    assert len(moved.unchanged) == 99


def test_an_entry_longer_than_a_kilobyte_is_read_every_time():
    body = {"1": order(link="x" * wire.ENTRY_MAX)}
    assert status(body).snapshots["1"].entry == ""


def test_an_entry_is_measured_in_bytes():
    text = json.dumps(order(link="ж" * 600), ensure_ascii=False)
    assert len(text) < wire.ENTRY_MAX < len(text.encode())
    assert one(f'{{"1":{text}}}').entry == ""


def test_an_unchanged_entry_in_a_broken_document_is_not_believed():
    known = {"1": json.dumps(ORDER, separators=(",", ":"))}
    body = f'{{"1":{known["1"]},"2":tru}}'
    assert trouble(wire.read_status, body, ["1"], known).kind is Trouble.UNREADABLE


# --- a name that comes twice -------------------------------------------------------------------------


@pytest.mark.parametrize("space", ["", " ", "\n  "])
@pytest.mark.parametrize("name", ["1", "\\u0031"])
@pytest.mark.parametrize("nested", [False, True])
def test_two_answers_for_one_id_are_none(space, name, nested):
    first, second = json.dumps(ORDER), json.dumps(order(status="Completed"))
    body = f'{{"2":{space}{first},{space}"1":{space}{first},"{name}":{second}}}'
    body = f'{{"orders":{space}{body}}}' if nested else body
    known = {"1": second, "2": first}
    reading = status(body, "1", "2", known=known)
    assert (reading.absent, reading.unchanged, reading.duplicates) == (["1"], ["2"], 1)


def test_a_hidden_duplicate_cannot_balance_the_spaces_it_saves():
    # The spaces a printer puts in are as long as the hidden member: the lengths alone would add up.
    body = '{"1":' + json.dumps(ORDER) + ',"2":0,"2":' + json.dumps(ORDER) + "}"
    assert status(body, "1", "2").absent == ["2"]


def test_an_escaped_colon_hides_no_duplicate():
    body = '{"a:":{"status":"Pending"},"a\\u003a":{"status":"Completed"}}'
    assert status(body, "a:").duplicates == 1


@pytest.mark.parametrize("field", ['"status":"Completed"', '"Status":"Completed"', '"note":{"a":1,"a":2}'])
def test_an_entry_that_contradicts_itself_is_none(field):
    body = '{"1":{"status":"Pending",' + field + '},"2":{"status":"Pending"}}'
    reading = status(body, "1", "2")
    assert (reading.absent, list(reading.snapshots), reading.duplicates) == (["1"], ["2"], 1)


def test_the_same_id_in_two_rows_of_a_list_is_none():
    reading = status([order(order=1), order(order="1", status="Completed"), order(order=2)], "1", "2")
    assert (reading.absent, list(reading.snapshots), reading.duplicates) == (["1"], ["2"], 1)


def test_the_same_service_in_two_rows_is_taken_once():
    rows = [{"service": 1, "name": "a"}, {"name": "nameless"}, "text", {"service": "1", "name": "b"}]
    assert [service.name for service in wire.read_services(answer(rows))] == ["a"]


@pytest.mark.parametrize("http", [400, 403, 404, 410, 422])
@pytest.mark.parametrize("body", ["{}", "[]", '{"orders": {}}'])
@pytest.mark.parametrize("asked", [("1",), ("1", "2")])
def test_an_empty_answer_under_an_error_code_says_nothing_about_its_ids(http, body, asked):
    for read in (wire.read_status, wire.read_refill_status):
        assert trouble(read, body, asked, http=http).kind is Trouble.UNREADABLE
    assert wire.read_status(answer(body), asked).absent == list(asked), "under 200 it leaves them out"
