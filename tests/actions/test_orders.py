"""What people do with orders, and what is refused to them."""

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tracker.actions.context import ActionContext
from tracker.actions.orders import AddedOrders, ChangedOrders, OrderActions, RefusedRow
from tracker.core.orders.new_orders import JUST_PLACED_MAX, BadRow
from tracker.db.sql import IDS_MAX
from tracker.errors import Exit, UserError
from tracker.intake.intake import BATCH, AgeUnsaid


def added(orders, *ids, panel="main", **facts):
    """Orders that are tracked as old ones."""
    return orders.add([(n, {"id": id_, **facts}) for n, id_ in enumerate(ids)], panel=panel, baseline=True)


def tracked(database):
    return {id_ for (id_,) in rows(database, "SELECT remote_id FROM orders")}


def test_the_good_rows_are_tracked_and_the_bad_ones_returned_with_the_field_to_blame(orders, database, journal):
    given = [(1, {"id": "1"}), (2, {"id": "a b"}), (3, BadRow("not an object")), (7, {"id": "2", "quantity": "many"})]
    done = orders.add(given, panel="main")
    assert (done.added, done.known) == (1, 0)
    assert [(row.number, row.field) for row in done.refused] == [(2, "id"), (3, ""), (7, "quantity")]
    assert done.refused[1] == RefusedRow(3, "not an object", "")
    assert tracked(database) == {*journal.ids} == {"1"}
    assert orders.add(given[:1], panel="main") == AddedOrders(0, 1, ())


def test_rows_of_unknown_age_are_refused_as_a_whole_wherever_they_stand(orders, database, journal):
    told = [(n, {"id": f"old{n}", "baseline": True}) for n in range(BATCH)]
    untold = [(BATCH + n, {"id": f"new{n}"}) for n in range(JUST_PLACED_MAX + 1)]
    with pytest.raises(AgeUnsaid) as refused:
        orders.add([*told, *untold], panel="main")
    assert refused.value.exit_code == Exit.USAGE
    assert tracked(database) == {*journal.ids} == set()
    assert orders.add([*told, *untold], panel="main", baseline=False).added == len(told) + len(untold)


@pytest.mark.parametrize("verb", ["add", "import_rows", "pause", "resume", "edit", "remove", "forget"])
def test_a_panel_that_never_was_is_refused_by_every_verb_with_the_name_that_was_meant(orders, database, journal, verb):
    act = {
        "add": lambda: orders.add([(1, {"id": "1"})], panel="mian"),
        "import_rows": lambda: orders.import_rows([(1, {"id": "1"})], NOW, panel="mian"),
        "edit": lambda: orders.edit("mian", ["1"], {"ref": "A"}),
    }.get(verb, lambda: getattr(orders, verb)("mian", ["1"]))
    with pytest.raises(UserError, match="there is no panel 'mian'") as refused:
        act()
    assert refused.value.exit_code == Exit.USAGE
    assert refused.value.problems == ['configured: main, spare (did you mean "main"?)']
    assert tracked(database) == {*journal.ids} == set()


def test_an_import_is_a_baseline_and_a_dry_run_of_it_writes_nothing(orders, database, journal):
    given = [(n, {"id": str(n)}) for n in range(BATCH + 1)]
    assert [taken.added for taken in orders.import_rows(given, NOW, panel="main", dry_run=True)] == [BATCH, BATCH + 1]
    assert tracked(database) == {*journal.ids} == set()
    assert [taken.added for taken in orders.import_rows(given, NOW, panel="main")] == [BATCH, BATCH + 1]
    assert rows(database, "SELECT count(*) FROM events") == [(0,)]


def test_an_edit_returns_for_each_order_what_changed_or_why_nothing_did(orders):
    added(orders, "1", "2", service="12")
    added(orders, "3", service="13")
    done = dict(orders.edit("main", ["1", "3", "404", "2", "1"], {"service": "13"}))
    assert list(done) == ["1", "3", "404", "2"]
    assert done["1"].changed == done["2"].changed == {"service": ("12", "13")}
    assert (done["3"].changed, done["3"].refused) == ({}, "")
    assert (done["404"].changed, done["404"].refused) == ({}, "not tracked")


def test_an_edit_with_one_wrong_value_changes_nothing_at_all(orders, database):
    added(orders, "1", service="12")
    with pytest.raises(UserError, match="not a whole number") as refused:
        orders.edit("main", ["1"], {"service": "13", "quantity": "many"})
    assert refused.value.exit_code == Exit.USAGE
    assert rows(database, "SELECT service FROM orders") == [("12",)]


def test_more_orders_than_a_statement_takes_are_paused_and_resumed_and_strangers_named(orders, database):
    ids = [str(n) for n in range(IDS_MAX + 1)]
    added(orders, *ids)
    strangers = ("x", "y")
    assert orders.pause("main", ["y", *ids, "x", *ids]) == ChangedOrders(len(ids), strangers)
    assert orders.pause("main", ids) == ChangedOrders(0, ())
    assert orders.resume("main", [*ids, "x", "y"]) == ChangedOrders(len(ids), strangers)
    assert rows(database, "SELECT DISTINCT tracking, next_poll_at FROM orders") == [("active", NOW)]


def test_a_removed_order_is_gone_from_database_and_journal(orders, database, journal):
    added(orders, "1", "2")
    assert orders.remove("main", ["1", "404", "1"]) == ChangedOrders(1, ("404",))
    assert tracked(database) == {*journal.ids} == {"2"}


def test_orders_of_a_panel_that_left_are_edited_removed_and_forgotten_and_not_paused(orders, store, intake, journal):
    added(orders, "1", "2", ref="A")
    later = OrderActions(ActionContext({}, store, lambda: NOW + DAY), intake, journal)
    later.check_panel("main")
    assert dict(later.edit("main", ["1"], {"ref": "B"}))["1"].changed == {"ref": ("A", "B")}
    assert later.forget("main", ["1"]).known == {"1"}
    assert later.remove("main", ["2"]).count == 1
    for verb in (later.pause, later.resume):
        with pytest.raises(UserError, match="there is no panel 'main'"):
            verb("main", ["1"])
