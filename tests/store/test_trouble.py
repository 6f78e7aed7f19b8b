"""Panels in trouble: asked less, one probe at a time, told once; and their balances."""

from decimal import Decimal

import msgspec

from tests.core.beliefs import DAY, HOUR, NOW
from tests.databases import rows
from tests.defaults import balance_rules, poll_rules
from tests.store import OPS, RULES, claimed, column, decided, events, everything, ids_of, poll, record, track
from tracker.core.model import Balance, Service
from tracker.db.database import connect
from tracker.errors import Cause, PanelError, Trouble
from tracker.store import Claim, Store

STRICT = poll_rules(max_requests_per_minute=600, down_after_s=600.0)


def fails(store, now, kind=Trouble.UNAVAILABLE, message="no", cause=Cause.CONNECTION):
    store.panels.failed(claimed(store, now), PanelError(kind, message, cause=cause), 0.0, STRICT, now)


def answered(store, answer, now):
    """The panel answers again, whatever the probe asks for, and then about its orders."""
    probe = claimed(store, now)
    if probe.kind == "balance":
        store.panels.record_balance(probe, Balance(Decimal(5), "USD"), STRICT, None, now)
        probe = claimed(store, now)
    record(store, probe, decided(store, probe, answer, now), now)


def trouble(store):
    return rows(
        store.database, "SELECT trouble, trouble_since, trouble_streak, trouble_message, wait_until FROM panels"
    )[0]


def test_a_panel_in_trouble_is_left_alone_and_then_probed_by_one_call(store):
    track(store, *map(str, range(300)))
    fails(store, NOW)
    assert trouble(store) == ("unavailable", NOW, 1, "no", NOW + 5)
    assert store.claims.claim("main", STRICT, NOW + 4.9).why == "waiting"
    probe = claimed(store, NOW + 5)
    assert store.claims.claim("main", STRICT, NOW + 5.1).why == "waiting"
    store.panels.failed(probe, PanelError(Trouble.UNAVAILABLE, "still", cause=Cause.CONNECTION), 0.0, STRICT, NOW + 6)
    assert trouble(store) == ("unavailable", NOW, 2, "still", NOW + 16)


def test_the_first_answer_ends_the_trouble(store):
    track(store, *map(str, range(300)))
    fails(store, NOW)
    poll(store, {}, NOW + 5)
    assert trouble(store) == (None, None, 0, None, None)
    assert {claimed(store, NOW + 7 + n / 10).kind for n in range(2)} == {"status"}


def test_a_probe_that_never_ended_is_followed_by_another_when_its_lease_has_passed(store):
    track(store, "1")
    fails(store, NOW)
    probe = claimed(store, NOW + 5)
    assert store.claims.claim("main", STRICT, probe.lease - 0.1).why == "waiting"
    assert ids_of(claimed(store, probe.lease)) == ["1"]


def test_a_probe_that_the_panel_refuses_as_a_list_lets_the_next_call_follow(store):
    track(store, "1", "2")
    fails(store, NOW)
    fails(store, NOW + 5, Trouble.BATCH_REFUSED, cause=Cause.ANSWER)
    track(store, "3", now=NOW + 6)
    assert isinstance(store.claims.claim("main", STRICT, NOW + 6), Claim)


def test_trouble_touches_no_order_whatever_it_is(store):
    track(store, "1", "2")
    poll(store, {"1": "In progress", "2": "Completed"})
    before = {
        table: found for table, found in everything(store).items() if table in ("orders", "transitions", "events")
    }
    for n, kind in enumerate(Trouble):
        now = NOW + 1_000 * (n + 1)
        claim = store.claims.claim_named("main", ["1", "2"], STRICT, now)
        store.panels.failed(claim, PanelError(kind, "no"), 0.0, STRICT, now)
        with store.database.transaction() as cur:  # only its place in the queue may differ
            cur.run("UPDATE orders SET next_poll_at = ?", (NOW + 301,))
    after = everything(store)
    assert set(events(store)) <= {"order.started", "order.completed", "panel.down", "panel.auth_failed"}
    assert after["orders"] == before["orders"]
    assert after["transitions"] == before["transitions"]


def test_down_is_told_once_after_a_while_and_recovered_once(store):
    track(store, "1")
    now = NOW
    while now < NOW + 2_000:
        fails(store, now)
        now += 300
    assert events(store) == ["panel.down"]
    body = msgspec.json.decode(rows(store.database, "SELECT body FROM events")[0][0])
    assert body["timestamp"] == "2026-11-23T02:24:07Z"  # ten minutes after the first failure
    assert body["data"]["alert"] == {
        "name": "panel.down", "since": "2026-11-23T02:14:07Z", "reason": "unavailable: no", "reminders": 0,
        "severity": "critical", "incident": "main/panel.down",
    }  # fmt: skip
    answered(store, {"1": "Pending"}, now)
    assert sorted(events(store)) == ["order.changed", "panel.down", "panel.recovered"]


def test_a_short_outage_is_told_to_nobody(store):
    track(store, "1")
    fails(store, NOW)
    fails(store, NOW + 300)
    answered(store, {"1": "Pending"}, NOW + 400)
    fails(store, NOW + 800)
    assert events(store) == ["order.changed"]


def test_a_key_is_told_as_refused_when_it_is_refused_again_and_once_until_it_works(store):
    track(store, "1")
    fails(store, NOW, Trouble.AUTH, "Invalid API key")
    assert events(store) == [], "a database has its hiccups"
    for later_s in (30, 160, 1_100):
        fails(store, NOW + later_s, Trouble.AUTH, "Invalid API key")
    assert events(store) == ["panel.auth_failed"]
    answered(store, {"1": "Pending"}, NOW + 2_700)
    for later_s in (4_000, 4_030):
        fails(store, NOW + later_s, Trouble.AUTH)
    assert events(store) == ["panel.auth_failed", "panel.recovered", "order.changed", "panel.auth_failed"]
    ids = [row[0] for row in rows(store.database, "SELECT event_id FROM events")]
    assert len(set(ids)) == len(ids)


def test_a_key_that_is_refused_once_is_told_to_nobody(store):
    track(store, "1")
    fails(store, NOW, Trouble.AUTH, "Invalid API key")
    poll(store, {"1": "Pending"}, NOW + 30)
    store.panels.look("main", STRICT, False, NOW + 60)
    assert events(store) == ["order.changed"]


def test_being_asked_to_slow_down_is_not_being_down_unless_nothing_else_is_said_for_long(store):
    track(store, "1")
    fails(store, NOW, Trouble.RATE_LIMITED)
    poll(store, {"1": "Pending"}, NOW + 300)
    fails(store, NOW + 1_000, Trouble.RATE_LIMITED)
    store.panels.look("main", STRICT, False, NOW + 1_599)
    assert events(store) == ["order.changed"]
    store.panels.look("main", STRICT, False, NOW + 1_600)
    assert events(store) == ["order.changed", "panel.down"]


def test_a_panel_that_asks_to_be_left_alone_for_hours_is_told_as_down_all_the_same(store):
    track(store, "1")
    store.panels.failed(claimed(store), PanelError(Trouble.UNAVAILABLE, "HTTP 503", 3_000.0), 0.0, STRICT, NOW)
    for later_s in (300, 599):
        store.panels.look("main", STRICT, False, NOW + later_s)
    assert events(store) == []
    store.panels.look("main", STRICT, False, NOW + 600)
    store.panels.look("main", STRICT, False, NOW + 630)
    assert events(store) == ["panel.down"]
    assert store.claims.claim("main", STRICT, NOW + 2_999).why == "waiting"


def test_a_restart_repeats_no_alert(store, fresh_url):
    track(store, "1")
    for n in range(3):
        fails(store, NOW + 700 * n)
        fails(Store(connect(fresh_url), [OPS]), NOW + 700 * n + 100)
    assert events(store) == ["panel.down"]


def test_calls_that_were_under_way_when_the_trouble_began_count_as_one_failure(store):
    track(store, *map(str, range(200)))
    first, second = claimed(store, NOW), claimed(store, NOW + 0.1)
    store.panels.failed(first, PanelError(Trouble.UNAVAILABLE, "a", cause=Cause.CONNECTION), 0.0, STRICT, NOW + 1)
    store.panels.failed(second, PanelError(Trouble.UNAVAILABLE, "b", cause=Cause.CONNECTION), 0.0, STRICT, NOW + 2)
    assert trouble(store)[2] == 1


# --- balances


ALERT = balance_rules(below=Decimal(20), clear_above=Decimal(25), repeat_every_s=12 * HOUR)


def balance(store, amount, now, alert=ALERT, currency="USD"):
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET next_balance_at = ?", (now,))
    claim = claimed(store, now)
    assert claim.kind == "balance"
    store.panels.record_balance(claim, Balance(Decimal(amount), currency), RULES, alert, now)


def test_a_balance_is_kept_where_it_changed_with_every_digit(store):
    for n, amount in enumerate(["100.10", "100.10", "100.1", "90.123456789", "90.123456789"]):
        balance(store, amount, NOW + n)
    kept = rows(store.database, "SELECT at, amount, currency FROM balances ORDER BY id")
    assert [(at, str(amount), currency) for at, amount, currency in kept] == [
        (NOW, "100.10", "USD"),
        (NOW + 3, "90.123456789", "USD"),
    ]
    assert rows(store.database, "SELECT next_balance_at FROM panels") == [(NOW + 4 + 600,)]


def test_a_low_balance_is_told_once_reminded_and_over_at_the_other_threshold(store):
    looks = [("30", 0), ("19", 1), ("18", 2), ("21", 3), ("19", 11), ("18", 13), ("24.99", 14), ("25", 15), ("19", 16)]
    told = []
    for amount, hour in looks:
        before = len(events(store))
        balance(store, amount, NOW + hour * HOUR)
        told += [(amount, name) for name in events(store)[before:]]
    assert told == [("19", "balance.low"), ("18", "balance.low"), ("25", "balance.recovered"), ("19", "balance.low")]
    first = msgspec.json.decode(rows(store.database, "SELECT body FROM events ORDER BY id")[0][0])["data"]
    assert first["balance"] == {
        "amount": "19", "currency": "USD", "threshold": "20", "runway_h": None, "burn_per_day": None,
    }  # fmt: skip


def test_a_runway_is_silent_until_there_is_a_day_of_history_and_told_from_then_on(store):
    rules = balance_rules(runway_below_s=48 * HOUR)
    for hour, amount in enumerate(range(100, 60, -1)):
        balance(store, str(amount), NOW + hour * HOUR, rules)
    assert events(store) == []  # 24 a day, and more than two days' worth left
    balance(store, "47", NOW + 40 * HOUR, rules)
    assert events(store) == ["balance.runway_low"]
    balance(store, "1000", NOW + 41 * HOUR, rules)  # a deposit is no income of minus 953
    assert events(store) == ["balance.runway_low", "balance.recovered"]


def test_a_runway_alert_ends_where_nothing_is_spent_any_more(store):
    rules = balance_rules(runway_below_s=48 * HOUR, repeat_every_s=12 * HOUR)
    balance(store, "100", NOW, rules)
    balance(store, "10", NOW + DAY, rules)
    assert events(store) == ["balance.runway_low"]
    balance(store, "10", NOW + 9 * DAY, rules)
    assert events(store) == ["balance.runway_low", "balance.recovered"]


def test_balances_of_two_currencies_are_not_mixed(store):
    rules = balance_rules(runway_below_s=48 * HOUR)
    balance(store, "100", NOW, rules, "EUR")
    balance(store, "1", NOW + 2 * DAY, rules, "USD")
    assert events(store) == []


def test_without_an_alert_a_balance_is_only_kept(store):
    balance(store, "-5", NOW, None)
    assert events(store) == []
    assert [str(row[0]) for row in rows(store.database, "SELECT amount FROM balances")] == ["-5"]


# --- catalogues


def service(id_, rate="1.50", name="Likes"):
    return Service(id_, name, "Default", "All", Decimal(rate), 10, 10_000, refill=True, cancel=False)


def catalogue(store, services, now):
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET next_services_at = ?", (now,))
    claim = claimed(store, now)
    assert claim.kind == "services"
    store.catalogue.record(claim, services, RULES, now)


def test_a_catalogue_remembers_what_came_what_changed_and_what_went(store):
    catalogue(store, [service("1"), service("2"), service("3")], NOW)
    catalogue(store, [service("1"), service("2", "1.60")], NOW + DAY)
    kept = "SELECT service, rate, first_seen_at, changed_at, gone_at FROM services ORDER BY service"
    assert [(s, str(rate), *at) for s, rate, *at in rows(store.database, kept)] == [
        ("1", "1.50", NOW, NOW, None),
        ("2", "1.60", NOW, NOW + DAY, None),
        ("3", "1.50", NOW, NOW, NOW + DAY),
    ]
    catalogue(store, [service("3")], NOW + 2 * DAY)
    third = rows(store.database, "SELECT gone_at, changed_at FROM services WHERE service = '3'")
    assert third == [(None, NOW + 2 * DAY)]


def test_an_empty_catalogue_takes_nothing_away(store):
    catalogue(store, [service("1")], NOW)
    before = everything(store)["services"]
    catalogue(store, [], NOW + DAY)
    assert everything(store)["services"] == before


# --- when answers are read differently


def test_another_reading_of_a_panel_forgets_which_bytes_are_known(store):
    store.panels.sync({"main": "1", "other": "1"}, NOW + DAY)
    track(store, "1")
    track(store, "2", panel="other")
    for panel in ("main", "other"):
        claim = claimed(store, NOW, panel=panel)
        changes = decided(store, claim, {"1": "Pending", "2": "Pending"}, NOW)
        record(store, claim, changes, NOW)
    with store.database.transaction() as cur:
        cur.run("UPDATE orders SET entry = '{}'")
    store.panels.sync({"main": "1", "other": "1"}, NOW)
    assert column(store, "entry") == ["{}", "{}"]
    store.panels.sync({"main": "2", "other": "1"}, NOW)
    assert column(store, "entry") == [None, "{}"]
    assert rows(store.database, "SELECT name, reading FROM panels ORDER BY name") == [("main", "2"), ("other", "1")]


def test_a_refused_key_is_tried_again_at_once_when_the_configuration_was_read_anew(store):
    track(store, "1")
    claim = claimed(store)
    store.panels.failed(claim, PanelError(Trouble.AUTH, "Invalid API key"), 0.0, RULES, NOW + 1)
    assert not isinstance(store.claims.claim("main", RULES, NOW + 20), Claim)
    store.panels.forgive_refused_keys()
    assert isinstance(store.claims.claim("main", RULES, NOW + 21), Claim)
    assert not isinstance(store.claims.claim("main", RULES, NOW + 22), Claim), "one probe, no more"


def test_a_panel_that_is_resumed_is_asked_at_once_whatever_it_waited_for(store):
    track(store, "1")
    store.panels.failed(claimed(store), PanelError(Trouble.UNAVAILABLE, "HTTP 503", 3_000.0), 0.0, RULES, NOW)
    assert store.panels.pause("main", paused=True)
    assert store.panels.pause("main", paused=False)
    assert isinstance(store.claims.claim("main", RULES, NOW + 1), Claim)
