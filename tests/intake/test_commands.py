"""Intake commands that print new orders: real processes, what becomes of their rows, and the cursor."""

import json
import subprocess
import sys
import threading
import time

import pytest

from tests.databases import rows as selected
from tests.delivery.channels.test_command import is_alive, wait_for
from tracker.intake.commands import CURSOR_MAX

ROWS = """
    echo '{"panel": "main", "id": "1", "service": 12}'
    echo '{"panel": "main", "id": "2"}'
"""


def run(made, **how):
    """Runs the command, due or not; returns the result and the bad rows."""
    bad = []
    promise = made.begin(only_if_due=False)
    found = made.collect(promise, lambda taken: bad.extend(taken.take_bad()), **how)
    return found, bad


def begun(made):
    """Starts a run; returns its thread and the list that its result goes to."""
    found = []
    thread = threading.Thread(target=lambda: found.append(run(made)[0]))
    thread.start()
    wait_for(lambda: made._process is not None)
    return thread, found


def ids(database):
    return [row[0] for row in selected(database, "SELECT remote_id FROM orders ORDER BY id")]


def cursor(database):
    return selected(database, "SELECT cursor FROM intakes")[0][0]


def prints(*lines):
    """A script that prints these lines."""
    return (
        "cat <<'END'\n" + "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\nEND\n"
    )


def order(id_, **facts):
    return {"panel": "main", "id": id_} | facts


# --- rows and the cursor


def test_what_it_prints_is_tracked_as_just_placed_and_stands_in_the_journal(collector, database, journal):
    found, bad = run(collector(ROWS))
    assert (found.error, found.taken.added, bad) == ("", 2, [])
    assert selected(
        database, "SELECT remote_id, service, baseline, next_poll_at <= tracked_at FROM orders ORDER BY id"
    ) in (
        [("1", "12", 0, True), ("2", None, 0, True)],
        [("1", "12", 0, 1), ("2", None, 0, 1)],
    )
    assert selected(database, "SELECT type FROM events") == [("order.tracked",)] * 2
    assert [json.loads(line)["id"] for line in journal.read_text().splitlines()] == ["1", "2"]


def test_the_cursor_comes_back_in_the_environment_of_the_next_run(collector, database):
    made = collector('echo "{\\"cursor\\": \\"$TRACKER_CURSOR+\\"}"; echo "$TRACKER_INTAKE" >&2')
    for expected in ("+", "++", "+++"):
        found, _ = run(made)
        assert (found.cursor, cursor(database), found.complaint) == (expected, expected, "shop\n")


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ('"2026-11-23T02:14:07Z"', "2026-11-23T02:14:07Z"),
        ("4711", "4711"),
        ("1795400047.250", "1795400047.250"),
        ('"ü $(id) \\n"', "ü $(id) \n"),
        ('""', ""),
    ],
)
def test_a_cursor_is_text_or_a_number_and_kept_as_it_was_printed(collector, database, printed, kept):
    run(collector(prints(f'{{"cursor": {printed}}}')))
    assert cursor(database) == kept
    found, _ = run(collector('printf %s "$TRACKER_CURSOR" >&2'))
    assert found.complaint == kept


@pytest.mark.parametrize("printed", ["null", None])
def test_no_cursor_is_where_it_was(collector, database, printed):
    """`SELECT max(id) … WHERE id > $TRACKER_CURSOR` prints null when nothing came; that must not reset the cursor."""
    run(collector(prints({"cursor": "7"})))
    found, _ = run(collector(ROWS + (f"echo '{{\"cursor\": {printed}}}'" if printed else "")))
    assert (found.error, cursor(database)) == ("", "7")


@pytest.mark.parametrize("printed", ["true", "[1]", '{"a": 1}', json.dumps("x" * (CURSOR_MAX + 1)), '"a\\u0000b"'])
def test_a_cursor_that_no_environment_holds_ends_the_run_without_one(collector, database, printed):
    run(collector(prints({"cursor": "7"})))
    found, _ = run(collector(prints(order("1"), f'{{"cursor": {printed}}}')))
    assert "its cursor" in found.error
    assert (ids(database), cursor(database)) == (["1"], "7")


def test_running_it_again_changes_nothing_and_tells_nothing(collector, database):
    run(collector(ROWS))
    before = selected(database, "SELECT * FROM orders ORDER BY id"), selected(database, "SELECT * FROM events")
    found, _ = run(collector(ROWS))
    assert (found.taken.added, found.taken.known) == (0, 2)
    assert (
        selected(database, "SELECT * FROM orders ORDER BY id"),
        selected(database, "SELECT * FROM events"),
    ) == before


def test_a_bad_row_is_told_and_the_cursor_moves_on(collector, database):
    script = prints(order("1"), "oops", order("2", panel="nope"), "[]", order("3", id=5e2), order("4"), {"cursor": 9})
    found, bad = run(collector(script))
    assert (found.error, ids(database), cursor(database)) == ("", ["1", "4"], "9")
    assert [line for line, _ in bad] == [2, 3, 4, 5]
    assert [why.split(":")[0] for _, why in bad[:1]] == ["not JSON"]
    assert selected(database, "SELECT outcome, added, known, refused, failures FROM intakes") == [("ok", 2, 0, 4, 0)]


def test_a_last_line_without_its_end_counts(collector, database):
    found, _ = run(collector("""printf '{"panel": "main", "id": "1"}\\n{"cursor": 3}'"""))
    assert (found.error, ids(database), cursor(database)) == ("", ["1"], "3")


def test_rows_of_an_old_shop_say_so_themselves(collector, database):
    old = [order(str(n), placed_at="2020-01-01T00:00:00Z") for n in range(300)]
    found, _ = run(collector(prints(*old)))
    assert (found.error, found.taken.added) == ("", 300)
    assert selected(database, "SELECT count(*) FROM events") == [(0,)]


# --- too many of which nothing is known


def test_more_than_a_hundred_with_nothing_said_are_refused_with_what_to_do(collector, database, journal):
    script = prints(*(order(str(n)) for n in range(101)), {"cursor": 1})
    found, _ = run(collector(script))
    assert found.error == "101 orders at once, and nothing says whether they are new or old"
    assert any("placed_at" in remedy for remedy in found.remedies)
    assert any("tracker intake run shop --baseline" in remedy for remedy in found.remedies)
    assert (ids(database), cursor(database), journal.exists()) == ([], None, False)
    ((error,),) = selected(database, "SELECT error FROM intakes")
    assert "tracker intake run shop --baseline" in error
    found, _ = run(collector(script), baseline=True)
    assert (found.error, found.taken.added, cursor(database)) == ("", 101, "1")
    assert selected(database, "SELECT count(*) FROM events") == [(0,)]


def test_a_hundred_are_taken(collector):
    assert run(collector(prints(*(order(str(n)) for n in range(100)))))[0].taken.added == 100


# --- how it fails


@pytest.mark.parametrize(("script", "why"), [("exit 3", "exited with 3"), ("kill -9 $$", "ended by signal 9")])
def test_a_command_that_fails_has_its_rows_taken_and_its_cursor_left(collector, database, script, why):
    run(collector(prints({"cursor": "7"})))
    found, _ = run(collector(ROWS + "echo '{\"cursor\": 8}'; echo 'no s3cret connection' >&2; " + script))
    assert why in found.error
    assert found.error.endswith(": no *** connection")
    assert (ids(database), cursor(database)) == (["1", "2"], "7")
    assert selected(database, "SELECT outcome, failures, error FROM intakes") == [("failed", 1, found.error)]


def test_of_what_it_complains_the_end_is_kept(collector):
    found, _ = run(collector("seq 100000 >&2; echo the last word >&2; exit 1"))
    assert found.error.endswith("99999 100000 the last word")
    assert len(found.error) < 300


def test_a_program_that_is_not_there_is_a_failed_run(collector, database):
    found, _ = run(collector("", argv=("/no/such/program",)))
    assert found.error == "/no/such/program cannot be started: No such file or directory"
    assert selected(database, "SELECT outcome, failures, lease FROM intakes") == [("failed", 1, None)]


def test_a_command_that_hangs_is_killed_at_its_deadline_with_all_it_started(collector, database, tmp_path):
    script = f"{ROWS} (trap '' TERM; echo $$ > {tmp_path}/a; exec sleep 60) & echo $! > {tmp_path}/child; sleep 60"
    started = time.monotonic()
    found, _ = run(collector(script, timeout_s=0.5))
    assert time.monotonic() - started < 5
    assert found.error == "/bin/sh took longer than 0.5 s"
    assert (ids(database), cursor(database)) == (["1", "2"], None)
    wait_for(lambda: not is_alive(int((tmp_path / "child").read_text())))


def test_a_line_that_was_cut_off_at_the_deadline_is_no_order(collector, database):
    found, _ = run(collector("""printf '{"panel": "main", "id": "12'; sleep 60""", timeout_s=0.5))
    assert "took longer" in found.error
    assert ids(database) == []


def test_what_it_said_in_time_counts_however_long_it_takes_to_be_written_down(collector, database):
    script = prints({"cursor": 8}, *(order(str(n), baseline=True) for n in range(2_000)))  # more than was read at once
    made = collector(script, timeout_s=0.5)
    found = made.collect(made.begin(only_if_due=False), lambda taken: time.sleep(0.6 if taken.added < 300 else 0))
    assert (found.error, found.taken.added, cursor(database)) == ("", 2_000, "8")


def test_one_that_goes_on_in_the_background_is_not_waited_for(collector, database):
    found, _ = run(collector(ROWS + "sleep 60 &"))
    assert (found.error, ids(database)) == ("", ["1", "2"])


def test_one_that_closes_its_output_has_not_ended(collector, database):
    found, _ = run(collector(ROWS + "exec >&-; sleep 0.3; exit 4"))
    assert "exited with 4" in found.error
    assert ids(database) == ["1", "2"]


def test_a_database_that_takes_nothing_is_a_failed_run_without_a_cursor(collector, database):
    made = collector(ROWS + "echo '{\"cursor\": 8}'")
    promise = made.begin(only_if_due=False)
    with database.transaction() as cur:
        cur.run("ALTER TABLE orders RENAME TO elsewhere")
    with pytest.raises(Exception, match="orders"):
        made.collect(promise, lambda taken: None)
    assert cursor(database) is None
    ((outcome, lease, error),) = selected(database, "SELECT outcome, lease, error FROM intakes")
    assert (outcome, lease, "a bug" in error) == ("failed", None, True)


def test_a_journal_that_cannot_be_written_loses_nothing(collector, database, journal):
    journal.mkdir()
    found, _ = run(collector(ROWS + "echo '{\"cursor\": 8}'"))
    assert "could not be written down" in found.error
    assert (ids(database), cursor(database)) == ([], None)


# --- what it may do


def test_its_environment_holds_nothing_of_ours_and_nothing_is_expanded(collector, database, monkeypatch, tmp_path):
    monkeypatch.setenv("TRACKER__PANELS__MAIN__KEY", "s3cret")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    run(collector(prints({"cursor": f"$(touch {tmp_path}/pwned)`id`"})))
    found, _ = run(collector("", argv=("/usr/bin/env", "sh", "-c", "env >&2; pwd >&2")))
    assert set(found.complaint.splitlines()) - {"_=/usr/bin/env"} == {
        "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=Europe/Berlin", "TRACKER_INTAKE=shop", "PWD=/",
        f"TRACKER_CURSOR=$(touch {tmp_path}/pwned)`id`", "/",
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_what_would_come_and_leaves_everything_as_it_was(collector, database, journal):
    run(collector(prints(order("1"), {"cursor": "7"})))
    before = [selected(database, f"SELECT * FROM {table}") for table in ("orders", "events", "intakes")]
    lines = journal.read_text()
    found, _ = run(collector(ROWS + "echo bad; echo '{\"cursor\": 8}'"), dry_run=True)
    assert (found.taken.added, found.taken.known, found.taken.refused, found.cursor) == (1, 1, 1, "8")
    assert [selected(database, f"SELECT * FROM {table}") for table in ("orders", "events", "intakes")] == before
    assert journal.read_text() == lines


def test_more_output_than_a_run_may_have_ends_it(collector, database):
    script = "exec python3 -c \"while True: print('x' * 60000)\""
    started = time.monotonic()
    found, _ = run(collector(script, timeout_s=60))
    assert time.monotonic() - started < 50
    assert "printed more than 256 MiB" in found.error
    assert "$TRACKER_CURSOR" in found.error


MEMORY = """
import resource, sys
from pathlib import Path
from tracker.db import migrate
from tracker.intake.commands import IntakeCommand
from tests.defaults import intake_config, poll_rules
from tracker.db.database import connect
from tracker.clock import SYSTEM
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.store import Store
folder, count = Path(sys.argv[1]), sys.argv[2]
database = connect(f"sqlite:///{folder}/tracker.db")
migrate.migrate(database)
store = Store(database)
store.panels.sync({"main": "1"}, 0.0)
program = '''
import sys
for n in range(int(sys.argv[1])):
    print('{"panel": "main", "id": "%d", "baseline": true}' % n if n % 2 else "no order at all", file=sys.stdout)
print('{"cursor": 1}')
'''
config = intake_config("shop", (sys.executable, "-c", program, count), timeout_s=600.0)
intake = Intake(store, Journal(folder / "journal"), {"main": poll_rules()})
collector = IntakeCommand(config, store, intake, str, SYSTEM)
with database.session():
    found = collector.collect(collector.begin(only_if_due=False), lambda taken: taken.take_bad())
assert found.error == "" and found.taken.added == found.taken.refused == int(count) // 2, found
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
BETWEEN = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]], check=True)"


@pytest.mark.slow
def test_a_run_of_many_rows_takes_no_more_memory_than_one_of_few(tmp_path):
    held = []
    for count in ("8000", "80000"):
        (tmp_path / count).mkdir()
        command = [sys.executable, "-c", BETWEEN, MEMORY, str(tmp_path / count), count]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
        held.append(float(done.stdout))
    assert held[1] - held[0] < 4, held
