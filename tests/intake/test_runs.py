"""The claim to run a command: one at a time, a cursor that only its owner moves, and what a restart does."""

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows as selected
from tracker.store import RunEnd, Store

LEASE_S = 120.0


@pytest.fixture
def store(database):
    made = Store(database)
    made.intake_runs.sync({"shop": 60.0}, NOW)
    return made


def begin(store, now=NOW, name="shop", *, only_if_due=True):
    return store.intake_runs.begin(name, LEASE_S, now, only_if_due=only_if_due)


def end(store, run, now, next_run_at=NOW + 60, **fields):
    return store.intake_runs.end(run, RunEnd(**fields), next_run_at, now)


def row(store, *columns, name="shop"):
    return selected(store.database, f"SELECT {', '.join(columns)} FROM intakes WHERE name = ?", name)[0]


def test_it_is_due_at_once_and_then_when_its_time_has_come(store):
    run = begin(store)
    assert (run.cursor, run.failures) == (None, 0)
    assert end(store, run, NOW + 1, added=2, known=1, refused=3, cursor="7")
    assert begin(store, NOW + 59) is None
    assert begin(store, NOW + 60).cursor == "7"
    assert row(store, "added", "known", "refused", "started_at", "finished_at") == (2, 1, 3, NOW, NOW + 1)


def test_by_hand_it_is_run_whether_it_is_due_or_not(store):
    end(store, begin(store), NOW + 1)
    assert begin(store, NOW + 2, only_if_due=False) is not None


def test_nobody_runs_it_while_somebody_does_by_hand_or_not(store):
    assert begin(store) is not None
    assert begin(store, NOW + LEASE_S - 1) is None
    assert begin(store, NOW + LEASE_S - 1, only_if_due=False) is None
    assert begin(store, NOW, "other", only_if_due=False) is not None, "not one that nobody has configured yet"


def test_after_a_crash_the_time_of_its_run_passes_and_then_the_same_cursor_is_run_again(store):
    end(store, begin(store), NOW, cursor="7")
    assert begin(store, NOW + 60) is not None  # and then the process is killed
    store.intake_runs.sync({"shop": 60.0}, NOW + 61)
    assert begin(store, NOW + 62) is None, "what it started may still be alive"
    assert begin(store, NOW + 60 + LEASE_S).cursor == "7"


def test_who_was_overtaken_moves_no_cursor_and_writes_nothing(store):
    slow = begin(store)
    quick = begin(store, NOW + LEASE_S)
    assert not end(store, slow, NOW + LEASE_S + 1, cursor="slow")
    assert row(store, "cursor", "lease", "outcome") == (None, NOW + 2 * LEASE_S, None)
    assert end(store, quick, NOW + LEASE_S + 2, cursor="quick")
    assert row(store, "cursor", "lease", "outcome") == ("quick", None, "ok")


def test_a_failure_keeps_the_cursor_and_counts_until_a_run_counts(store):
    end(store, begin(store), NOW, cursor="7")
    for n in (1, 2, 3):
        run = begin(store, NOW + n * 60)
        assert end(store, run, NOW + n * 60 + 1, NOW + (n + 1) * 60, error="no", cursor="8")
        assert row(store, "cursor", "failures", "failing_since", "outcome", "error") == (
            "7",
            n,
            NOW + 61,
            "failed",
            "no",
        )
    end(store, begin(store, NOW + 240), NOW + 241)
    assert row(store, "cursor", "failures", "failing_since", "outcome", "error") == ("7", 0, None, "ok", None)


def test_a_run_that_was_dropped_leaves_everything_as_it_was(store):
    end(store, begin(store), NOW, cursor="7")
    before = row(store, "*")
    store.intake_runs.drop(begin(store, NOW + 60))
    assert row(store, "*") == before


def test_a_restart_tries_what_fails_at_once_and_waits_no_longer_than_the_new_interval(store):
    end(store, begin(store), NOW, NOW + 900, error="no")
    store.intake_runs.sync({"shop": 60.0}, NOW + 10)
    assert row(store, "next_run_at") == (NOW + 10,)
    end(store, begin(store, NOW + 10), NOW + 11, NOW + DAY)
    store.intake_runs.sync({"shop": 60.0}, NOW + 20)
    assert row(store, "next_run_at") == (NOW + 80,)
    store.intake_runs.sync({"shop": DAY}, NOW + 30)
    assert row(store, "next_run_at") == (NOW + 80,), "one that is due sooner stays so"


def test_a_clock_that_was_set_back_takes_the_schedule_along(store):
    end(store, begin(store), NOW)
    store.maintenance.shift_schedule(-DAY, NOW - DAY)
    assert row(store, "next_run_at") == (NOW + 60 - DAY,)
