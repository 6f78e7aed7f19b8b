"""The search for orders, on both engines: what it finds, its pages, and an index for every step."""

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.defaults import poll_rules
from tests.store import track
from tests.store.lives import lives
from tracker.reports import orders, refunds, stuck
from tracker.reports.orders import OrderFilter
from tracker.reports.period import ReportScope
from tracker.store import Store

PANELS = ("main", "spare")
RULES = dict.fromkeys(PANELS, poll_rules())


@pytest.fixture
def database(like):
    return like("search", live)


def live(database):
    store = Store(database)
    store.panels.sync(dict.fromkeys(PANELS, ""), NOW + 365 * DAY)
    lives(store, orders=60, steps=4)
    track(store, "Ab_1%", ref="50%_off", link="https://pages.example/p/7?x=1", service="777")
    track(store, "Ab_2", ref="50 off", link="https://pages.example/p/8")
    track(store, "ab_3", panel="spare", ref="client-A")
    store.order_edits.pause("spare", ["ab_3"])


def page(database, *, now=NOW, after=None, size=50, **chosen):
    return orders.page(database, RULES, OrderFilter(**chosen), now, after=after, size=size, look_max=None)


def found(database, **chosen):
    return [(row["panel"], row["id"]) for row in page(database, **chosen).rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ab_1%", [("main", "Ab_1%")]),
        ("Ab_", [("main", "Ab_2"), ("main", "Ab_1%")]),
        ("50%", [("main", "Ab_1%")]),
        ("50", [("main", "Ab_2"), ("main", "Ab_1%"), ("spare", "50"), ("main", "50")]),
        ("https://pages.example/p/7", [("main", "Ab_1%")]),
        ("777", [("main", "Ab_1%")]),
        ("client-A", [("spare", "ab_3")]),
        ("nothing like it", []),
        ("'; DROP TABLE orders; --", []),
        ("\U0010ffff", []),
    ],
)
def test_a_search_finds_what_begins_with_the_text_and_nothing_else(database, text, expected):
    assert found(database, text=text) == expected


def every(database, **chosen):
    after, seen = None, []
    while True:
        part = page(database, after=after, size=7, **chosen)
        assert len(part.rows) <= 7
        seen += [(row["panel"], row["id"]) for row in part.rows]
        if part.after is None:
            return seen
        after = part.after


@pytest.mark.parametrize(
    ("chosen", "condition"),
    [
        ({}, "1 = 1"),
        ({"panel": "spare"}, "panel = 'spare'"),
        ({"statuses": ("partial",)}, "status = 'partial'"),
        ({"statuses": ("new",)}, "status IS NULL"),
        ({"panel": "main", "statuses": ("completed",)}, "panel = 'main' AND status = 'completed'"),
        ({"trackings": ("paused",)}, "tracking = 'paused'"),
        ({"trackings": ("finished",), "panel": "main"}, "tracking = 'finished' AND panel = 'main'"),
    ],
)
def test_pages_hold_every_order_once_the_newest_first(database, chosen, condition):
    expected = rows(database, f"SELECT panel, remote_id FROM orders WHERE {condition} ORDER BY id DESC")
    assert every(database, **chosen) == expected
    assert expected


def test_a_filter_holds_for_a_search_too(database):
    assert found(database, text="ab_", panel="main") == []
    assert found(database, text="50", panel="spare") == [("spare", "50")]


def test_a_search_may_be_for_new_orders(database):
    assert found(database, text="Ab_", statuses=("new",)) == [("main", "Ab_2"), ("main", "Ab_1%")]
    assert found(database, text="Ab_", statuses=("partial",)) == []


def test_a_search_of_which_the_filter_leaves_nothing_says_that_more_match(database):
    track(Store(database), *(f"many-{n}" for n in range(orders.FOUND_MAX + 1)))
    none = page(database, text="many-", statuses=("partial",))
    assert (none.rows, none.cut) == ([], True)


@pytest.mark.parametrize("chosen", [{}, {"panel": "main"}, {"statuses": ("partial",)}, {"trackings": ("finished",)}])
def test_owed_orders_are_those_of_the_report_on_refunds(database, chosen):
    owing = {(r["panel"], r["id"]) for r in refunds.refunds(database, ReportScope("UTC", NOW)) if r["owed"]}
    assert owing
    expected = [one for one in every(database, **chosen) if one in owing]
    assert every(database, only="owed", **chosen) == expected
    assert found(database, text="1", only="owed") == [one for one in found(database, text="1") if one in owing]


@pytest.mark.parametrize("chosen", [{}, {"panel": "main"}, {"statuses": ("in_progress",)}])
def test_the_stuck_orders_are_those_of_the_report(database, chosen):
    scope = ReportScope("UTC", NOW + 9 * DAY, RULES)
    slow = {(row["panel"], row["id"]) for row in stuck.stuck(database, scope)}
    assert slow
    expected = [one for one in every(database, **chosen) if one in slow]
    assert every(database, only="stuck", now=scope.now, **chosen) == expected


def test_every_step_is_answered_by_an_index(database):
    if database.postgres:
        pytest.skip("the planner of PostgreSQL takes no index for a hundred rows")
    for text, column in (("Ab", "remote_id"), ("50", "ref"), ("https", "link")):
        condition, params = orders._begins(database, column, text)
        plan = rows(database, f"EXPLAIN QUERY PLAN SELECT id FROM orders WHERE {condition} LIMIT 500", *params)
        assert f"orders_{column}" in plan[0][3], plan
    sql = f"EXPLAIN QUERY PLAN {orders.SELECT} WHERE panel = 'main' AND id < 9 AND status = 'partial' ORDER BY id DESC"
    (step,) = rows(database, f"{sql} LIMIT 51")
    assert "orders_status" in step[3]
    known = orders._select(database, OrderFilter(text="Ab"))
    (step,) = rows(database, f"EXPLAIN QUERY PLAN {known} WHERE panel = 'main' AND id IN (1, 2) ORDER BY id DESC")
    assert "PRIMARY KEY" in step[3]
