"""Recording answers: all or nothing, never over somebody else's change, and only what changed."""

from decimal import Decimal

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.defaults import poll_rules
from tests.store import (
    OPS,
    RULES,
    claimed,
    column,
    decided,
    deliver,
    events,
    everything,
    poll,
    polled,
    record,
    says,
    track,
)
from tracker.core.model import RefillSnapshot, Refusal, Tracking
from tracker.core.orders import refill_diff
from tracker.core.status import OrderStatus, RefillStatus
from tracker.store import Answered, NewRefill
from tracker.store.claims import ID


def test_a_move_writes_row_transition_events_and_deliveries_at_once(store, woken):
    track(store, "1", quantity=1_000)
    now = polled(store, "In progress")
    said = says("1", "Partial", charge=Decimal("0.27819"), remains=157, currency="USD")
    assert poll(store, {"1": said}, now) == 1
    assert column(store, "status") == ["partial"]
    moves = rows(
        store.database, "SELECT old, new, said, seq, at, not_before, remains, regressed, skipped FROM transitions"
    )
    assert moves[-1] == ("in_progress", "partial", "Partial", 2, now + 1, NOW + 1, 157, 0, "")
    assert events(store) == ["order.started", "order.partial"]
    told = rows(
        store.database, "SELECT hook, event, stream, state, attempts, next_attempt_at FROM deliveries ORDER BY id"
    )
    assert told == [
        (hook, event, "main/order/1", "waiting", 0, at)
        for event, at in ((1, NOW + 1), (2, now + 1))
        for hook in ("ops", "shop")
    ]
    assert sorted(woken) == ["ops", "ops", "shop", "shop"]


def test_every_digit_of_an_amount_comes_back(store):
    track(store, "1")
    digits = ["0.10", "0.00000001", "123456789012345.123456789", "3"]
    now = NOW
    for text in digits:
        poll(store, {"1": says("1", "In progress", charge=Decimal(text), currency="USD")}, now)
        claim = store.claims.claim_named("main", ["1"], RULES, now + 2)
        believed = store.results.beliefs(claim, [claim.rows[0][ID]])[0]
        assert format(believed.charge, "f") == text
        record(store, claim, [], now + 3)
        now += 600
    assert believed.highest_charge == Decimal("123456789012345.123456789")


def test_an_answer_without_news_writes_two_columns_and_closes_the_run(store):
    track(store, "1")
    now = polled(store, "In progress")
    before = everything(store)
    claim = claimed(store, now)
    assert decided(store, claim, {"1": "In progress"}, now + 1) == []
    record(store, claim, [], now + 1)
    after = everything(store)
    assert {table for table in before if before[table] != after[table]} == {"orders", "poll_runs"}
    changed = _changed_columns(store, before["orders"][0], after["orders"][0])
    assert changed == {"last_polled_at", "next_poll_at"}
    assert column(store, "next_poll_at") == [now + 301]


def _changed_columns(store, before, after):
    names = [column.name for column in store.database.handle.get_columns("orders")]
    return {name for name, old, new in zip(names, before, after, strict=True) if old != new}


def test_the_run_says_how_the_call_went(store):
    track(store, "1", "2", "3", "4")
    claim = claimed(store)
    changes = decided(
        store, claim, {"1": "Pending", "2": "Completed", "3": Refusal("3", "no", not_found=True)}, NOW + 2
    )
    store.results.record(claim, changes, {row[ID]: NOW + 300 for row in claim.rows}, Answered(4, 3, 1, 1), NOW + 2)
    told = rows(
        store.database, "SELECT finished_at, asked, answered, moved, refused, absent, outcome, error FROM poll_runs"
    )
    assert told == [(NOW + 2, 4, 3, 2, 1, 1, "ok", None)]


def test_progress_is_kept_where_it_is_worth_a_sample(store):
    track(store, "1", quantity=100)
    now = NOW
    for remains in (100, 98, 95, 94, 50):
        poll(store, {"1": says("1", "In progress", remains=remains)}, now)
        now += 600
    assert [row[0] for row in rows(store.database, "SELECT remains FROM progress ORDER BY id")] == [100, 95, 50]


# --- all or nothing


def break_table(store, table):
    """From here on this table takes no row and no change, as a full disk would have it."""
    with store.database.transaction() as cur:
        if store.database.postgres:
            cur.run(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$"
            )
            cur.run(f"CREATE TRIGGER t BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()")
            return
        for act in ("INSERT", "UPDATE"):
            cur.run(f"CREATE TRIGGER t{act} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END")


@pytest.mark.parametrize("table", ["transitions", "events", "deliveries", "progress", "poll_runs"])
def test_a_record_that_fails_anywhere_changes_nothing_at_all(store, woken, table):
    track(store, "1", "2", quantity=100)
    poll(store, {"1": "Pending", "2": "Pending"})
    woken.clear()
    claim = claimed(store, NOW + 400)
    answer = {id_: says(id_, "In progress", remains=50, charge=Decimal(1)) for id_ in ("1", "2")}
    changes = decided(store, claim, answer, NOW + 401)
    break_table(store, table)
    before = everything(store)
    with pytest.raises(Exception, match="refused"):
        record(store, claim, changes, NOW + 401)
    assert everything(store) == before
    assert woken == []


# --- words, refusals, refills


def test_a_strange_word_is_told_once_per_panel_and_word_to_each_hook(store):
    store.panels.sync({"main": "1", "other": "1"}, NOW + DAY)
    track(store, "1", "2", "3")
    track(store, "4", panel="other")
    poll(store, {"1": "Hm", "2": "Hm", "3": "Hmm"})
    poll(store, {"1": "Pending", "2": "Hm", "3": "Hm"}, NOW + 600)
    other = claimed(store, panel="other")
    record(store, other, decided(store, other, {"4": "Hm"}, NOW + 601), NOW + 601)
    words = rows(store.database, "SELECT panel, remote_id FROM events WHERE type = 'order.unknown_status' ORDER BY id")
    assert words == [("main", "Hm"), ("main", "Hmm"), ("other", "Hm")]
    per_hook = rows(
        store.database,
        "SELECT hook, count(*) FROM deliveries d JOIN events e ON e.id = d.event WHERE e.kind = 'word'"
        " GROUP BY hook ORDER BY hook",
    )
    assert per_hook == [("ops", 3), ("shop", 3)]
    assert events(store).count("order.changed") == 6


def test_every_delivery_names_an_event_of_the_log(store):
    track(store, *map(str, range(10)))
    poll(store, {str(n): "Hm" if n % 2 else "Completed" for n in range(10)})
    numbers = [row[0] for row in rows(store.database, "SELECT id FROM events ORDER BY id")]
    assert len(numbers) == 11  # ten moves, and one strange word
    assert rows(
        store.database, "SELECT count(*) FROM deliveries d LEFT JOIN events e ON e.id = d.event WHERE e.id IS NULL"
    ) == [(0,)]


def test_not_found_over_polls_and_time_is_told_once_and_found_again(store):
    rules = poll_rules(not_found_polls=3, not_found_after_s=DAY, max_requests_per_minute=600)
    track(store, "1")
    now = polled(store, "In progress")
    refusal = Refusal("1", "Incorrect order ID", not_found=True)
    for _ in range(4):
        poll(store, {"1": refusal}, now, rules)
        now += DAY / 2
    assert column(store, "tracking") == [Tracking.NOT_FOUND]
    assert column(store, "status") == [OrderStatus.IN_PROGRESS]
    poll(store, {"1": "Completed"}, now, rules)
    assert events(store) == ["order.started", "order.not_found", "order.found", "order.completed"]


def refill_poll(store, word, now):
    claim = claimed(store, now)
    assert claim.kind == "refill_status"
    changes = [
        change
        for refill in store.results.refill_beliefs(claim, [row[ID] for row in claim.rows])
        if (change := refill_diff.observe(refill, RefillSnapshot(refill.remote_id, word, word.value), now))
    ]
    next_at = {row[ID]: now + 300 for row in claim.rows}
    return store.results.record_refills(claim, changes, next_at, Answered(1, 1), now)


def test_refills_walk_the_same_road(store):
    store.new_orders.add_refills([NewRefill("main", "9", baseline=False, order_remote_id="1")], NOW)
    moved = [
        refill_poll(store, w, NOW + 600 * n)
        for n, w in enumerate((RefillStatus.PENDING, RefillStatus.PENDING, RefillStatus.REJECTED))
    ]
    assert moved == [1, 0, 1]
    assert events(store) == ["refill.tracked", "refill.changed", "refill.rejected"]
    assert rows(store.database, "SELECT status, tracking, seq FROM refills") == [("rejected", "finished", 3)]
    assert deliver(store, NOW + 2_000, OPS).event_type == "refill.tracked"


def test_a_version_counts_the_rewrites_of_a_row(store):
    track(store, "1")
    polled(store, "Pending", "Pending", "Completed")
    assert column(store, "version") == [2]
