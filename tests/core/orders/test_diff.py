"""The rules of core/orders/diff, one by one: which answer counts as what, and which event tells it."""

from decimal import Decimal

import pytest

from tests.core.beliefs import (
    DAY,
    FINAL_WORDS,
    HOUR,
    NOW,
    OPEN_WORDS,
    STATUS_OF,
    believed,
    names,
    observed,
    said,
    walked,
)
from tracker.core.model import OrderKind, Tracking
from tracker.core.orders import diff
from tracker.core.status import OrderStatus

# from (None: never answered), to, the event, skipped, regressed
MOVES = [
    (None, "Pending", "order.changed", [], False),
    (None, "Processing", "order.changed", [], False),
    (None, "In progress", "order.started", [], False),
    (None, "Completed", "order.completed", ["in_progress"], False),
    (None, "Partial", "order.partial", ["in_progress"], False),
    (None, "Canceled", "order.canceled", [], False),
    (None, "Refunded", "order.refunded", [], False),
    (None, "Failed", "order.failed", [], False),
    (None, "Expired", "order.changed", [], False),
    ("Pending", "Processing", "order.changed", [], False),
    ("Pending", "In progress", "order.started", [], False),
    ("Pending", "Completed", "order.completed", ["in_progress"], False),
    ("Pending", "Canceled", "order.canceled", [], False),
    ("Pending", "Paused", "order.changed", [], False),
    ("Processing", "Pending", "order.changed", [], False),
    ("Processing", "In progress", "order.started", [], False),
    ("Processing", "Partial", "order.partial", ["in_progress"], False),
    ("In progress", "Processing", "order.changed", [], False),
    ("In progress", "Completed", "order.completed", [], False),
    ("In progress", "Partial", "order.partial", [], False),
    ("In progress", "Canceled", "order.canceled", [], False),
    ("In progress", "Refunded", "order.refunded", [], False),
    ("In progress", "Failed", "order.failed", [], False),
    ("In progress", "Expired", "order.changed", [], False),
    ("Paused", "In progress", "order.changed", [], False),
    ("Refilling", "In progress", "order.changed", [], False),
    ("Refilling", "Completed", "order.completed", [], False),
    ("Completed", "Refunded", "order.refunded", [], False),
    ("Partial", "Refunded", "order.refunded", [], False),
    ("Canceled", "Refunded", "order.refunded", [], False),
    ("Failed", "Refunded", "order.refunded", [], True),
    ("Completed", "Partial", "order.partial", [], True),
    ("Partial", "Completed", "order.completed", [], True),
    ("Canceled", "Completed", "order.completed", [], True),
    ("Refunded", "Completed", "order.completed", [], True),
    ("Expired", "Canceled", "order.canceled", [], True),
]


@pytest.mark.parametrize(("old", "new", "event", "skipped", "regressed"), MOVES)
def test_a_move_has_one_status_event_and_says_what_was_skipped(old, new, event, skipped, regressed):
    change = observed(believed(old, seq=6), new)
    move = change.transition
    assert names(change) == [event]
    assert (move.old, move.new, move.said) == (STATUS_OF.get(old), STATUS_OF[new], new)
    assert (list(move.skipped), move.regressed) == (skipped, regressed)
    assert (move.seq, change.events[0].seq, change.after.seq) == (7, 7, 7)
    assert (move.at, move.not_before) == (NOW, NOW - 305 if old else None)
    assert change.after.version == 5


@pytest.mark.parametrize("old", FINAL_WORDS)
@pytest.mark.parametrize("new", OPEN_WORDS)
def test_a_final_order_that_opens_again_is_reopened_and_polled_again(old, new):
    change = observed(believed(old), new)
    assert names(change) == ["order.reopened"]
    assert change.transition.regressed
    assert (change.after.tracking, change.after.finished_at) == (Tracking.ACTIVE, None)


@pytest.mark.parametrize("old", [None, *OPEN_WORDS])
@pytest.mark.parametrize("new", FINAL_WORDS)
def test_a_final_status_finishes_the_order_at_that_moment(old, new):
    after = observed(believed(old), new).after
    assert (after.tracking, after.finished_at) == (Tracking.FINISHED, NOW)


@pytest.mark.parametrize("word", STATUS_OF)
def test_the_same_answer_again_is_no_news(word):
    answer = said(word, "0.5", remains=3, start_count=7, currency="USD", entry='{"as": "it came"}')
    first = diff.observe(believed(), answer, NOW)
    assert diff.observe(first.after, answer, NOW + 300) is None


def test_another_spelling_of_the_same_status_is_no_news():
    assert diff.observe(believed("Canceled"), said("Cancelled"), NOW) is None


def test_an_entry_in_other_bytes_that_says_the_same_is_no_news():
    order = observed(believed(), "Pending", "0.50", entry='{"charge":"0.50"}').after
    assert diff.observe(order, said("Pending", "0.5", entry='{"charge":0.5}'), NOW) is None


def test_remains_and_start_count_alone_are_kept_in_silence():
    change = observed(believed("In progress", remains=900, start_count=10), "In progress", remains=899, start_count=11)
    assert (change.after.remains, change.after.start_count) == (899, 11)
    assert (change.transition, change.events) == (None, ())


FIELDS = {"charge": Decimal("1.10"), "currency": "USD", "remains": 157, "start_count": 3572}


@pytest.mark.parametrize("left_out", FIELDS)
def test_a_field_left_out_never_replaces_what_is_believed(left_out):
    order = observed(believed(), "Processing", FIELDS["charge"], remains=157, start_count=3572, currency="USD").after
    answer = {name: value for name, value in FIELDS.items() if name != left_out}
    after = observed(order, "Completed", answer.pop("charge", None), **answer).after
    assert {name: getattr(after, name) for name in FIELDS} == FIELDS
    assert (after.highest_charge, after.charge_mark) == (Decimal("1.10"), Decimal("1.10"))


# --- words that nobody knows


def test_an_unknown_word_is_shown_as_unknown_and_leaves_tracking_alone():
    for old in (*OPEN_WORDS, *FINAL_WORDS):
        before = believed(old)
        after = observed(before, "Awaiting approval").after
        assert (after.status, after.status_raw) == (OrderStatus.UNKNOWN, "Awaiting approval")
        assert (after.known_status, after.tracking) == (before.status, before.tracking)
        assert after.finished_at == before.finished_at


def test_the_way_into_an_unknown_word_and_back_is_order_changed_twice():
    changes = walked(believed("Completed"), "Ready?", "Completed")
    assert names(*changes) == ["order.changed", "order.unknown_status", "order.changed"]
    assert [change.transition.regressed for change in changes] == [False, False]
    assert changes[-1].after.finished_at == NOW - DAY


def test_a_move_through_an_unknown_word_is_judged_by_the_last_known_status():
    assert names(*walked(believed("In progress"), "Hm", "Completed"))[-1] == "order.completed"
    reopened = walked(believed("Completed"), "Hm", "In progress")[-1]
    assert (names(reopened), reopened.transition.regressed) == (["order.reopened"], True)
    late = walked(believed("Pending"), "Hm", "Completed")[-1]
    assert late.transition.skipped == (OrderStatus.IN_PROGRESS,)


def test_one_strange_word_after_another_is_a_move_each_and_each_word_has_its_own_event():
    changes = walked(believed("Pending"), "Hm", "Hmm", "Hm")
    assert [change.transition.said for change in changes] == ["Hm", "Hmm", "Hm"]
    words = [event for change in changes for event in change.events if event.type == "order.unknown_status"]
    assert [event.remote_id for event in words] == ["Hm", "Hmm", "Hm"]
    assert words[0].id == words[2].id != words[1].id  # the log drops the second


def test_a_strange_word_is_no_event_of_the_order_and_takes_no_seq():
    change = observed(believed("Pending", seq=2), "Hm")
    assert [(event.kind, event.seq) for event in change.events] == [("order", 3), ("word", 1)]
    assert change.after.seq == 3


# --- baselines, and a status handed over at intake


def test_the_first_answer_of_a_baseline_is_believed_and_told_to_nobody():
    change = observed(believed(baseline=True), "Completed", "0.5", remains=0, currency="USD")
    assert (change.transition, change.events, change.after.seq) == (None, (), 0)
    assert (change.after.status, change.after.charge) == (OrderStatus.COMPLETED, Decimal("0.5"))
    assert (change.after.baseline, change.after.tracking) == (False, Tracking.FINISHED)


def test_the_second_answer_of_a_baseline_is_told_like_any_other():
    order = observed(believed(baseline=True), "In progress").after
    assert names(observed(order, "Completed")) == ["order.completed"]


def test_money_that_was_back_before_a_baseline_was_seen_is_not_told_later():
    absorbed = observed(believed(baseline=True), "Refunded", "0.5").after
    assert absorbed.refund_told
    assert names(observed(absorbed, "Refunded", "0.1")) == ["order.changed"]
    handed_over = believed(baseline=True, charge="1.00")
    assert names(*walked(handed_over, said("Partial", "0.40"), said("Partial", "0.30"))) == ["order.changed"]


def test_a_status_handed_over_and_confirmed_is_silent():
    order = believed("Completed", status_raw=None, tracking=Tracking.ACTIVE, last_polled_at=None)
    change = observed(order, "Complete")
    assert (change.transition, change.events) == (None, ())
    assert (change.after.status_raw, change.after.tracking) == ("Complete", Tracking.FINISHED)
    assert diff.observe(change.after, said("Complete"), NOW) is None


def test_a_first_answer_other_than_the_status_handed_over_is_told():
    order = believed("In progress", status_raw=None, last_polled_at=None)
    assert names(observed(order, "Canceled")) == ["order.canceled"]


def test_order_tracked_is_the_first_event_of_an_order():
    event = diff.tracked(believed(seq=1), NOW)
    assert (event.type, event.seq, event.stream) == ("order.tracked", 1, "main/order/23501")


# --- how many, and how far


@pytest.mark.parametrize(
    ("word", "remains", "quantity"),
    [
        ("Pending", 1_000, 1_000),
        ("Processing", 7, 7),
        ("In progress", 900, None),
        ("Pending", 0, None),
        ("Pending", -5, None),
    ],
)
def test_a_quantity_is_inferred_only_before_the_work_starts(word, remains, quantity):
    after = observed(believed(), word, remains=remains).after
    assert (after.quantity, after.quantity_source) == (quantity, "inferred" if quantity else None)


def test_a_quantity_that_was_given_is_never_replaced():
    after = observed(believed(quantity=500, quantity_source="given"), "Pending", remains=1_000).after
    assert (after.quantity, after.quantity_source) == (500, "given")


def test_progress_is_sampled_at_each_further_twentieth_and_at_most_twenty_times():
    order, samples = believed("Processing", quantity=1_000), []
    for n, remains in enumerate(range(1_000, -1, -1)):
        change = diff.observe(order, said("In progress", remains=remains), NOW + n)
        order = change.after if change else order
        samples += [remains] if change and change.progress else []
    assert samples == list(range(1_000, 0, -50))  # the first, and then one each 50
    assert len(samples) == order.progress_count == diff.PROGRESS_MAX


def test_the_first_answer_of_a_baseline_is_a_sample_too():
    assert observed(believed(baseline=True, quantity=1_000), "In progress", remains=900).progress


@pytest.mark.parametrize("order", [believed("In progress"), believed("Pending", quantity=10)])
def test_no_progress_without_a_quantity_or_before_the_start(order):
    assert not observed(order, order.status_raw, remains=3).progress


@pytest.mark.parametrize("kind", [OrderKind.DRIP_FEED, OrderKind.SUBSCRIPTION])
def test_the_kind_of_an_order_is_learned_where_it_names_its_children_and_never_unlearned(kind):
    order = observed(believed(), "In progress", kind=kind, children=("7", "8")).after
    assert order.kind is kind
    assert observed(order, "Completed").after.kind is kind


def test_nothing_happens_to_the_belief_that_is_handed_in():
    order = believed("In progress", charge="1.00")
    copy = believed("In progress", charge="1.00")
    observed(order, "Partial", "0.4", remains=3)
    assert order == copy


def test_an_hour_between_two_answers_is_told_as_the_time_in_which_it_happened():
    order = believed("In progress", last_polled_at=NOW - HOUR)
    assert observed(order, "Completed").transition.not_before == NOW - HOUR
