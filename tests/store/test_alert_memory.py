"""What people tell an alert is a row beside its memory, and what a panel that is down keeps quiet."""

import threading
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.core.beliefs import HOUR, NOW
from tests.databases import rows
from tests.defaults import balance_rules, poll_rules
from tests.store import OPS, RULES, SHOP, claimed, events, everything
from tracker.core.model import Balance
from tracker.errors import Cause, PanelError, Trouble
from tracker.store import Store
from tracker.store.alerts import COMMENT_MAX, TOLD

ALERT = balance_rules(below=Decimal(20), clear_above=Decimal(25), repeat_every_s=HOUR)
STRICT = poll_rules(max_requests_per_minute=600, down_after_s=600.0)


def due(store, now):
    with store.database.transaction() as cur:
        cur.run("UPDATE panels SET next_balance_at = ?", (now,))


NO_CONNECTION = PanelError(Trouble.UNAVAILABLE, "no", cause=Cause.CONNECTION)


def balance(store, amount, now, alert=ALERT):
    due(store, now)
    claim = claimed(store, now)
    assert claim.kind == "balance"
    store.panels.record_balance(claim, Balance(Decimal(amount), "USD"), RULES, alert, now)


def fails(store, now):
    due(store, now)
    store.panels.failed(
        claimed(store, now), PanelError(Trouble.UNAVAILABLE, "no", cause=Cause.CONNECTION), 0.0, STRICT, now
    )


def memory(store, name="balance.low"):
    sql = "SELECT state, acked_at, silenced_until, comment FROM alerts WHERE panel = 'main' AND name = ?"
    found = rows(store.database, sql, name)
    return found[0] if found else None


def test_an_acked_alert_is_not_told_again_until_it_clears(store):
    balance(store, "19", NOW)
    assert store.alerts.ack("main", "balance.low", NOW + 60)
    for hour in (1, 2, 3):
        balance(store, "18", NOW + hour * HOUR)
    assert events(store) == ["balance.low"]
    balance(store, "30", NOW + 4 * HOUR)
    assert events(store) == ["balance.low", "balance.recovered"]
    assert memory(store) == ("ok", None, None, None)
    for hour in (5, 6):
        balance(store, "18", NOW + hour * HOUR)
    assert events(store)[2:] == ["balance.low", "balance.low"], "the next one is told and reminded"


def test_a_balance_has_to_be_low_for_as_long_as_the_alert_says_a_restart_in_between_or_not(store):
    lasting = replace(ALERT, for_s=HOUR)
    for minutes, amount in ((0, "19"), (30, "30"), (40, "19"), (70, "18")):
        balance(store, amount, NOW + minutes * 60, lasting)
    assert events(store) == [], "an hour is over, and in the middle of it all was well"
    again = Store(store.database, [OPS, SHOP])
    balance(again, "18", NOW + 101 * 60, lasting)
    balance(again, "18", NOW + 102 * 60, lasting)
    assert events(store) == ["balance.low"]


def test_a_second_ack_keeps_the_moment_of_the_first(store):
    balance(store, "19", NOW)
    assert store.alerts.ack("main", "balance.low", NOW + 60)
    assert store.alerts.ack("main", "balance.low", NOW + 90)
    assert memory(store) == ("raised", NOW + 60, None, None)


@pytest.mark.parametrize("name", ["balance.low", "panel.down", "no.such"])
def test_what_is_not_raised_cannot_be_acked_and_nothing_changes(store, name):
    balance(store, "30", NOW)
    before = everything(store)
    assert store.alerts.ack("main", name, NOW + 1) is False
    assert store.alerts.ack("nobody", name, NOW + 1) is False
    assert everything(store) == before


def test_what_begins_and_ends_within_a_silence_is_never_told(store):
    assert store.alerts.silence("main", "balance.low", NOW + 3 * HOUR, "topping up by hand")
    balance(store, "19", NOW)
    assert memory(store) == ("pending", None, NOW + 3 * HOUR, "topping up by hand")
    balance(store, "30", NOW + HOUR)
    balance(store, "30", NOW + 4 * HOUR)
    assert events(store) == []


def test_what_is_still_wrong_when_the_silence_ends_is_told_then_and_once(store):
    assert store.alerts.silence("main", "balance.low", NOW + HOUR, None)
    balance(store, "19", NOW)
    balance(store, "19", NOW + HOUR - 1)
    assert events(store) == []
    balance(store, "19", NOW + HOUR)
    balance(store, "19", NOW + HOUR + 60)
    assert events(store) == ["balance.low"]


def test_a_silence_is_ended_by_a_moment_that_has_passed(store):
    assert store.alerts.silence("main", "balance.low", NOW + HOUR, "why")
    assert store.alerts.silence("main", "balance.low", NOW, None)
    balance(store, "19", NOW + 1)
    assert events(store) == ["balance.low"]


@pytest.mark.parametrize(("panel", "name"), [("main", "no.such"), ("nobody", "balance.low")])
def test_what_does_not_exist_cannot_be_silenced_and_nothing_changes(store, panel, name):
    before = everything(store)
    assert store.alerts.silence(panel, name, NOW + HOUR, "why") is False
    assert everything(store) == before


@pytest.mark.parametrize("name", TOLD)
def test_every_alert_can_be_silenced_before_it_was_ever_raised(store, name):
    assert store.alerts.silence("main", name, NOW + HOUR, "x" * 2_000)
    assert memory(store, name) == ("ok", None, NOW + HOUR, "x" * COMMENT_MAX)


def test_a_restart_forgets_neither_ack_nor_silence(store):
    balance(store, "19", NOW)
    store.alerts.ack("main", "balance.low", NOW + 1)
    store.alerts.silence("main", "panel.down", NOW + HOUR, "maintenance")
    again = Store(store.database, [OPS, SHOP])
    balance(again, "19", NOW + 2 * HOUR)
    assert events(store) == ["balance.low"]
    assert memory(store) == ("raised", NOW + 1, None, None)
    assert memory(store, "panel.down") == ("ok", None, NOW + HOUR, "maintenance")


def down(store, now):
    """The panel is down, and has been for as long as it takes to say so: not even its balance answers."""
    for later_s in (0, 300, 601):
        fails(store, now + later_s)


def test_a_balance_says_nothing_while_its_panel_is_down(store):
    down(store, NOW)
    balance(store, "19", NOW + 700)  # the answer that ends it
    assert events(store) == ["panel.down", "panel.recovered"]
    balance(store, "19", NOW + 800)
    assert events(store)[2:] == ["balance.low"], "at the next look it counts again"


def test_a_panel_that_is_down_in_silence_keeps_its_balance_quiet_too(store):
    assert store.alerts.silence("main", "panel.down", NOW + HOUR, "maintenance")
    down(store, NOW)
    balance(store, "19", NOW + 700)
    assert events(store) == []


def test_a_panel_that_is_still_down_when_its_silence_ends_is_told_then(store):
    assert store.alerts.silence("main", "panel.down", NOW + 900, "maintenance")
    down(store, NOW)
    fails(store, NOW + 901)
    balance(store, "30", NOW + 1_000)
    assert events(store) == ["panel.down", "panel.recovered"]


def test_a_silence_is_not_lost_to_looks_that_go_on_at_the_same_moment(store):
    def silence():
        for n in range(20):
            with store.database.session():
                assert store.alerts.silence("main", "balance.low", NOW + 1_000_000 + n, f"why {n}")

    other = threading.Thread(target=silence)
    other.start()
    for n in range(20):
        balance(store, "19" if n % 2 else "30", NOW + n * 60)
    other.join(30)
    assert memory(store)[2:] == (NOW + 1_000_019, "why 19")
