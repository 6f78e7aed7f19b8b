"""Orders that are corrected, and orders that are removed: rows, figures, and what was told."""

import random
import threading
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.core.beliefs import DAY, HOUR, NOW
from tests.databases import rows
from tests.store import RULES, claimed, column, decided, deliver, events, everything, poll, record, says, states, track
from tests.store.lives import ZONE, lives
from tests.store.test_daily_stats import everything as all_of
from tests.store.test_daily_stats import figures, fold, independent
from tracker.reports import daily_stats
from tracker.store import NewOrder, Store

ONE = "SELECT {} FROM orders WHERE remote_id = '1'"


def one(store, what):
    ((value,),) = rows(store.database, ONE.format(what))
    return value


def test_an_edit_changes_what_it_names_and_says_what_it_was(store):
    track(store, "1", "2", service="12", link="https://example.com/p/1", tags=("vip",))
    wanted = {"service": "13", "quantity": 500, "link": None, "tags": ("late", "vip"), "parent": "9", "ref": "A"}
    edit = store.order_edits.edit("main", "1", wanted, NOW)
    assert edit.changed == {
        "service": ("12", "13"), "quantity": (None, 500), "link": ("https://example.com/p/1", None),
        "tags": (("vip",), ("late", "vip")), "parent": (None, "9"), "ref": (None, "A"),
    }  # fmt: skip
    facts = "service, quantity, quantity_source, link, tags, parent, ref, version"
    assert rows(store.database, f"SELECT {facts} FROM orders ORDER BY id") == [
        ("13", 500, "given", None, '["late", "vip"]', "9", "A", 1),
        ("12", None, None, "https://example.com/p/1", '["vip"]', None, None, 0),
    ]


def test_an_edit_of_nothing_and_one_that_is_refused_change_nothing(store):
    track(store, "1", service="12", quantity=10)
    poll(store, {"1": says("1", "In progress", charge=Decimal("0.90"))})
    before = everything(store)
    assert store.order_edits.edit("main", "1", {"service": "12"}, NOW).changed == {}
    assert store.order_edits.edit("main", "1", {"charge": Decimal("0.80"), "ref": "A"}, NOW).refused
    assert store.order_edits.edit("main", "404", {"ref": "A"}, NOW) is None
    assert everything(store) == before


def test_a_cleared_quantity_may_be_guessed_again(store):
    track(store, "1", quantity=10)
    store.order_edits.edit("main", "1", {"quantity": None}, NOW)
    poll(store, {"1": says("1", "Pending", remains=700)})
    assert (one(store, "quantity"), one(store, "quantity_source")) == (700, "inferred")


def test_an_edited_charge_is_the_mark_that_refunds_are_seen_against(store):
    track(store, "1", charge=Decimal("9.00"))
    store.order_edits.edit("main", "1", {"charge": Decimal("0.90")}, NOW)
    poll(store, {"1": says("1", "Canceled", charge=Decimal("0.90"))})
    assert events(store) == ["order.canceled"]


def test_an_answer_to_a_question_asked_before_the_edit_is_asked_for_again(store):
    track(store, "1", service="12")
    claim = claimed(store)
    changes = decided(store, claim, {"1": "In progress"}, NOW + 1)
    store.order_edits.edit("main", "1", {"service": "13"}, NOW)
    assert record(store, claim, changes, NOW + 1) == 0
    assert (one(store, "status"), one(store, "service")) == (None, "13")
    assert one(store, "next_poll_at") == claim.lease


def test_what_was_told_keeps_its_bytes(store):
    track(store, "1", service="12", ref="A", just_placed=True)
    bodies = rows(store.database, "SELECT event_id, body FROM events")
    store.order_edits.edit("main", "1", {"service": "13", "ref": "B", "tags": ("x",)}, NOW)
    assert rows(store.database, "SELECT event_id, body FROM events") == bodies


def test_times_count_from_when_an_order_was_placed_as_it_is_known_now(store):
    track(store, "1", just_placed=True)
    track(store, "2", baseline=True)
    for id_ in ("1", "2"):
        store.order_edits.edit("main", id_, {"placed_at": NOW - 500}, NOW)
    assert column(store, "born_at") == [NOW - 500, NOW - 500]
    for id_ in ("1", "2"):
        store.order_edits.edit("main", id_, {"placed_at": None}, NOW)
    assert column(store, "born_at") == [NOW, None], "a baseline was placed nobody knows when"


def test_what_should_come_back_follows_the_quantity(store):
    track(store, "1", "2", quantity=100)
    said = {id_: says(id_, "Partial", remains=50, charge=Decimal("1.00")) for id_ in ("1", "2")}
    poll(store, said)
    refunds = "SELECT expected, at FROM refunds ORDER BY order_id"
    assert [(Decimal(e), at) for e, at in rows(store.database, refunds)] == [(Decimal("0.5"), NOW + 1)] * 2
    store.order_edits.edit("main", "1", {"quantity": 200}, NOW + 9)
    assert [(Decimal(e), at) for e, at in rows(store.database, refunds)] == [
        (Decimal("0.25"), NOW + 1),
        (Decimal("0.5"), NOW + 1),
    ]


def test_a_quantity_handed_over_late_shows_what_a_completed_order_is_owed(store):
    track(store, "1")
    poll(store, {"1": says("1", "Completed", remains=50, charge=Decimal("1.00"))})
    assert rows(store.database, "SELECT * FROM refunds") == []
    store.order_edits.edit("main", "1", {"quantity": 100}, NOW + 9)
    assert [Decimal(e) for (e,) in rows(store.database, "SELECT expected FROM refunds")] == [Decimal("0.5")]
    store.order_edits.edit("main", "1", {"quantity": None}, NOW + 10)
    assert rows(store.database, "SELECT * FROM refunds") == []


# --- the daily figures


@pytest.fixture
def past(database):
    """Two panels with a history, of which the sums hold half."""
    store = Store(database)
    store.panels.sync({"main": "", "spare": ""}, NOW + 365 * DAY)
    lives(store)
    store.daily_stats.fold(ZONE, 90)
    return store


def assert_true(store):
    """The figures are those of the raw rows, as they are and when nothing of them is kept."""
    sums = daily_stats.read(store.database, ZONE)
    assert figures(sums) == independent(store)
    now = all_of(sums)
    with store.database.transaction() as cur:
        for table in ("daily", "daily_money", "durations", "folds"):
            cur.run(f"DELETE FROM {table}")
    assert all_of(daily_stats.read(store.database, ZONE)) == now


@pytest.mark.parametrize("whole", [True, False])
def test_figures_stay_true_whatever_is_edited(past, whole):
    chance = random.Random(3)
    if whole:
        fold(past)
    for n in range(30):
        wanted = {
            "service": chance.choice([None, "12", "77"]), "quantity": chance.choice([None, 500, 1000]),
            "tags": chance.choice([(), ("new",), ("vip", "new")]), "placed_at": chance.choice([None, NOW - 7200]),
            "ref": chance.choice([None, "A"]),
        }  # fmt: skip
        chosen = {name: wanted[name] for name in chance.sample(sorted(wanted), 2)}
        past.order_edits.edit(chance.choice(["main", "spare"]), str(n), chosen, NOW)
    assert_true(past)


def test_figures_stay_true_while_others_add_to_them(past):
    """Edits and removals beside a fold that goes on: nothing is added under the facts as they were."""
    over = threading.Event()

    def folds():
        with past.database.session():
            while past.daily_stats.fold(ZONE, 3) or not over.is_set():
                pass

    folding = threading.Thread(target=folds)
    folding.start()
    try:
        for n in range(30):
            wanted = {"service": str(n), "quantity": 500 + n, "tags": ("new",)}
            for panel in ("main", "spare"):
                past.order_edits.edit(panel, str(n), wanted, NOW)
            past.order_edits.remove("spare", [str(n // 2)], NOW)
    finally:
        over.set()
        folding.join(60)
    assert not folding.is_alive()
    assert_true(past)


@pytest.mark.parametrize("whole", [True, False])
def test_the_history_of_removed_orders_leaves_the_sums(past, whole):
    if whole:
        fold(past)
    before = daily_stats.read(past.database, ZONE)
    assert past.order_edits.remove("main", [str(n) for n in range(0, 30, 2)], NOW) == [str(n) for n in range(0, 30, 2)]
    after = daily_stats.read(past.database, ZONE)
    assert sum(after.counts.values()) < sum(before.counts.values())
    assert_true(past)


def test_what_the_sums_hold_of_nobody_is_no_row(past):
    fold(past)
    for panel in ("main", "spare"):
        past.order_edits.remove(panel, [str(n) for n in range(30)], NOW)
    for table in ("daily", "daily_money", "durations"):
        assert rows(past.database, f"SELECT * FROM {table}") == []


# --- removed, and tracked again


def test_a_removed_order_takes_its_moves_along_and_leaves_what_was_told(store):
    track(store, "1", "2", quantity=100, just_placed=True)
    said = {id_: says(id_, "Partial", remains=5, charge=Decimal("0.9")) for id_ in ("1", "2")}
    poll(store, said | {"1": says("1", "In progress", remains=60)})
    log = rows(store.database, "SELECT * FROM events ORDER BY id")
    assert store.order_edits.remove("main", ["1", "404"], NOW) == ["1"]
    assert column(store, "remote_id") == ["2"]
    for table in ("transitions", "progress", "refunds"):
        orders = rows(store.database, f"SELECT DISTINCT order_id FROM {table}")
        assert orders in ([], rows(store.database, "SELECT id FROM orders"))
    assert rows(store.database, "SELECT * FROM events ORDER BY id") == log
    assert len(states(store)) == len(log), "what nobody has heard yet goes out"
    assert deliver(store, NOW + 5) is not None


def test_an_answer_about_a_removed_order_is_about_nobody(store):
    track(store, "1", "2")
    claim = claimed(store)
    changes = decided(store, claim, {"1": "In progress", "2": "In progress"}, NOW + 1)
    store.order_edits.remove("main", ["1"], NOW)
    assert record(store, claim, changes, NOW + 1) == 1
    assert column(store, "remote_id") == ["2"]


def test_an_order_tracked_again_goes_on_where_its_events_ended(store):
    """A receiver that remembers ids hears everything that is new about it."""
    heard = []

    def life(at, **facts):
        track(store, "1", now=at, just_placed=True, **facts)
        poll(store, {"1": "In progress"}, at)
        poll(store, {"1": "Completed"}, at + 600)
        while taken := deliver(store, at + 700):
            heard.append((taken.event_type, taken.event_id))

    life(NOW)
    store.order_edits.remove("main", ["1"], NOW + 900)
    life(NOW + DAY)
    assert [name for name, _ in heard] == ["order.tracked", "order.started", "order.completed"] * 2
    assert len({id_ for _, id_ in heard}) == 6
    seqs = [row[0] for row in rows(store.database, "SELECT seq FROM events WHERE remote_id = '1' ORDER BY id")]
    assert seqs == [1, 2, 3, 4, 5, 6]
    assert rows(store.database, "SELECT seq FROM transitions ORDER BY id") == [(5,), (6,)]


def test_an_order_that_comes_and_goes_never_repeats_an_id(store):
    """Whatever it was told for in between: nothing, a move, that it is stuck."""
    rules = replace(RULES, stuck_after_s=HOUR)
    told = []
    for life in range(4):
        at = NOW + life * DAY
        track(store, "1", now=at, just_placed=True)
        if life % 2:
            poll(store, {"1": "In progress"}, at)
            poll(store, {"1": "In progress"}, at + 2 * HOUR)
            store.stuck.emit("main", rules, 0, at + 2 * HOUR + 10)
        store.order_edits.remove("main", ["1"], at + 3 * HOUR)
        told += rows(store.database, "SELECT type, event_id FROM events ORDER BY id")
        with store.database.transaction() as cur:  # the log is not asked how many there were
            cur.run("DELETE FROM deliveries")
            cur.run("DELETE FROM events")
    tracked, moved = ["order.tracked"], ["order.tracked", "order.started", "order.stuck"]
    assert [name for name, _ in told] == tracked + moved + tracked + moved
    assert len({id_ for _, id_ in told}) == len(told)
    counted = rows(store.database, "SELECT seq, moves, notices FROM removed")
    assert counted == [(8, 5, 2)], "three times tracked again and two moves; twice stuck"


def test_a_baseline_tracked_again_goes_on_too_and_an_order_elsewhere_does_not(store):
    track(store, "1", just_placed=True)
    store.order_edits.remove("main", ["1"], NOW)
    store.panels.sync({"other": "1"}, NOW + 365 * DAY)
    again = [NewOrder("main", "1", baseline=True, just_placed=False), NewOrder("other", "1", False, True)]
    assert store.new_orders.add(again, NOW) == [True, True]
    assert column(store, "seq") == [1, 1]
    assert rows(store.database, "SELECT * FROM removed") == []
