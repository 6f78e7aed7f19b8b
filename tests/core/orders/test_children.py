"""Which children of an order are tracked, how, and with what."""

import pytest

from tests.core.beliefs import NOW, believed, observed, said
from tracker.core.model import OrderKind
from tracker.core.orders import diff
from tracker.core.orders.children import Family, LeftOut, Limit, untracked, within
from tracker.core.orders.new_orders import NewOrder
from tracker.core.rules import ChildLimits

FACTS = {"service": "12", "ref": "A-118", "tags": ("vip",)}
LINK = "https://example.com/p/1"

# The parent as it was before the answer, and whether its children are baselines.
PARENTS = [
    ({"status_raw": None, "seq": 1}, False, "just placed"),
    ({"status_raw": None, "baseline": True}, True, "a baseline, at its first answer"),
    ({"status_raw": None, "baseline": True, "seq": 7}, True, "a baseline that was tracked before"),
    ({"status_raw": None, "seq": 0}, True, "handed over with a status: nothing was told of it"),
    ({"status_raw": "In progress", "seq": 0}, False, "a baseline, later"),
    ({"status_raw": "In progress", "seq": 3}, False, "known for long"),
]


def parent(**facts):
    return believed(**{"remote_id": "20", **FACTS, **facts})


@pytest.mark.parametrize(("facts", "baseline", "why"), PARENTS, ids=[why for *_, why in PARENTS])
def test_a_child_is_told_unless_it_may_be_as_old_as_a_parent_of_which_nothing_was_told(facts, baseline, why):
    (child,) = untracked(Family(parent(**facts), ("1",)), LINK, {}, set())
    assert child == NewOrder(
        "main", "1", baseline=baseline, just_placed=not baseline, parent="20", link=LINK, **FACTS
    ), why


def test_a_known_order_gets_its_parent_and_nothing_else():
    family = Family(parent(status_raw="Active"), ("1", "2", "3"))
    (child,) = untracked(family, LINK, {"1": None, "2": "20", "3": "elsewhere"}, set())
    assert child == NewOrder("main", "1", baseline=False, just_placed=True, parent="20")


def test_itself_what_a_person_removed_and_what_is_no_id_are_nobodys_children():
    family = Family(parent(), ("20", "5", "a b", "6"))
    assert [child.remote_id for child in untracked(family, None, {}, {"5"})] == ["6"]


def test_a_child_has_no_children_but_an_order_that_is_tracked_gets_its_parent():
    family = Family(parent(parent="7", status_raw="Active"), ("1", "2"))
    assert [child.remote_id for child in untracked(family, LINK, {"2": None}, set())] == ["2"]


LIMITS = ChildLimits(per_order=5, per_day=20)


@pytest.mark.parametrize(
    ("listed", "of_order", "of_day", "kept", "left_out"),
    [
        (5, 0, 0, 5, None),
        (6, 0, 0, 5, (1, Limit.PER_ORDER)),
        (3, 3, 0, 2, (1, Limit.PER_ORDER)),
        (3, 5, 0, 0, (3, Limit.PER_ORDER)),
        (3, 9, 0, 0, (3, Limit.PER_ORDER)),
        (3, 0, 18, 2, (1, Limit.PER_DAY)),
        (3, 0, 20, 0, (3, Limit.PER_DAY)),
        (3, 0, 99, 0, (3, Limit.PER_DAY)),
        (500_000, 0, 0, 5, (499_995, Limit.PER_ORDER)),
    ],
)
def test_an_order_and_a_day_have_so_many_children(listed, of_order, of_day, kept, left_out):
    listing = parent()
    found = untracked(Family(listing, tuple(map(str, range(100, 100 + listed)))), LINK, {}, set())
    new, left = within(found, listing, set(), LIMITS, of_order, of_day)
    assert [child.remote_id for child in new] == [str(n) for n in range(100, 100 + kept)]
    assert left == (None if left_out is None else LeftOut(listing, *left_out))


def test_an_order_that_is_tracked_already_takes_no_room():
    listing = parent(status_raw="Active")
    found = untracked(Family(listing, ("1", "2", "3")), LINK, {"2": None}, set())
    new, left = within(found, listing, {"2"}, ChildLimits(0, 0), 0, 0)
    assert [child.remote_id for child in new] == ["2"]
    assert left.count == 2


# --- what is kept of the entry that lists them


def test_another_child_is_news_although_nothing_else_changed():
    order = believed("In progress", kind=OrderKind.DRIP_FEED, entry="one")
    answer = {"kind": OrderKind.DRIP_FEED, "children": ("1", "2"), "entry": "two"}
    change = observed(order, "In progress", **answer)
    assert (change.after.entry, change.transition, change.events) == ("two", None, ())
    assert diff.observe(change.after, said("In progress", **answer), NOW) is None


def test_an_entry_too_long_to_be_kept_is_no_news_by_itself():
    order = believed("In progress", kind=OrderKind.DRIP_FEED, entry=None)
    assert diff.observe(order, said("In progress", kind=OrderKind.DRIP_FEED, children=("1",), entry=""), NOW) is None


def test_a_change_that_is_to_be_read_again_keeps_all_but_the_entry():
    change = observed(believed("Pending"), "In progress", entry="text")
    again = diff.unread(change)
    assert (again.after.entry, again.transition, again.events) == (None, change.transition, change.events)


def test_the_entry_of_a_forgotten_order_is_not_kept():
    order = believed("Pending", forgotten=True)
    assert observed(order, "In progress", entry='{"link": "https://example.com/p/1"}').after.entry is None
