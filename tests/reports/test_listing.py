"""The pages of a list of orders: every page but the last is full, and together they have every row once."""

import pytest

from tests.core.beliefs import NOW
from tests.defaults import poll_rules
from tracker.reports.orders import OrderFilter, page
from tracker.reports.orders import orders as every_order
from tracker.reports.paging import LOOK_MAX, STRETCH
from tracker.store import NewOrder, Store

PANELS = ("main", "spare")
RULES = dict.fromkeys(PANELS, poll_rules())
ORDERS = 137
TAGS = (("vip",), ("VIP",), ('a"b%_!\\é',), ("blue", "vip"), ('x"vip', 'x, "vip"', '["vip"'))


@pytest.fixture
def few(like):
    """Some orders of each kind."""
    return like("orders of each kind", live)


def live(database):
    store = Store(database)
    words = ("pending", "partial", None, "canceled")
    for n in range(ORDERS):
        store.new_orders.add(
            [
                NewOrder(
                    PANELS[n % 3 == 0], str(1000 + n), True, False, status=words[n % 4], service=str(n % 5),
                    ref=f"client-{n % 7}", tags=TAGS[n % 5] if n % 2 else (),
                )
            ],
            NOW + n,
        )  # fmt: skip
    with database.transaction() as cur:
        cur.run("UPDATE orders SET tracking = 'paused' WHERE remote_id IN ('1003', '1100')")


def walked(database, wanted, size=10):
    """All pages of a list."""
    found, before, pages = [], None, 0
    while True:
        part = page(database, RULES, wanted, NOW, after=before, size=size)
        found += part.rows
        pages += 1
        assert len(part.rows) <= size
        if part.after is None:
            return found, pages
        assert len(part.rows) == size, "a short page is the last one"
        assert before is None or part.after < before
        before = part.after


@pytest.mark.parametrize(
    "wanted",
    [
        OrderFilter(),
        OrderFilter(panel="main"),
        OrderFilter(panel="spare"),
        OrderFilter(panel="nowhere"),
        OrderFilter(statuses=("partial",)),
        OrderFilter(panel="spare", statuses=("canceled",)),
        OrderFilter(trackings=("paused",)),
        OrderFilter(trackings=("active",), statuses=("pending",)),
        OrderFilter(services=("3",)),
        OrderFilter(services=("3",), panel="main", statuses=("partial",)),
        OrderFilter(ref="client-4"),
        OrderFilter(ref="client-4", tag="vip", panel="spare"),
        OrderFilter(ref="client-99"),
        OrderFilter(tag="vip"),
        OrderFilter(tag='a"b%_!\\é'),
        OrderFilter(since=NOW + 100),
        OrderFilter(since=NOW + 100, tag="VIP", panel="main"),
        OrderFilter(statuses=("new", "partial")),
        OrderFilter(statuses=("new", "partial"), tag="vip"),
        OrderFilter(trackings=("active", "paused"), panel="main"),
        OrderFilter(text="10"),
        OrderFilter(text="client-4", panel="main", statuses=("new",)),
        OrderFilter(text="nothing like it"),
        OrderFilter(only="owed"),
    ],
    ids=str,
)
def test_all_pages_of_a_list_are_the_whole_list(few, wanted):
    expected = list(every_order(few, RULES, wanted, NOW))
    assert walked(few, wanted)[0] == expected
    assert walked(few, wanted, size=500)[0] == expected
    assert len(expected) < ORDERS or wanted == OrderFilter()


@pytest.mark.parametrize("tag", ["Vip", "ip", *sorted({tag for tags in TAGS for tag in tags})])
def test_a_tag_is_exactly_that_tag(few, tag):
    having = [row for row in every_order(few, RULES, OrderFilter(), NOW) if tag in row["tags"]]
    assert list(every_order(few, RULES, OrderFilter(tag=tag), NOW)) == having
    assert walked(few, OrderFilter(tag=tag), size=3)[0] == having
    assert [row["id"] for row in every_order(few, RULES, OrderFilter(tag=tag), NOW, limit=2)] == [
        row["id"] for row in having[:2]
    ]


def test_many_of_one_tracking_are_the_whole_list_too(database):
    store = Store(database)
    store.new_orders.add([NewOrder("main", str(n), True, False) for n in range(1_200)], NOW)
    with database.transaction() as cur:
        cur.run("UPDATE orders SET tracking = 'finished' WHERE remote_id IN ('3', '1100')")
    for wanted in (OrderFilter(trackings=("active",)), OrderFilter(trackings=("finished",))):
        assert walked(database, wanted, size=100)[0] == list(every_order(database, RULES, wanted, NOW))


def test_orders_that_were_never_answered_about_are_new(few):
    new = walked(few, OrderFilter(statuses=("new",)))[0]
    assert [row["id"] for row in new] == [row["id"] for row in walked(few, OrderFilter())[0] if row["status"] is None]
    assert walked(few, OrderFilter(statuses=("new",), tag="vip"))[0] == [row for row in new if "vip" in row["tags"]]


def test_the_last_page_is_known_to_be_the_last_even_when_it_is_full(few):
    assert walked(few, OrderFilter(services=("3",)), size=27)[1] == 1
    assert len(walked(few, OrderFilter(services=("3",)))[0]) == 27


def test_a_page_looks_at_a_limited_number_of_ids_and_the_next_one_goes_on(database):
    store = Store(database)
    store.new_orders.add(
        [NewOrder("main", "rare", True, False, tags=("rare",)), NewOrder("main", "far", True, False)], NOW
    )
    far = LOOK_MAX + 2 * STRETCH  # as if there were so many between them
    with database.transaction() as cur:
        cur.run("UPDATE orders SET id = ? WHERE remote_id = 'far'", (far,))
    first = page(database, RULES, OrderFilter(tag="rare"), NOW, size=10)
    assert (first.rows, first.after) == ([], far + 1 - LOOK_MAX)
    second = page(database, RULES, OrderFilter(tag="rare"), NOW, after=first.after, size=10)
    assert ([row["id"] for row in second.rows], second.after) == (["rare"], None)
    whole = page(database, RULES, OrderFilter(tag="rare"), NOW, size=10, look_max=None)
    assert ([row["id"] for row in whole.rows], whole.after) == (["rare"], None)
