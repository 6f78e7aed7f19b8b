"""The rules of core/orders/refill_diff: those of orders, without money."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.beliefs import DAY, NOW
from tests.defaults import poll_rules
from tracker.core.model import Refill, RefillSnapshot, Refusal, Tracking
from tracker.core.orders import refill_diff
from tracker.core.status import REFILL_FINAL, REFILL_OPEN, RefillStatus, refill_status

RULES = poll_rules(not_found_polls=3, not_found_after_s=DAY)


def believed(word=None, **fields):
    status = refill_status(word) if word else None
    tracking = Tracking.FINISHED if status in REFILL_FINAL else Tracking.ACTIVE
    facts = {"status": status, "known_status": status, "status_raw": word, "tracking": tracking}
    return Refill(**{"id": 1, "panel": "main", "remote_id": "9"} | facts | fields)


def observe(refill, word, now=NOW):
    return refill_diff.observe(refill, RefillSnapshot("9", refill_status(word), word), now)


MOVES = [
    (None, "Pending", "refill.changed"),
    (None, "Completed", "refill.completed"),
    ("Pending", "In progress", "refill.changed"),
    ("Pending", "Completed", "refill.completed"),
    ("In progress", "Rejected", "refill.rejected"),
    ("In progress", "Canceled", "refill.canceled"),
    ("Pending", "Error", "refill.failed"),
    ("Rejected", "Completed", "refill.completed"),
    ("Completed", "Pending", "refill.changed"),
    ("Pending", "Checking", "refill.changed"),
]


@pytest.mark.parametrize(("old", "new", "event"), MOVES)
def test_a_move_has_one_event(old, new, event):
    change = observe(believed(old, seq=2), new)
    assert [(told.type, told.seq) for told in change.events] == [(event, 3)]
    assert (change.after.seq, change.after.version, change.after.status_raw) == (3, 1, new)


@pytest.mark.parametrize("word", ["Pending", "Completed", "Checking"])
def test_the_same_answer_again_is_no_news(word):
    assert observe(observe(believed(), word).after, word, NOW + 60) is None


def test_the_first_answer_of_a_baseline_is_told_to_nobody():
    change = observe(believed(baseline=True), "Completed")
    assert change.events == ()
    assert (change.after.baseline, change.after.tracking) == (False, Tracking.FINISHED)


def test_a_status_handed_over_is_confirmed_in_silence():
    change = observe(believed("Pending", status_raw=None), "Awaiting")
    assert (change.events, change.after.status_raw) == ((), "Awaiting")


def test_the_way_back_from_a_strange_word_is_refill_changed():
    strange = observe(believed("Completed"), "Checking")
    assert strange.after.status is RefillStatus.UNKNOWN
    assert strange.after.tracking is Tracking.FINISHED
    back = observe(strange.after, "Completed")
    assert [told.type for told in (*strange.events, *back.events)] == ["refill.changed", "refill.changed"]


def test_enough_refusals_over_long_enough_end_the_polling_and_not_the_refill():
    refill, told = believed("Pending"), []
    for n in range(3):
        change = refill_diff.refused(
            refill, Refusal("9", "Incorrect refill ID", not_found=True), NOW + n * DAY / 2, RULES
        )
        refill = change.after
        told.append([event.type for event in change.events])
    assert told == [[], [], ["refill.not_found"]]
    assert (refill.tracking, refill.status, refill.finished_at) == (Tracking.NOT_FOUND, RefillStatus.PENDING, None)
    assert (refill.moves, refill.notices) == (0, 1), "no move, so the ids of later moves are what they would have been"
    assert refill_diff.refused(refill, Refusal("9", "no", not_found=True), NOW + 9 * DAY, RULES) is None


def test_other_refusals_do_not_count_and_an_answer_starts_the_count_again():
    assert refill_diff.refused(believed("Pending"), Refusal("9", "no", not_found=False), NOW, RULES) is None
    assert observe(believed("Pending", refusals=2, refused_since=NOW - DAY), "Pending").after.refusals == 0


def test_being_left_out_counts_until_the_next_answer():
    missed = refill_diff.missed(believed("Pending")).after
    assert missed.misses == 1
    assert observe(missed, "Pending").after.misses == 0


words = st.sampled_from(["Pending", "In progress", "Completed", "Rejected", "Canceled", "Failed", "Checking", "?"])


@given(st.booleans(), st.lists(words, max_size=30))
def test_only_a_known_final_word_ends_a_refill_and_events_chain_without_a_gap(baseline, said):
    refill, seqs, ids = believed(baseline=baseline), [], []
    for n, word in enumerate(said):
        before, change = refill, observe(refill, word, NOW + n)
        refill = change.after if change else refill
        status = refill_status(word)
        if status in REFILL_FINAL:
            assert refill.tracking is Tracking.FINISHED
            assert refill.finished_at is not None
        elif status in REFILL_OPEN:
            assert (refill.tracking, refill.finished_at) == (Tracking.ACTIVE, None)
        else:
            assert (refill.tracking, refill.known_status) == (before.tracking, before.known_status)
        assert refill.moves == before.moves + (len(change.events) if change else 0)
        seqs += [event.seq for event in change.events] if change else []
        ids += [event.id for event in change.events] if change else []
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(set(ids)) == len(ids)
