"""Forgetting: link, reference and tags are nowhere in the database afterwards, and all else is as it was."""

import json
from decimal import Decimal
from functools import partial

import pytest
from msgspec.structs import replace

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.store import (
    OPS,
    RULES,
    SHOP,
    claimed,
    decided,
    deliver,
    events,
    fail,
    poll,
    record,
    says,
    settle,
    states,
    track,
)
from tests.store.test_daily_stats import fold
from tests.store.test_order_edits import assert_true
from tracker.core.delivery import hook_health, routing
from tracker.core.rules import Digest
from tracker.errors import PanelError, Trouble
from tracker.store import NewOrder
from tracker.store.outbox import Tried

LINK, REF, TAG = "https://example.com/p/zoë-4711", "client Zoë <A/118>", "tag-of-zoë"
FACTS = {"link": LINK, "ref": REF, "tags": (TAG, "vip"), "service": "12", "quantity": 1000, "just_placed": True}


def everywhere(store):
    """Every value of every table, as one text."""
    sql = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        if store.database.postgres
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    tables = [row[0] for row in rows(store.database, sql)]
    return "\n".join(repr(rows(store.database, f"SELECT * FROM {table}")) for table in tables)


def holds(store):
    """Which of the three are anywhere, in any spelling."""
    text = everywhere(store)
    marks = {
        "link": ("zoë-4711", "zo\\u00eb-4711", "zo\\\\u00eb-4711"),
        "ref": ("A/118", "A\\/118"),
        "tag": ("tag-of-zo",),
    }
    return {name for name, spelt in marks.items() if any(mark in text for mark in spelt)}


def echo(store, taken, hook=OPS):
    """The receiver's answer repeats what it was told."""
    tried = Tried("delivered", 0.1, 200, "127.0.0.1", taken.body.decode()[:512], "said " + REF)
    return settle(store, hook, taken, tried, routing.after_success(), hook_health.after_success, NOW + 9)


@pytest.fixture
def lived(store):
    """Order 1 with everything there is about it, and order 2 beside it."""
    track(store, "1", **FACTS)
    track(store, "2", ref="other", tags=("vip",), just_placed=True)
    entry = json.dumps({"status": "Partial", "link": LINK, "charge": "0.5"})
    poll(store, {"1": "In progress", "2": "In progress"})
    poll(store, {"1": says("1", "Partial", charge=Decimal("0.5"), remains=9, entry=entry), "2": "Completed"}, NOW + 600)
    assert echo(store, store.outbox.claim(OPS, NOW + 700))
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET trouble_message = ?", (f"no such page: {LINK}",))
        cur.run("UPDATE hooks SET reason = ?", (f"said {REF}",))
    assert holds(store) == {"link", "ref", "tag"}
    return store


def test_nothing_of_it_is_in_any_table(lived):
    fold(lived)
    done = lived.erasure.forget("main", ["1"])
    assert holds(lived) == set()
    assert (done.known, done.under_way) == ({"1"}, 0)
    assert done.erased.words == {LINK, REF}
    assert done.erased.tags == {TAG, "vip"}
    assert_true(lived)


def test_the_order_lives_on_and_so_do_the_others(lived):
    before = rows(lived.database, "SELECT status, service, quantity, charge, seq FROM orders ORDER BY id")
    moves = rows(lived.database, "SELECT * FROM transitions ORDER BY id")
    lived.erasure.forget("main", ["1"])
    assert rows(lived.database, "SELECT status, service, quantity, charge, seq FROM orders ORDER BY id") == before
    assert rows(lived.database, "SELECT * FROM transitions ORDER BY id") == moves
    assert rows(lived.database, "SELECT link, ref, tags FROM orders ORDER BY id") == [
        (None, None, "[]"),
        (None, "other", '["vip"]'),
    ]


def test_an_event_keeps_its_id_and_place_and_is_told_without_them(lived):
    log = "SELECT id, event_id, type, panel, kind, remote_id, seq, at FROM events ORDER BY id"
    before, bodies = rows(lived.database, log), dict(rows(lived.database, "SELECT id, body FROM events"))
    waiting = states(lived)
    lived.erasure.forget("main", ["1"])
    assert (rows(lived.database, log), states(lived)) == (before, waiting)
    for number, body in rows(lived.database, "SELECT id, body FROM events"):
        event, was = json.loads(body), json.loads(bodies[number])
        if was["data"]["order"]["id"] == "1":
            was["data"]["order"] |= {"ref": None, "tags": []}
        assert event == was
    sent = []
    while taken := deliver(lived, NOW + 800):
        sent.append(json.loads(taken.body))
    assert {event["data"]["order"]["ref"] for event in sent if event["data"]["order"]["id"] == "1"} == {None}


def test_events_of_an_order_that_was_removed_are_cleaned_too(lived):
    lived.order_edits.remove("main", ["1"], NOW + 800)
    assert "ref" in holds(lived)
    assert lived.erasure.forget("main", ["1", "404"], [LINK]).known == {"1"}
    assert holds(lived) == set()


def test_forgetting_twice_is_forgetting_once(lived):
    lived.erasure.forget("main", ["1"])
    before = everywhere(lived)
    done = lived.erasure.forget("main", ["1"])
    assert done.erased.words == done.erased.tags == set()
    after = everywhere(lived)
    assert len(after) == len(before), "but for the version"


def test_the_panels_own_entry_is_kept_no_more(lived):
    """It may hold the link, and comes with the next answer that is different."""
    lived.erasure.forget("main", ["1"])
    entry = json.dumps({"status": "Refunded", "link": LINK})
    poll(lived, {"1": says("1", "Refunded", entry=entry), "2": says("2", "Refunded", entry="kept")}, NOW + DAY)
    assert rows(lived.database, "SELECT status, entry FROM orders ORDER BY id") == [
        ("refunded", None),
        ("refunded", "kept"),
    ]
    assert holds(lived) == set()


def test_an_answer_that_was_being_read_writes_nothing_of_it(store):
    track(store, "1", **FACTS)
    claim = claimed(store)
    changes = decided(store, claim, {"1": says("1", "In progress", entry=json.dumps({"link": LINK}))}, NOW + 1)
    store.erasure.forget("main", ["1"])
    assert record(store, claim, changes, NOW + 1) == 0
    assert holds(store) == set()


def test_an_answer_of_a_receiver_that_is_still_to_come_is_counted(store):
    track(store, "1", **FACTS)
    taken = store.outbox.claim(OPS, NOW + 5)
    assert store.erasure.forget("main", ["1"]).under_way == 1
    echo(store, taken)
    assert holds(store) == {"ref", "tag"}
    done = store.erasure.forget("main", ["1"])
    assert (done.under_way, holds(store)) == (0, set())


def test_what_a_receiver_said_to_many_orders_at_once_is_erased_for_all_of_them(store):
    digest = replace(OPS, digest=Digest(wait_s=0.0, max=10))
    track(store, "1", **FACTS)
    track(store, "2", just_placed=True)
    message = store.digests.claim(digest, NOW + 60)
    assert len(message) == 2
    tried = Tried("failed", 0.1, 500, "127.0.0.1", f"cannot take {REF}", f"answered 500: {REF}")
    verdicts = [
        (one, routing.after_failure(digest, 1, NOW, 0.0, permanent=False, retry_after_s=None)) for one in message
    ]
    store.outbox.settle_message(digest, verdicts, tried, lambda health: (health, None), NOW + 61)
    store.erasure.forget("main", ["1"])
    assert holds(store) == set()
    assert rows(store.database, "SELECT outcome, code FROM attempts") == [("failed", 500)] * 2


def unwell(now, probe, health):
    return hook_health.after_failure(
        health, now, fresh=not probe, gone=False, retry_after_s=None, reason=REF, probe=probe
    )


def test_words_of_panels_and_receivers_lose_it_word_for_word(store):
    track(store, "1", **FACTS)
    text = f'HTTP 200, no JSON: {{"1": {{"link": "{LINK.replace("/", chr(92) + "/")}"}}'
    for later_s in (0, 40):
        store.panels.failed(
            claimed(store, NOW + later_s), PanelError(Trouble.AUTH, text), 0.0, RULES, NOW + later_s + 1
        )
    for n in range(6):  # until the hook is failing, and says so
        track(store, f"x{n}", just_placed=True)
        taken = store.outbox.claim(OPS, NOW + n)
        verdict = routing.after_failure(OPS, 1, NOW + n, 0.0, permanent=False, retry_after_s=None)
        settle(
            store,
            OPS,
            taken,
            Tried("failed", 0.1, 500, error=REF),
            verdict,
            partial(unwell, NOW + n, taken.probe),
            NOW + n,
        )
    assert {"panel.auth_failed", "hook.failing"} <= set(events(store))
    store.erasure.forget("main", ["1"])
    found = everywhere(store)
    assert "4711" not in found
    assert "hook.failing" in found
    assert found.count("[forgotten]") >= 4, "run, panel, alert, event; hook and its event"


def test_sums_by_a_tag_go_with_its_last_order_even_those_of_moves_that_are_gone(lived):
    fold(lived)
    with lived.database.transaction() as cur:
        cur.run("DELETE FROM transitions WHERE at < ?", (NOW + 700,))
    names = "SELECT DISTINCT name FROM daily_money WHERE dim = 'tag' ORDER BY name"
    assert rows(lived.database, names) == [(TAG,), ("vip",)]
    lived.erasure.forget("main", ["1"])
    assert rows(lived.database, names) == [("vip",)], "order 2 has it too"


def test_whose_words_are_still_somebodys_is_known(lived):
    track(lived, "3", link="https://example.com/p/1?utm=x", ref="client-A-118", tags=("late",))
    asked = ["https://example.com/p/1", "client-A", "late", "lat", "vip", "nobody", "client-B"]
    assert lived.erasure.held_by_nobody(asked) == ["lat", "nobody", "client-B"]


def test_children_have_it_from_their_parent(store):
    family = {"2": "1", "3": "1", "4": "3", "5": None, "1": "4"}
    new = [NewOrder("main", id_, baseline=True, just_placed=False, parent=of) for id_, of in family.items()]
    store.new_orders.add(new, NOW)
    assert sorted(store.erasure.with_children("main", ["1"])) == ["1", "2", "3", "4"]
    assert store.erasure.with_children("main", ["404", "2"]) == ["404", "2"]


def test_a_failing_delivery_that_waits_goes_out_clean(lived):
    taken = lived.outbox.claim(SHOP, NOW + 700)
    fail(lived, taken, NOW + 701, SHOP)
    lived.erasure.forget("main", ["1"])
    again = lived.outbox.claim(SHOP, NOW + DAY)
    assert again is not None
    assert b"118" not in again.body
