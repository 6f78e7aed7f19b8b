"""Orders that a panel does not find, finds again, or leaves out of its answer; and paused ones."""

import pytest

from tests.core.beliefs import DAY, NOW, believed, names, not_found, observed
from tests.defaults import poll_rules
from tracker.core.model import Refusal, Tracking
from tracker.core.orders import notices
from tracker.core.status import OrderStatus

RULES = poll_rules(not_found_polls=5, not_found_after_s=DAY)


def refused(order, times, every_s, start=NOW):
    changes = []
    for n in range(times):
        changes.append(notices.refused(order, not_found(), start + n * every_s, RULES))
        if changes[-1] is not None:
            order = changes[-1].after
    return changes


def test_enough_refusals_over_long_enough_end_the_polling_and_not_the_order():
    *before, last = refused(believed("In progress", entry="{}"), 6, DAY / 5)
    assert names(*before) == []
    assert [change.after.refusals for change in before] == [1, 2, 3, 4, 5]
    assert names(last) == ["order.not_found"]
    assert last.transition is None
    after = last.after
    assert (after.tracking, after.status, after.finished_at) == (Tracking.NOT_FOUND, OrderStatus.IN_PROGRESS, None)
    assert after.entry is None  # whatever the next answer says, it has to be read


@pytest.mark.parametrize(("times", "every_s"), [(4, DAY), (1_000, 60.0)])
def test_few_refusals_or_many_within_a_short_time_are_not_enough(times, every_s):
    assert names(*refused(believed("In progress"), times, every_s)) == []


def test_an_answer_in_between_starts_the_count_again():
    order = refused(believed("In progress"), 4, DAY)[-1].after
    order = observed(order, "In progress").after
    assert (order.refusals, order.refused_since) == (0, None)
    assert names(*refused(order, 4, DAY, NOW + 5 * DAY)) == []


def test_only_words_that_mean_no_such_order_count():
    refusal = Refusal("23501", "Not enough rights", not_found=False)
    assert notices.refused(believed("Pending"), refusal, NOW, RULES) is None


@pytest.mark.parametrize("tracking", [Tracking.FINISHED, Tracking.NOT_FOUND, Tracking.PAUSED])
def test_a_refusal_matters_only_to_an_active_order(tracking):
    assert notices.refused(believed("Completed", tracking=tracking), not_found(), NOW, RULES) is None


LOST = {"tracking": Tracking.NOT_FOUND, "refusals": 5, "refused_since": NOW - DAY, "seq": 3}


@pytest.mark.parametrize(
    ("word", "charge", "events", "tracking"),
    [
        ("In progress", "1.00", ["order.found"], Tracking.ACTIVE),
        ("Completed", "1.00", ["order.found", "order.completed"], Tracking.FINISHED),
        ("Partial", "0.40", ["order.found", "order.partial", "order.refunded"], Tracking.FINISHED),
        ("In progress", "0.40", ["order.found", "order.refunded"], Tracking.ACTIVE),
        ("Hm", "1.00", ["order.found", "order.changed", "order.unknown_status"], Tracking.ACTIVE),
    ],
)
def test_an_order_that_is_back_is_found_first_and_then_told_as_any_other(word, charge, events, tracking):
    change = observed(believed("In progress", charge="1.00", **LOST), word, charge)
    assert names(change) == events
    assert [event.seq for event in change.events if event.kind == "order"] == [4, 5, 6][: change.after.seq - 3]
    assert change.after.tracking is tracking
    assert change.after.notices == 1
    assert change.after.moves == (0 if change.transition is None else 1)
    if change.transition is not None:
        assert change.transition.seq == 5


def test_a_lost_order_with_a_known_end_is_finished_again_when_it_is_back_with_a_strange_word():
    order = believed("Completed", **LOST)
    assert observed(order, "Hm").after.tracking is Tracking.FINISHED


def test_a_baseline_that_was_told_as_lost_is_told_as_found_and_nothing_else():
    lost = refused(believed(baseline=True), 5, DAY)[-1].after
    change = observed(lost, "Completed", at=NOW + 5 * DAY)
    assert names(change) == ["order.found"]
    assert (change.transition, change.after.seq, change.after.tracking) == (None, 2, Tracking.FINISHED)
    assert (change.after.moves, change.after.notices) == (0, 2)


def test_being_left_out_of_an_answer_counts_and_changes_nothing_else():
    order = believed("In progress", entry="{}", refusals=2)
    change = notices.missed(order, NOW, RULES)
    assert (change.after.misses, change.after.entry, change.after.refusals) == (1, None, 2)
    assert (change.transition, change.events) == (None, ())
    assert observed(change.after, "In progress").after.misses == 0


def test_a_paused_order_that_is_asked_for_by_name_stays_paused():
    paused = believed("In progress", tracking=Tracking.PAUSED)
    for word in ("Completed", "Pending", "Hm"):
        change = observed(paused, word)
        assert change.after.tracking is Tracking.PAUSED
        assert change.transition is not None
