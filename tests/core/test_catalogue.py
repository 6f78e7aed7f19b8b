"""What changed between two catalogues."""

from decimal import Decimal

from msgspec.structs import replace

from tracker.core.catalogue import CHANGES_MAX, compare
from tracker.core.model import Service

FLYERS = Service("1", "Flyer rounds", "Default", "Paper", Decimal("0.90"), 50, 10_000, True, True)
INSERTS = replace(FLYERS, service="2", name="Newsletter inserts")


def known(*services):
    return {service.service: service for service in services}


def test_the_same_list_in_another_order_changes_nothing():
    assert not compare(known(FLYERS, INSERTS), [INSERTS, FLYERS])


def test_a_rate_that_only_gained_a_zero_is_the_same_rate():
    assert not compare(known(FLYERS), [replace(FLYERS, rate=Decimal("0.9"))])


def test_an_empty_answer_takes_nothing_away():
    assert not compare(known(FLYERS, INSERTS), [])


def test_what_came_went_and_changed_is_counted_and_listed():
    dearer = replace(FLYERS, rate=Decimal("1.10"), max=5_000)
    posters = replace(FLYERS, service="3", name="Poster placements")
    difference = compare(known(FLYERS, INSERTS), [dearer, posters])
    facts = difference.facts()
    assert (facts["added"], facts["removed"], facts["changed"]) == (1, 1, 1)
    assert facts["changes"] == (
        {"service": "1", "what": "rate", "old": "0.90", "new": "1.10"},
        {"service": "1", "what": "max", "old": 10_000, "new": 5_000},
        {"service": "3", "what": "added", "old": None, "new": "Poster placements"},
        {"service": "2", "what": "removed", "old": "Newsletter inserts", "new": None},
    )


def test_at_most_fifty_changes_are_listed_and_all_are_counted():
    many = [replace(FLYERS, service=str(n)) for n in range(200)]
    facts = compare(known(FLYERS), [FLYERS, *many]).facts()
    assert facts["added"] == 199
    assert len(facts["changes"]) == CHANGES_MAX
