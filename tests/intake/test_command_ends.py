"""Runs of an intake's command: one at a time, how they end, and what is left of them."""

import io
import os
import time

import pytest

from tests.databases import rows as selected
from tests.intake.test_commands import ROWS, begun, cursor, prints, run
from tracker import clock, log
from tracker.intake.commands import TOLD_MAX


def test_two_runs_of_one_command_are_never_under_way_together(collector, store):
    made = collector("sleep 60", timeout_s=30)
    promise = made.begin(only_if_due=True)
    assert promise is not None
    assert collector("true").begin(only_if_due=False) is None
    store.intake_runs.drop(promise)
    assert collector("true").begin(only_if_due=False) is not None


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"])
def test_a_tracker_that_stops_ends_it_within_its_ten_seconds_and_it_is_no_failure(collector, database, trap):
    made = collector(f"{trap} {ROWS} sleep 60; sleep 60", timeout_s=60)
    thread, found = begun(made)
    started = time.monotonic()
    made.stop()
    thread.join(20)
    assert time.monotonic() - started < 9
    assert (found[0].stopped, cursor(database)) == (True, None)
    assert selected(database, "SELECT outcome, failures, lease FROM intakes") == [(None, 0, None)]


def test_a_run_that_ends_soon_enough_counts_although_the_tracker_stops(collector, database):
    made = collector(ROWS + "sleep 0.5; echo '{\"cursor\": 8}'", timeout_s=60)
    thread, found = begun(made)
    made.stop()
    thread.join(20)
    assert (found[0].stopped, found[0].error, cursor(database)) == (False, "", "8")


def test_a_command_that_was_stopped_and_opened_again_has_its_whole_time(collector, database):
    made = collector(ROWS + "sleep 3; echo '{\"cursor\": 8}'", timeout_s=60)
    made.stop()
    made.open()
    found, _ = run(made)
    assert (found.stopped, found.error, cursor(database)) == (False, "", "8")


def test_closing_kills_at_once(collector):
    made = collector("trap '' TERM; sleep 60; sleep 60", timeout_s=60)
    thread, found = begun(made)
    made.close()
    thread.join(5)
    assert "signal 9" in found[0].error


def test_two_hundred_runs_leave_nothing_behind(collector):
    made = collector("", argv=("/bin/true",))
    assert {run(made)[0].error for _ in range(200)} == {""}  # the fixture looks at processes and descriptors


def test_a_due_run_is_told_in_the_log_and_bounded(collector, database):
    lines = io.StringIO()
    log.setup("info", "json", log.Masker([]), lines)
    made = collector(prints(*["s3cret " + "x" * 300] * (TOLD_MAX + 5)))
    assert made.run_once() is False
    assert selected(database, "SELECT refused FROM intakes") == [(TOLD_MAX + 5,)]
    assert made.run_once() is False, "it is not due"
    ((at,),) = selected(database, "SELECT next_run_at FROM intakes")
    assert 50 < at - clock.now() < 61
    text = lines.getvalue()
    assert text.count("intake.row_refused") == TOLD_MAX
    assert text.count("intake.rows_refused") == 1
    assert os.environ["PATH"] not in text
