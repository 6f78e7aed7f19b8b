"""What people do with refills, panels, alerts and the gateway, and what is refused to them."""

import pytest

from tests.core.beliefs import HOUR, NOW
from tests.databases import rows
from tests.defaults import client_rules, poll_rules
from tracker.actions.alerts import AlertActions
from tracker.actions.context import ActionContext
from tracker.actions.gateway import GatewayActions
from tracker.actions.panels import PanelActions
from tracker.actions.refills import AddedRefills, RefillActions
from tracker.core.polling.request_budget import Caller
from tracker.errors import Exit, UserError
from tracker.store import GatewayCall

SHOP = client_rules("shop", frozenset({"main"}), frozenset({"add", "cancel"}))
CALL = "G-kx3v7qa2mn"


# --- refills


def test_refills_are_tracked_once_each(context, database):
    refills = RefillActions(context)
    assert refills.add("main", ["77", "78", "77"], order="23501") == AddedRefills(2, 0)
    assert refills.add("main", ["78", "79"]) == AddedRefills(1, 1)
    assert rows(database, "SELECT remote_id, order_remote_id FROM refills ORDER BY id") == [
        ("77", "23501"),
        ("78", "23501"),
        ("79", None),
    ]


def test_every_wrong_id_is_named_and_then_none_is_tracked(context, database):
    with pytest.raises(UserError, match="not an id") as refused:
        RefillActions(context).add("main", ["77", "7 7", "78"], order="a;b")
    assert refused.value.exit_code == Exit.USAGE
    assert [problem.partition(":")[0] for problem in refused.value.problems] == ["'7 7'", "'a;b'"]
    assert rows(database, "SELECT count(*) FROM refills") == [(0,)]


# --- panels and alerts


def paused(database):
    return dict(rows(database, "SELECT name, paused FROM panels"))


def test_a_panel_that_was_never_polled_is_paused_all_the_same(context, database):
    panels = PanelActions(context)
    assert "spare" not in paused(database)
    panels.pause("spare")
    assert bool(paused(database)["spare"])
    assert not paused(database)["main"]
    panels.resume("spare")
    assert not paused(database)["spare"]


def test_an_alert_that_is_not_raised_is_not_acknowledged(context, database):
    assert AlertActions(context).acknowledge("main", "panel.down") is False
    assert rows(database, "SELECT count(*) FROM alerts WHERE acked_at IS NOT NULL") == [(0,)]


def test_a_silence_says_until_when_and_zero_ends_it(context, database):
    alerts = AlertActions(context)
    assert alerts.silence("spare", "panel.down", 2 * HOUR, "announced") == NOW + 2 * HOUR
    kept = "SELECT silenced_until, comment FROM alerts WHERE panel = 'spare'"
    assert rows(database, kept) == [(NOW + 2 * HOUR, "announced")]
    assert alerts.silence("spare", "panel.down", 0.0) is None
    ((until, _),) = rows(database, kept)
    assert until is None or until <= NOW


@pytest.mark.parametrize(
    "act",
    [
        lambda context: PanelActions(context).pause("mian"),
        lambda context: PanelActions(context).resume("mian"),
        lambda context: AlertActions(context).acknowledge("mian", "panel.down"),
        lambda context: AlertActions(context).silence("mian", "panel.down", HOUR),
        lambda context: RefillActions(context).add("mian", ["77"]),
    ],
)
def test_an_unknown_panel_is_refused_and_gets_no_row(context, database, act):
    with pytest.raises(UserError, match="there is no panel 'mian'") as refused:
        act(context)
    assert refused.value.exit_code == Exit.USAGE
    assert set(paused(database)) == {"main"}


# --- the gateway


@pytest.fixture
def gateway(context, intake):
    return GatewayActions(context, intake)


@pytest.fixture
def unclear(store, database):
    """An `add` whose answer got lost."""
    call = GatewayCall(CALL, "shop", "main", "cancel", "1", 1000, "https://pages.example/p/1", (), NOW - 60)
    assert isinstance(store.gateway.open_call(call, SHOP, Caller("shop", 0.5, False), poll_rules(), {}), int)
    with database.transaction() as cur:
        cur.run("UPDATE gateway_calls SET action = 'add'")
    store.gateway.call_unclear(CALL, "no complete answer in time", NOW - 30)


def state(database):
    return rows(database, "SELECT state FROM gateway_calls")[0][0]


def test_stopping_and_starting_say_whether_they_changed_anything(gateway):
    assert [gateway.stop("prices changed"), gateway.stop(), gateway.start(), gateway.start()] == [True, False] * 2


def test_a_placed_call_is_settled_with_its_order_in_database_and_journal(gateway, database, journal, unclear):
    assert gateway.resolve(CALL, "23501").panel == "main"
    assert rows(database, "SELECT remote_id, service, quantity FROM orders") == [("23501", "1", 1000)]
    assert (journal.ids, state(database)) == (["23501"], "placed")


def test_a_call_that_placed_nothing_is_settled_without_an_order(gateway, database, journal, unclear):
    gateway.resolve(CALL, None)
    assert rows(database, "SELECT count(*) FROM orders") == [(0,)]
    assert (journal.ids, state(database)) == ([], "not_placed")
    with pytest.raises(UserError, match="is not unclear but not placed") as refused:
        gateway.resolve(CALL, "23501")
    assert refused.value.exit_code == Exit.PROBLEM


def test_a_call_of_a_panel_that_left_stays_unclear(store, intake, database, journal, unclear):
    with pytest.raises(UserError, match="there is no panel 'main'"):
        GatewayActions(ActionContext({}, store, lambda: NOW), intake).resolve(CALL, "23501")
    assert (journal.ids, state(database)) == ([], "unclear")


def test_what_is_not_an_id_settles_nothing(gateway, database, unclear):
    with pytest.raises(UserError, match="not an id") as refused:
        gateway.resolve(CALL, "a b")
    assert (refused.value.exit_code, state(database)) == (Exit.USAGE, "unclear")
