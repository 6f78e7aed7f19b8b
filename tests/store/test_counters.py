"""Counters of subjects that have no row of their own: what they count goes into the ids of events."""

from decimal import Decimal

from msgspec.structs import replace

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.defaults import client_rules, poll_rules
from tests.store import RULES, claimed
from tracker.core.model import Service
from tracker.core.polling.request_budget import Caller
from tracker.store import GatewayCall

FLYERS = Service("1", "Flyer rounds", "Default", "Paper", Decimal("0.90"), 50, 10_000, True, True)


def catalogue(store, panel, *rates):
    """Answers with a catalogue once for each rate; the first one is no news."""
    store.panels.sync({panel: "1"}, NOW)
    for n, rate in enumerate(rates):
        now = NOW + n * DAY
        with store.database.transaction() as cur:
            cur.run("UPDATE panels SET next_services_at = ?, next_balance_at = NULL WHERE name = ?", (now, panel))
        store.catalogue.record(claimed(store, now, panel=panel), [replace(FLYERS, rate=Decimal(rate))], RULES, now + 1)


def limited(store, client, panel, now):
    """An order that the client's limit refuses."""
    call = GatewayCall(f"G-{client}-{panel}-{now:.0f}", client, panel, "add", service="1", quantity=50, at=now)
    rules = client_rules(client, frozenset({panel}), frozenset({"add"}), max_spend_per_day=Decimal("0.01"))
    fields = {"service": "1", "quantity": "50"}
    assert not isinstance(store.gateway.open_call(call, rules, Caller(client, 0.5, False), poll_rules(), fields), int)


def counters(store):
    return set(rows(store.database, "SELECT panel, kind, key, n FROM counters"))


def test_each_subject_counts_by_itself_and_no_two_share_an_id(store):
    catalogue(store, "main", "0.90", "0.91", "0.92")
    catalogue(store, "spare", "0.90", "0.91")
    for n in range(2):
        store.maintenance.emit_degraded(NOW, "disk full", NOW + n)
        for client, panel in (("shop", "main"), ("bot", "main"), ("shop", "spare")):
            limited(store, client, panel, NOW + n * DAY)
    assert counters(store) == {
        ("main", "catalogue", "services", 2),
        ("spare", "catalogue", "services", 1),
        ("", "tracker", "database", 4),
        ("main", "gateway", "shop", 2),
        ("main", "gateway", "bot", 2),
        ("spare", "gateway", "shop", 2),
    }
    ids = rows(store.database, "SELECT event_id FROM events")
    assert len(set(ids)) == len(ids) == 13
    assert rows(store.database, "SELECT seq FROM events WHERE kind = 'tracker' ORDER BY id") == [(1,), (2,), (3,), (4,)]


def test_counters_go_on_when_the_log_is_shorter(store):
    """Retention may let go of events; the number of the next one does not depend on those that are left."""
    catalogue(store, "main", "0.90", "0.91", "0.92")
    store.maintenance.emit_degraded(NOW, "disk full", NOW)
    before = set(rows(store.database, "SELECT event_id FROM events"))
    with store.database.transaction() as cur:
        cur.run("DELETE FROM deliveries")
        cur.run("DELETE FROM events")
    store.maintenance.emit_degraded(NOW, "disk full", NOW)
    catalogue(store, "main", "0.93")
    assert not before & set(rows(store.database, "SELECT event_id FROM events"))
    assert counters(store) == {("main", "catalogue", "services", 3), ("", "tracker", "database", 4)}
