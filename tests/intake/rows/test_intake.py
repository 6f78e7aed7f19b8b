"""Taking ids in: rows of every kind, the journal, and what is refused."""

import resource
import stat
import subprocess
import sys

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows as selected
from tests.intake.rows import RULES, ids, read, take, written
from tracker.core.orders.new_orders import JUST_PLACED_MAX, BadRow, NewOrder
from tracker.core.rules import BATCH_MAX
from tracker.errors import UserError
from tracker.intake.intake import BATCH
from tracker.intake.journal import Journal

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
