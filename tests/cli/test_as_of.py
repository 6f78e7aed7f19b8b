"""`tracker orders show --as-of`: an order's story as it was known at a moment."""

from decimal import Decimal

import pytest

from tests.store import OPS, claimed, decided, deliver, record, says, track
from tracker import clock
from tracker.core.dates import rfc3339
from tracker.db.database import connect
from tracker.store import Store

STEPS = (("Pending", "0.90", 1000), ("In progress", "0.90", 400), ("Partial", "0.70", 157))


@pytest.fixture
def told(site):
    """An order that moved three times, an hour apart, each told of half an hour later; the panel was down meanwhile."""
    site.ok("panels", "list")
    start = clock.now() - 5 * 3600
    database = connect(f"sqlite:///{site.folder}/data/tracker.db")
    with database.session():
        store = Store(database, [OPS])
        store.hooks.sync(["ops"])
        store.panels.sync({"main": ""}, start + 1e8)
        with database.transaction() as cur:
            cur.run("UPDATE panels SET next_balance_at = 9e9, next_services_at = 9e9")
        track(store, "23501", now=start, quantity=1000, just_placed=True)
        for n, (word, charge, remains) in enumerate(STEPS, 1):
            claim = claimed(store, start + n * 3600)
            answer = {"23501": says("23501", word, charge=Decimal(charge), remains=remains, currency="USD")}
            record(store, claim, decided(store, claim, answer, start + n * 3600), start + n * 3600)
            deliver(store, start + n * 3600 + 1800)
        with database.transaction() as cur:
            for n, (type_, at) in enumerate((("panel.down", 1.2), ("panel.recovered", 2.2)), 1):
                cur.run(
                    "INSERT INTO events (event_id, type, panel, kind, remote_id, seq, at, body) VALUES"
                    " (?, ?, 'main', 'panel', 'panel.down', ?, ?, NULL)",
                    (f"evt_x{n}", type_, n, start + at * 3600),
                )
    return site, start


def at(told, hours):
    site, start = told
    return site.json("orders", "show", "main", "23501", "--as-of", rfc3339(start + hours * 3600))


def test_between_two_moves_it_is_as_the_first_left_it(told):
    order = at(told, 2.1)
    assert (order["status"], order["status_raw"], order["remains"], order["charge"]) == (
        "in_progress", "In progress", 400, "0.90",
    )  # fmt: skip
    assert [move["new"] for move in order["transitions"]] == ["pending", "in_progress"]
    assert order["finished_at"] is None
    assert order["next_poll_at"] is None
    assert [alert["name"] for alert in order["alerts"]] == ["panel.down"]


def test_before_the_first_answer_nothing_is_known_of_it(told):
    order = at(told, 0.5)
    assert (order["status"], order["remains"], order["transitions"], order["alerts"]) == (None, None, [], [])
    assert [event["type"] for event in order["events"]] == ["order.tracked"]


def test_after_the_last_it_is_as_it_is_now(told):
    site, _ = told
    now, then = site.json("orders", "show", "main", "23501"), at(told, 4.9)
    same = now.keys() - {"next_poll_at", "next_poll_reason", "events"}
    assert {key: then[key] for key in same} == {key: now[key] for key in same}
    states = [[(e["id"], [d["state"] for d in e["deliveries"]]) for e in order["events"]] for order in (then, now)]
    assert states[0] == states[1]
    assert (then["status"], then["alerts"]) == ("partial", [])


def test_what_was_sent_later_had_not_been_sent(told):
    early, late = at(told, 1.4), at(told, 1.6)
    early, late = ([d for e in order["events"] for d in e["deliveries"]] for order in (early, late))
    assert ([d["state"] for d in early], [d["tries"] for d in early]) == (["waiting", "waiting"], [[], []])
    assert [d["state"] for d in late] == ["delivered", "waiting"]
    assert [d["attempts"] for d in late] == [1, 0]


def test_it_is_told_for_eyes_too_and_not_before_it_was_tracked(told):
    site, start = told
    said = site.ok("orders", "show", "main", "23501", "--as-of", rfc3339(start + 2.1 * 3600)).out
    assert "as of" in said
    assert "next poll" not in said
    assert "panel.down" in said
    refused = site.run("orders", "show", "main", "23501", "--as-of", rfc3339(start - 60))
    assert refused.code == 1
    assert "was not tracked yet then" in refused.err
