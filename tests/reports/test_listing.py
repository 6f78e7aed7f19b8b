"""Lists as programs read them: every page but the last one full, and together every row once."""

import pytest

from tests.core.beliefs import NOW
from tests.defaults import poll_rules
from tracker.reports import listing
from tracker.reports.listing import LOOK_MAX, STRETCH
from tracker.reports.orders import Wanted
from tracker.reports.orders import orders as every_order
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
        page = listing.orders(database, RULES, PANELS, wanted, NOW, before, size)
        found += page.rows
        pages += 1
        assert len(page.rows) <= size
        if page.after is None:
            return found, pages
        assert len(page.rows) == size, "a short page is the last one"
        assert before is None or page.after < before
        before = page.after


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(panel="main"),
        Wanted(panel="spare"),
        Wanted(panel="nowhere"),
        Wanted(statuses=("partial",)),
        Wanted(panel="spare", statuses=("canceled",)),
        Wanted(trackings=("paused",)),
        Wanted(trackings=("active",), statuses=("pending",)),
        Wanted(services=("3",)),
        Wanted(services=("3",), panel="main", statuses=("partial",)),
        Wanted(ref="client-4"),
        Wanted(ref="client-4", tag="vip", panel="spare"),
        Wanted(ref="client-99"),
        Wanted(tag="vip"),
        Wanted(tag='a"b%_!\\é'),
        Wanted(since=NOW + 100),
        Wanted(since=NOW + 100, tag="VIP", panel="main"),
    ],
    ids=str,
)
def test_all_pages_of_a_list_are_the_whole_list(few, wanted):
    expected = list(every_order(few, RULES, wanted, NOW))
    assert walked(few, wanted)[0] == expected
    assert walked(few, wanted, size=500)[0] == expected
    assert len(expected) < ORDERS or wanted == Wanted()


@pytest.mark.parametrize("tag", ["Vip", "ip", *sorted({tag for tags in TAGS for tag in tags})])
def test_a_tag_is_exactly_that_tag(few, tag):
    having = [row for row in every_order(few, RULES, Wanted(), NOW) if tag in row["tags"]]
    assert list(every_order(few, RULES, Wanted(tag=tag), NOW)) == having
    assert walked(few, Wanted(tag=tag), size=3)[0] == having
    assert [row["id"] for row in every_order(few, RULES, Wanted(tag=tag), NOW, limit=2)] == [
        row["id"] for row in having[:2]
    ]


def test_orders_that_were_never_answered_about_are_new(few):
    new = walked(few, Wanted(statuses=("new",)))[0]
    assert [row["id"] for row in new] == [row["id"] for row in walked(few, Wanted())[0] if row["status"] is None]
    assert walked(few, Wanted(statuses=("new",), tag="vip"))[0] == [row for row in new if "vip" in row["tags"]]


def test_the_last_page_is_known_to_be_the_last_even_when_it_is_full(few):
    assert walked(few, Wanted(services=("3",)), size=27)[1] == 1
    assert len(walked(few, Wanted(services=("3",)))[0]) == 27


def test_what_no_index_answers_is_looked_for_as_far_as_a_page_may_look_and_then_on_the_next(database):
    store = Store(database)
    store.new_orders.add(
        [NewOrder("main", "rare", True, False, tags=("rare",)), NewOrder("main", "far", True, False)], NOW
    )
    far = LOOK_MAX + 2 * STRETCH  # as if there were so many between them
    with database.transaction() as cur:
        cur.run("UPDATE orders SET id = ? WHERE remote_id = 'far'", (far,))
    first = listing.orders(database, RULES, PANELS, Wanted(tag="rare"), NOW, None, 10)
    assert (first.rows, first.after) == ([], far + 1 - LOOK_MAX)
    second = listing.orders(database, RULES, PANELS, Wanted(tag="rare"), NOW, first.after, 10)
    assert ([row["id"] for row in second.rows], second.after) == (["rare"], None)
