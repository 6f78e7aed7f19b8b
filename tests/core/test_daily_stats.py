"""What a move adds to the daily figures."""

from decimal import Decimal

import pytest

from tracker.core.daily_stats import Sums, add_moves, merged, rounded
from tracker.core.dates import day_in, later, starts

AT = 1_795_400_047.0  # 2026-11-23T02:14:07Z
FACTS = {
    "at": AT, "not_before": AT - 300, "old": "in_progress", "new": "completed", "charge": None, "old_charge": None,
    "remains": None, "regressed": 0, "currency": "USD", "panel": "main", "service": "12", "quantity": None,
    "born_at": None, "tags": (),
}  # fmt: skip


def added(*moves, sign=1, zone="UTC"):
    sums = Sums.empty()
    for move in moves:
        said = {key: Decimal(move[key]) for key in ("charge", "old_charge") if move.get(key) is not None}
        add_moves(sums, [tuple((FACTS | move | said).values())], day_in(zone), sign)
    return sums


def counts(sums):
    return {f"{day} {what}": n for (day, _, _, what), n in sums.counts.items()}


def money(sums):
    return {f"{dim} {name} {what}": value for (_, _, dim, name, _, what), value in sums.money.items()}


def test_a_move_counts_in_its_day_and_days_are_those_of_the_zone():
    assert counts(added({})) == {"2026-11-23 to:completed": 1, "2026-11-23 ended:completed": 1}
    assert counts(added({}, zone="America/New_York")).keys() == {
        "2026-11-22 to:completed",
        "2026-11-22 ended:completed",
    }


def test_only_a_move_from_what_is_not_final_ends_an_order():
    assert counts(added({"old": "completed", "new": "refunded"})) == {"2026-11-23 to:refunded": 1}
    assert "2026-11-23 ended:failed" in counts(added({"old": None, "new": "failed"}))
    assert counts(added({"old": "completed", "new": "in_progress", "regressed": 1})) == {
        "2026-11-23 to:in_progress": 1,
        "2026-11-23 regressed": 1,
    }


def test_durations_are_counted_from_birth_and_the_window_between_polls():
    started = added({"old": "pending", "new": "in_progress", "born_at": AT - 3_725})
    assert started.durations == {("main", "", "window", 300): 1, ("main", "12", "start", 3_720): 1}
    ended = added({"born_at": AT - 86_400.0, "not_before": None})
    assert ended.durations == {("main", "12", "finish", 86_400): 1}
    assert added({"old": "completed", "new": "in_progress", "born_at": AT - 9, "not_before": None}).durations == {}


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-5, 0), (0.9, 0), (999.9, 999), (1_234, 1_230), (86_399, 86_300), (1_234_567, 1_230_000)]
)
def test_durations_have_three_digits(seconds, expected):
    assert rounded(seconds) == expected


def test_spending_is_what_charges_rose_by_and_the_whole_of_the_first():
    first = added({"old": None, "new": "pending", "charge": "1.10", "old_charge": "1.00", "tags": ("vip", "x")})
    assert money(first) == {
        "service 12 spend": Decimal("1.10"),
        "tag vip spend": Decimal("1.10"),
        "tag x spend": Decimal("1.10"),
    }
    assert money(added({"charge": "1.20", "old_charge": "1.10"})) == {"service 12 spend": Decimal("0.10")}
    assert money(added({"charge": "1.10", "old_charge": "1.10"})) == {}


def test_what_comes_back_is_less_spending_and_counted_by_itself():
    assert money(added({"new": "partial", "charge": "0.70", "old_charge": "1.10"})) == {
        "service 12 spend": Decimal("-0.40"),
        "service 12 back": Decimal("0.40"),
    }


def test_cost_and_units_are_those_of_orders_of_which_both_are_known():
    ended = added({"quantity": 1000, "remains": 157, "charge": "0.80", "old_charge": "0.80"})
    assert counts(ended)["2026-11-23 delivered:USD"] == 843
    assert money(ended) == {"service 12 cost": Decimal("0.80")}
    back = added(
        {"old": "partial", "new": "partial", "quantity": 1000, "remains": 157, "charge": "0.70", "old_charge": "0.80"}
    )
    assert money(back)["service 12 cost"] == Decimal("-0.10")
    assert money(added({"quantity": None, "remains": 1, "charge": "1", "old_charge": "1"})) == {}


def test_more_left_than_ordered_is_nothing_delivered():
    assert (
        counts(added({"quantity": 10, "remains": 99, "charge": "1", "old_charge": "1"}))["2026-11-23 delivered:USD"]
        == 0
    )


def test_a_move_taken_out_again_leaves_nothing():
    move = {
        "old": None,
        "new": "partial",
        "quantity": 9,
        "remains": 3,
        "charge": "2",
        "born_at": AT - 60,
        "tags": ("vip",),
    }
    sums = merged(added(move), added(move, sign=-1))

    assert not any([*sums.counts.values(), *sums.money.values(), *sums.durations.values()])


def test_a_day_begins_where_the_zone_says_also_when_the_clocks_change():
    assert starts("2026-11-23", "UTC") == 1_795_392_000.0
    day = starts("2026-10-25", "Europe/Lisbon"), starts(later("2026-10-25", 1), "Europe/Lisbon")
    assert day[1] - day[0] == 25 * 3600
    in_lisbon = day_in("Europe/Lisbon")
    assert [in_lisbon(at) for at in (day[0] - 1, day[0], day[1] - 1, day[1])] == [
        "2026-10-24", "2026-10-25", "2026-10-25", "2026-10-26",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_end_of_the_calendar_is_an_end_and_no_error(zone):
    assert starts("0001-01-01", zone) < starts("1970-01-02", zone) < starts("9999-12-31", zone)
    assert later("9999-12-31", 1) >= "9999-12-29"
    assert later("2026-11-26", -9_999_999) <= "0001-01-03"
