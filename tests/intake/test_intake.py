"""Taking ids in: rows of every kind, the journal, and what is refused."""

import io
import json
import resource
import stat
import subprocess
import sys
from decimal import Decimal

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows as selected
from tests.defaults import poll_rules
from tracker.core.ids import valid_given_id
from tracker.core.orders.new_orders import JUST_PLACED_MAX, BadRow, NewOrder
from tracker.core.rules import BATCH_MAX
from tracker.errors import UserError
from tracker.intake.intake import BATCH, Intake, read_rows
from tracker.intake.journal import Journal
from tracker.store import Store


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "intake.ndjson"


@pytest.fixture
def intake(database, journal):
    store = Store(database)
    store.panels.sync({"main": "1"}, NOW + DAY)
    return Intake(store, Journal(journal), {"main": RULES})


def read(text):
    """Returns the rows of a file, given as text, or as bytes that are not text."""
    data = text.encode() if isinstance(text, str) else text
    return list(read_rows(io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogateescape", newline="")))


def take(intake, rows, **how):
    """Takes rows, or the text of a file; returns the total after the last batch."""
    numbered = read(rows) if isinstance(rows, str) else list(enumerate(rows, 1))
    taken = None
    for taken in intake.take(numbered, NOW, **({"panel": "main"} | how)):  # noqa: B007  the last one counts
        pass
    return taken


def ids(database):
    return [row[0] for row in selected(database, "SELECT remote_id FROM orders ORDER BY id")]


def written(journal):
    return [json.loads(line) for line in journal.read_text().splitlines() if line]


# --- the journal


def test_every_accepted_id_stands_in_the_journal_for_nobody_else_to_read(intake, journal):
    take(intake, [{"id": "1", "link": "https://example.com/p/1", "tags": ["vip"]}, {"id": "2", "charge": "0.10"}])
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert written(journal) == [
        {"at": "2026-11-23T02:14:07Z", "panel": "main", "id": "1", "link": "https://example.com/p/1", "tags": ["vip"],
         "baseline": False, "just_placed": True},
        {"at": "2026-11-23T02:14:07Z", "panel": "main", "id": "2", "charge": "0.10", "baseline": False,
         "just_placed": True},
    ]  # fmt: skip


def test_an_id_is_in_the_journal_even_where_the_database_refuses_it(intake, journal, database):
    with database.transaction() as cur:
        cur.run("ALTER TABLE orders RENAME TO elsewhere")
    with pytest.raises(Exception, match="orders"):
        take(intake, [{"id": "1"}])
    assert [line["id"] for line in written(journal)] == ["1"]


def test_a_replayed_journal_makes_the_orders_it_was_written_from(intake, journal, database, engine):
    told = [
        {"id": "1"},
        {"id": "2", "status": "Pending", "service": "12", "quantity": 10},
        {"id": "3", "baseline": "true", "ref": "ü"},
        {"id": "4", "placed_at": str(NOW - 60), "parent": "1"},
    ]
    take(intake, told)
    facts = "SELECT remote_id, status, baseline, seq, service, quantity, ref, placed_at, parent FROM orders ORDER BY id"
    before = selected(database, facts), selected(database, "SELECT event_id FROM events ORDER BY id")
    with database.transaction() as cur:
        for table in ("deliveries", "events", "orders"):
            cur.run(f"DELETE FROM {table}")
    assert take(intake, journal.read_text(), imported=True).bad == []
    assert (selected(database, facts), selected(database, "SELECT event_id FROM events ORDER BY id")) == before


def test_replaying_a_journal_over_what_is_still_there_changes_nothing(intake, journal, database):
    take(intake, [{"id": "1"}, {"id": "2", "ref": "a"}])
    before = selected(database, "SELECT * FROM orders"), selected(database, "SELECT * FROM events")
    taken = take(intake, journal.read_text(), imported=True)
    assert (taken.added, taken.known) == (0, 2)
    assert (selected(database, "SELECT * FROM orders"), selected(database, "SELECT * FROM events")) == before


FULL_DISK = """
import resource, sys
from pathlib import Path
from tracker.core.orders.new_orders import NewOrder
from tracker.intake.journal import Journal
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, resource.RLIM_INFINITY))
try:
    Journal(path).append([NewOrder("main", str(n), False, True) for n in range(100)], 0.0)
except OSError as error:
    print("refused:", error.errno is not None)
"""


def test_a_disk_that_takes_half_is_an_error_and_the_next_line_is_whole_again(journal):
    order = NewOrder("main", "before", baseline=False, just_placed=True)
    Journal(journal).append([order], NOW)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    child = subprocess.run([sys.executable, "-c", FULL_DISK, str(journal)], capture_output=True, text=True, check=True)
    assert child.stdout == "refused: True\n"
    assert not journal.read_text().endswith("\n")
    Journal(journal).append([NewOrder("main", "after", baseline=False, just_placed=True)], NOW)
    found = [row for _, row in read(journal.read_text())]
    assert [row["id"] for row in (found[0], found[-1])] == ["before", "after"]
    assert sum(isinstance(row, BadRow) for row in found) == 1


APPENDS = """
import sys
from pathlib import Path
from tracker.core.orders.new_orders import NewOrder
from tracker.intake.journal import Journal
for n in range(50):
    Journal(Path(sys.argv[1])).append([NewOrder("main", sys.argv[2] * 200, False, True) for _ in range(20)], 0.0)
"""


def test_lines_of_two_processes_never_mix(journal):
    children = [subprocess.Popen([sys.executable, "-c", APPENDS, str(journal), name]) for name in "ab"]
    assert [child.wait(30) for child in children] == [0, 0]
    found = [line["id"] for line in written(journal)]
    assert (found.count("a" * 200), found.count("b" * 200)) == (1_000, 1_000)


# --- which rows, and how many


def test_good_rows_are_taken_and_bad_ones_are_named_by_line(intake, database):
    taken = take(intake, "id,quantity\n1,10\n2,ten\n,5\n3,30\n")
    assert (taken.added, taken.known) == (2, 0)
    assert [line for line, _ in taken.bad] == [3, 4]
    assert "quantity 'ten'" in taken.bad[0][1]
    assert ids(database) == ["1", "3"]


def test_a_row_twice_is_one_order(intake, database):
    taken = take(intake, [{"id": "1"}, {"id": "1"}])
    assert (taken.added, taken.known, ids(database)) == (1, 1, ["1"])
    assert (take(intake, [{"id": "1"}]).known, ids(database)) == (1, ["1"])


def test_rows_that_name_one_order_twice_fill_each_other_and_the_first_word_counts(intake, database):
    take(intake, [{"id": "1", "ref": "mine"}, {"id": "1", "ref": "other", "service": "12"}])
    assert selected(database, "SELECT ref, service FROM orders") == [("mine", "12")]


def test_an_order_is_not_its_own_parent(intake, database):
    taken = take(intake, '{"id": "1", "parent": "1"}\n{"id": "2", "parent": 1}\n', baseline=True)
    assert (ids(database), taken.bad) == (["2"], [(1, "an order is not its own parent")])


def test_a_dry_run_reads_everything_and_writes_nothing(intake, journal, database):
    taken = take(intake, [{"id": "1"}, {"id": ""}], dry_run=True)
    assert (taken.added, len(taken.bad)) == (1, 1)
    assert ids(database) == []
    assert not journal.exists()


def test_a_dry_run_says_what_the_import_will_say(intake, database):
    """No matter how far apart the rows of one order are in the file."""
    take(intake, [{"id": "1"}, {"id": "7"}], imported=True)
    rows = [{"id": str(n % (BATCH + 10))} for n in range(2 * BATCH)]
    totals = [take(intake, rows, imported=True, dry_run=dry_run) for dry_run in (True, False)]
    assert [(taken.added, taken.known) for taken in totals] == [(BATCH + 8, BATCH - 8)] * 2


def test_whoever_takes_the_bad_rows_out_after_each_batch_never_holds_more_of_them_than_a_batch(intake):
    numbered = [(n, {"id": ""}) for n in range(3 * BATCH)]
    held = [len(taken.take_bad()) for taken in intake.take(numbered, NOW, panel="main")]
    assert held == [BATCH] * 3


# --- the first look at many


RULES = poll_rules(max_requests_per_minute=60, batch_size=100)


def looks_at(database):
    return [row[0] for row in selected(database, "SELECT next_poll_at FROM orders ORDER BY id")]


def test_a_call_s_worth_of_orders_is_asked_about_at_once(intake, database):
    assert take(intake, MANY[:BATCH_MAX], imported=True).last_look_at is None
    assert set(looks_at(database)) == {NOW}


def test_more_are_asked_about_call_after_call_however_many_batches_they_come_in(intake, database):
    taken = take(intake, [{"id": str(n)} for n in range(1_500)], imported=True)
    apart_s = 60 / (RULES.max_requests_per_minute * 0.75)
    assert looks_at(database) == [NOW + n // 100 * apart_s for n in range(1_500)]
    assert taken.last_look_at == NOW + 14 * apart_s


def test_orders_that_were_known_take_no_place_in_that_queue(intake, database):
    take(intake, [{"id": str(n)} for n in range(BATCH)], imported=True)
    with database.transaction() as cur:
        cur.run("UPDATE orders SET next_poll_at = NULL")
    take(intake, [{"id": str(n)} for n in range(BATCH + 5)], imported=True)
    assert [at for at in looks_at(database) if at is not None] == [NOW] * 5


def test_what_is_due_anyway_leaves_less_room_for_first_looks(intake, database):
    """10,000 orders within five minutes are 20 calls a minute of 60; of the other 40 three quarters are taken."""
    with database.transaction() as cur:
        cur.many(
            "INSERT INTO orders (panel, remote_id, kind, tracking, baseline, refund_told, seq, version, refusals,"
            " misses, progress_count, tracked_at, next_poll_at)"
            " VALUES ('main', ?, 'default', 'active', 1, 0, 0, 0, 0, 0, 0, 0, ?)",
            [(f"old{n}", NOW + n % 300) for n in range(10_000)],
        )
    taken = take(intake, [{"id": str(n)} for n in range(1_000)], imported=True)
    assert taken.last_look_at == NOW + 9 * 60 / 30


def test_a_panel_that_is_asked_one_by_one_is_asked_one_by_one(intake, database):
    with database.transaction() as cur:
        cur.run("UPDATE panels SET singles_until = ?", (NOW + DAY,))
    taken = take(intake, [{"id": str(n)} for n in range(BATCH)], imported=True)
    assert taken.last_look_at == NOW + (BATCH - 1) * 60 / 45


def test_a_long_import_is_taken_batch_by_batch(intake, database):
    numbered = [(n, {"id": str(n)}) for n in range(BATCH + 5)]
    totals = [taken.added for taken in intake.take(numbered, NOW, panel="main", imported=True)]
    assert totals == [BATCH, BATCH + 5]
    assert len(ids(database)) == BATCH + 5


MANY = [{"id": str(n)} for n in range(JUST_PLACED_MAX + 1)]


def test_a_hundred_new_orders_at_once_are_taken(intake):
    assert take(intake, MANY[:JUST_PLACED_MAX]).added == JUST_PLACED_MAX


def test_more_are_refused_when_nothing_says_whether_they_are_new(intake, journal, database):
    with pytest.raises(UserError) as refused:
        take(intake, MANY)
    assert refused.value.exit_code == 2
    assert "101 orders at once" in str(refused.value)
    assert "--just-placed" in str(refused.value)
    assert ids(database) == []
    assert not journal.exists()


@pytest.mark.parametrize(
    ("more", "how"),
    [
        ({}, {"baseline": True}),
        ({}, {"baseline": False}),
        ({}, {"imported": True}),
        ({"baseline": False}, {}),
        ({"baseline": "true"}, {}),
        ({"placed_at": str(NOW)}, {}),
        ({"status": "Pending"}, {}),
    ],
)
def test_and_taken_when_something_does(intake, more, how):
    assert take(intake, [row | more for row in MANY], **how).added == len(MANY)


def test_a_call_is_a_call_however_many_batches_it_takes(intake, database):
    said = [{"id": f"s{n}", "status": "Pending"} for n in range(BATCH - 60)]
    unsaid = [{"id": f"u{n}"} for n in range(120)]
    with pytest.raises(UserError):
        take(intake, [*said, *unsaid])
    assert len(ids(database)) == BATCH  # the first batch was all right by itself


# --- files of every kind


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
