"""What holds of core/orders/diff whatever a panel says: random walks of answers, refusals and misses."""

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.beliefs import DAY, FINAL_WORDS, NOW, OPEN_WORDS, believed, said
from tests.defaults import poll_rules
from tracker.core.events.event_types import NOTICES
from tracker.core.model import OrderSnapshot, Refusal, Tracking
from tracker.core.orders import diff, notices
from tracker.core.status import FINAL, OPEN, OrderStatus

RULES = poll_rules(not_found_polls=3, not_found_after_s=600.0)
STRANGE_WORDS = ("Awaiting approval", "", "???")

amounts = st.decimals(min_value=-5, max_value=50, places=2)
counts = st.integers(min_value=-10, max_value=2_000)
snapshots = st.builds(
    said,
    st.sampled_from((*OPEN_WORDS, *FINAL_WORDS, *STRANGE_WORDS)),
    st.none() | amounts,
    remains=st.none() | counts,
    start_count=st.none() | counts,
    currency=st.sampled_from((None, "USD", "EUR")),
)
refusals = st.builds(Refusal, st.just("23501"), st.just("no"), st.booleans())
answers = st.one_of(snapshots, snapshots, refusals, st.none())  # None: the answer left the order out
walks = st.lists(st.tuples(answers, st.integers(min_value=1, max_value=int(DAY))), max_size=40)
starts = st.builds(
    believed,
    st.sampled_from((None, *OPEN_WORDS, *FINAL_WORDS)),
    baseline=st.booleans(),
    quantity=st.sampled_from((None, 1_000)),
)


def walk(order, answers):
    """(answer, belief before, Change or None, belief after) for each answer, as the poller decides it."""
    now = NOW
    for answer, later_s in answers:
        now += later_s
        if isinstance(answer, OrderSnapshot):
            change = diff.observe(order, answer, now)
        elif answer is None:
            change = notices.missed(order, now, RULES)
        else:
            change = notices.refused(order, answer, now, RULES)
        after = change.after if change else order
        yield answer, order, change, after
        order = msgspec.structs.replace(after, last_polled_at=now)


@given(starts, walks)
@settings(max_examples=300)
def test_only_a_known_final_word_ends_an_order(order, answers):
    for answer, before, _, after in walk(order, answers):
        if isinstance(answer, OrderSnapshot) and answer.status in FINAL:
            assert after.tracking is Tracking.FINISHED
        elif isinstance(answer, OrderSnapshot) and answer.status in OPEN:
            assert after.tracking is Tracking.ACTIVE
        else:
            assert after.status not in FINAL or after.status is before.status
            assert after.tracking is not Tracking.FINISHED or before.known_status in FINAL
            assert after.known_status is before.known_status
            assert after.finished_at == before.finished_at


@given(starts, walks)
@settings(max_examples=300)
def test_the_transitions_chain_into_exactly_the_moves_that_were_seen(order, answers):
    """None is lost: every other status or strange word is there. None is twice: nothing else is."""
    told, seen = [], []
    for answer, before, change, _ in walk(order, answers):
        if change is not None and change.transition is not None:
            move = change.transition
            assert move.old is before.status
            if move.new is not move.old or move.new is OrderStatus.UNKNOWN:
                told.append((move.new, move.said if move.new is OrderStatus.UNKNOWN else None))
            assert (move.not_before, move.old_charge) == (before.last_polled_at, before.charge)
        if isinstance(answer, OrderSnapshot) and not before.baseline:
            word = (answer.status, answer.said if answer.status is OrderStatus.UNKNOWN else None)
            believed_word = (before.status, before.status_raw if before.status is OrderStatus.UNKNOWN else None)
            charged = before.charge is not None and answer.charge not in (None, before.charge)
            if word != believed_word or (charged and answer.status is OrderStatus.UNKNOWN):
                seen.append(word)
            assert (change is not None and change.transition is not None) == (word != believed_word or charged)
    assert told == seen


@given(starts, walks, snapshots)
@settings(max_examples=300)
def test_the_same_answer_twice_is_told_once(order, answers, answer):
    for *_, after in walk(order, answers):
        order = after
    first = diff.observe(order, answer, NOW + 100 * DAY)
    again = first.after if first else order
    assert diff.observe(again, answer, NOW + 101 * DAY) is None


@given(starts, walks)
@settings(max_examples=300)
def test_events_are_numbered_without_a_gap_and_never_share_an_id(order, answers):
    seqs, ids = [], []
    for _, before, change, after in walk(order, answers):
        told = [event for event in change.events if event.kind == "order"] if change else []
        seqs += [event.seq for event in told]
        ids += [event.id for event in told]
        assert after.seq == before.seq + len(told)
        notices = [event for event in told if event.type in NOTICES]
        assert after.notices == before.notices + len(notices)
        assert after.moves == before.moves + (change is not None and change.transition is not None)
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(set(ids)) == len(ids)


STATUS_EVENTS = {
    *("order.started", "order.completed", "order.partial", "order.canceled", "order.failed", "order.reopened"),
    *("order.changed", "order.refunded"),
}


@given(starts, walks)
@settings(max_examples=300)
def test_each_transition_has_one_status_event_and_carries_its_seq(order, answers):
    for _, _, change, _ in walk(order, answers):
        if change is None:
            continue
        told = [event for event in change.events if event.type in STATUS_EVENTS]
        if change.transition is None:
            assert told == []
            continue
        beside = [event for event in told[1:] if event.type == "order.refunded"]
        assert told[1:] == beside  # money beside the move, never a second move
        assert len(beside) <= 1
        assert told[0].seq == change.transition.seq


@given(starts, walks)
@settings(max_examples=300)
def test_a_refund_is_told_at_most_once_until_the_order_is_reopened(order, answers):
    told = 0
    for answer, before, change, _ in walk(order, answers):
        if isinstance(answer, OrderSnapshot) and before.known_status in FINAL and answer.status in OPEN:
            told = 0
        told += sum(1 for event in change.events if event.type == "order.refunded") if change else 0
        assert told <= 1


@given(starts, walks)
@settings(max_examples=300)
def test_the_highest_charge_is_the_highest_ever_seen_in_its_currency(order, answers):
    seen = []
    for _, before, _, after in walk(order, answers):
        if before.currency is not None and after.currency != before.currency:
            seen = []
        seen += [] if after.charge is None else [after.charge]
        assert after.highest_charge == max(seen, default=None)
        if after.charge is not None:
            assert after.highest_charge >= after.charge_mark >= after.charge


@given(starts, walks)
@settings(max_examples=300)
def test_nothing_that_was_said_once_is_ever_unknown_again(order, answers):
    kept = ("charge", "currency", "remains", "start_count", "quantity", "known_status", "status_raw")
    for _, before, _, after in walk(order, answers):
        assert [name for name in kept if getattr(before, name) is not None and getattr(after, name) is None] == []


@given(starts, walks)
@settings(max_examples=100)
def test_every_event_is_json_without_an_exponent_or_a_float_for_money(order, answers):
    for _, _, change, _ in walk(order, answers):
        for event in change.events if change else ():
            body = msgspec.json.decode(event.body)
            facts = body["data"]["order"]
            money = [facts.get("charge"), *(body["data"].get("refund") or {}).values()]
            assert all(text is None or isinstance(text, str) for text in money)
            assert facts.get("charge") is None or format(Decimal(facts["charge"]), "f") == facts["charge"]
            assert (body["type"], body["id"]) == (event.type, event.id)
