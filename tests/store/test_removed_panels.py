"""Panels that leave the configuration, and come back: what is theirs is paused meanwhile, and then as it was."""

from decimal import Decimal

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.defaults import balance_rules
from tests.rules import documents
from tests.store import RULES, claimed, column, decided, events, everything, poll, record, states, track
from tracker.core.model import Balance
from tracker.db.models import TABLES
from tracker.errors import PanelError, Trouble
from tracker.reports import alerts, panels
from tracker.store import NewRefill
from tracker.store.claims import NoCall
from tracker.store.removed_panels import FollowStep

LATER = NOW + DAY
HERE, GONE = {"main"}, {"spare"}
TRACKED = "SELECT remote_id, tracking, next_poll_at, away FROM {} ORDER BY id"


def follow(store, configured, now=LATER, most=5_000):
    """Every step there is to make."""
    steps = []
    while step := store.removed_panels.follow(configured, now, most):
        steps.append(step)
    return steps


def ask(store, remote_id, word, now):
    claim = store.claims.claim_named("main", [remote_id], RULES, now)
    record(store, claim, decided(store, claim, {remote_id: word}, now + 1), now + 1)


def tracked(store, source="orders"):
    return rows(store.database, TRACKED.format(source))


@pytest.fixture
def lived(store):
    """1 open, 2 finished, 3 finished and asked no more, 4 paused by hand, 5 not found, 6 never answered."""
    track(store, *"12345")
    poll(store, {"1": "In progress", "2": "Completed", "3": "Completed", "4": "Pending", "5": "Pending"})
    with store.database.transaction() as cur:
        cur.run("UPDATE orders SET next_poll_at = NULL WHERE remote_id = '3'")
        cur.run("UPDATE orders SET tracking = 'not_found' WHERE remote_id = '5'")
    store.order_edits.pause("main", ["4"])
    track(store, "6")
    store.new_orders.add_refills([NewRefill("main", "77", baseline=True), NewRefill("main", "78", baseline=True)], NOW)
    with store.database.transaction() as cur:
        cur.run("UPDATE refills SET tracking = 'finished', next_poll_at = NULL WHERE remote_id = '78'")
    return store


def test_what_belongs_to_a_panel_that_left_is_paused_and_nobody_asks_about_it(lived):
    assert follow(lived, GONE) == [FollowStep("main", True, 5), FollowStep("main", True, 2)]
    assert {row[1:3] for row in tracked(lived) + tracked(lived, "refills")} == {("paused", None)}
    assert isinstance(lived.claims.claim("main", RULES, LATER), NoCall)
    assert follow(lived, GONE) == []


def test_it_comes_back_as_it_was_and_due_at_once(lived):
    before = tracked(lived), tracked(lived, "refills")
    follow(lived, GONE)
    assert follow(lived, HERE) == [FollowStep("main", False, 5), FollowStep("main", False, 2)]
    back = tracked(lived), tracked(lived, "refills")
    assert [(row[0], row[1]) for row in back[0] + back[1]] == [(row[0], row[1]) for row in before[0] + before[1]]
    due = {row[0]: row[2] for row in back[0] + back[1]}
    assert due == {"1": LATER, "2": LATER, "3": None, "4": None, "5": LATER, "6": LATER, "77": LATER, "78": None}
    assert {row[3] for row in back[0] + back[1]} == {None}
    assert follow(lived, HERE) == []


def test_nothing_is_rewritten_while_the_configuration_stays_as_it_is(lived):
    before = everything(lived)
    follow(lived, HERE)
    assert everything(lived) == before


@pytest.mark.parametrize("steps", [1, 2])
def test_a_step_that_nothing_came_after_is_gone_on_with_either_way(lived, steps):
    """Killed between two steps: the next start finishes the leaving, or takes it back."""
    before = tracked(lived)
    for _ in range(steps):
        assert lived.removed_panels.follow(GONE, LATER, 2).rows == 2
    assert column(lived, "tracking").count("paused") == 1 + 2 * steps
    follow(lived, GONE, most=2)
    assert set(column(lived, "tracking")) == {"paused"}
    for _ in range(steps):
        lived.removed_panels.follow(HERE, LATER, 2)
    assert column(lived, "tracking").count("paused") == 6 - 2 * steps
    follow(lived, HERE, most=2)
    assert [row[:2] for row in tracked(lived)] == [row[:2] for row in before]


def test_an_answer_that_was_under_way_when_its_panel_left_is_let_go(lived):
    claim = lived.claims.claim("main", RULES, NOW + 600)
    follow(lived, GONE, NOW + 601)
    beliefs = lived.results.beliefs(claim, [row[0] for row in claim.rows])
    assert beliefs == [], "they were rewritten since"


def test_orders_of_a_panel_that_never_ran_are_paused_too(store):
    track(store, "1", panel="other")
    follow(store, HERE)
    assert column(store, "tracking") == ["paused"]


def test_an_order_resumed_by_name_is_not_brought_back_a_second_time(lived):
    follow(lived, GONE)
    lived.order_edits.resume("main", ["1"], LATER)
    follow(lived, HERE)
    assert tracked(lived)[0] == ("1", "active", LATER, None)


def test_an_order_that_nobody_could_look_at_is_not_stuck_until_it_is_looked_at(lived):
    follow(lived, GONE, NOW + 100)
    lived.stuck.emit("main", RULES, 0, NOW + 3 * DAY)
    follow(lived, HERE, NOW + 3 * DAY)
    lived.stuck.emit("main", RULES, 0, NOW + 3 * DAY + 30)
    assert "order.stuck" not in events(lived)
    ask(lived, "1", "In progress", NOW + 3 * DAY + 60)
    lived.stuck.emit("main", RULES, 0, NOW + 3 * DAY + 90)
    assert events(lived).count("order.stuck") == 1


def test_its_alerts_rest_and_go_on_when_it_is_back(lived):
    low = balance_rules(below=Decimal(20))
    with lived.database.transaction() as cur:
        cur.run("UPDATE panels SET next_balance_at = ?, next_services_at = NULL", (NOW - 1e6,))
    lived.panels.record_balance(
        lived.claims.claim("main", RULES, NOW + 9), Balance(Decimal(1), "USD"), RULES, low, NOW + 10
    )
    for later_s in (400, 440):
        claim = lived.claims.claim("main", RULES, NOW + later_s)
        lived.panels.failed(claim, PanelError(Trouble.AUTH, "no"), 0.0, RULES, NOW + later_s + 1)
    raised = {alert["name"] for alert in alerts.alerts(lived.database, LATER)}
    assert raised == {"balance.low", "panel.auth_failed"}
    told = events(lived)

    follow(lived, GONE)
    assert alerts.alerts(lived.database, LATER, every=True) == []
    assert alerts.raised(lived.database) == []
    lived.panels.look("main", RULES, False, LATER + DAY)
    lived.stuck.emit("main", RULES, 0, LATER + DAY)
    assert events(lived) == told
    follow(lived, HERE)
    assert {alert["name"] for alert in alerts.alerts(lived.database, LATER)} == raised
    ask(lived, "1", "In progress", LATER + 60)
    assert "panel.recovered" in events(lived)


def test_what_was_told_before_is_still_delivered(lived):
    waiting = states(lived)
    assert "waiting" in waiting
    follow(lived, GONE)
    assert states(lived) == waiting


def test_the_list_of_panels_shows_who_is_gone_and_with_how_many_orders(lived):
    lived.panels.sync({"spare": "1", "empty": "1"}, NOW)
    track(lived, "1", panel="spare")
    follow(lived, {"spare"})
    rows = panels.listed(lived.database, {"spare": RULES}, LATER)
    assert [(row["panel"], row["state"], row["orders"], row["orders_active"]) for row in rows] == [
        ("spare", "new", 1, 1),
        ("main", "gone", 6, 0),
    ]
    assert list(rows[0]) == list(panels.LIST_FIELDS) == list(rows[1])


def test_the_recipe_for_a_renamed_panel_leaves_nothing_under_the_old_name_but_what_was_told(lived):
    while lived.daily_stats.fold("UTC"):
        pass
    with lived.database.transaction() as cur:
        cur.run("UPDATE panels SET next_balance_at = ?, next_services_at = NULL", (NOW - 1e6,))
    lived.panels.record_balance(claimed(lived, NOW + 9), Balance(Decimal(1), "USD"), RULES, None, NOW + 10)
    lived.order_edits.remove("main", ["3"], NOW)
    (recipe,) = [
        text for text in documents.blocks(documents.ROOT / "docs" / "operations.md", "sql") if "UPDATE" in text
    ]
    with lived.database.transaction() as cur:
        for statement in recipe.replace("'old'", "'main'").replace("'new'", "'spare'").split(";"):
            if "UPDATE" in statement:
                cur.run(statement)
    places = {model._meta.table_name: "panel" for model in TABLES if "panel" in model._meta.columns} | {
        "panels": "name"
    }
    sql = "SELECT 1 FROM {} WHERE {} = 'main'"
    left = {table for table, name in places.items() if rows(lived.database, sql.format(table, name))}
    assert left == {"events"}
    assert follow(lived, {"spare"}) == []
    assert lived.claims.claim("spare", RULES, LATER).rows
