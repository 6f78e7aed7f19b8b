"""Daily figures: folded in steps or not at all, they are the same, and the same as worked out from the raw rows."""

from decimal import Decimal

import pytest

from tests.core.beliefs import DAY, NOW
from tests.databases import rows
from tests.store import poll, says, track
from tests.store.lives import ZONE, lives
from tracker.core.daily_stats import Sums, add_moves
from tracker.core.dates import day_in
from tracker.reports import daily_stats
from tracker.store import Store


@pytest.fixture
def store(database):
    store = Store(database)
    store.panels.sync({"main": "", "spare": ""}, NOW + 365 * DAY)
    return store


def fold(store, zone=ZONE):
    while store.daily_stats.fold(zone):
        pass


def independent(store, zone=ZONE, keep=lambda row: True):
    """Counts and money worked out from the raw rows, in another way."""
    counts, money = {}, {}
    sql = (
        "SELECT t.at, t.old, t.new, t.charge, t.old_charge, t.currency, o.panel, o.service, o.tags"
        " FROM transitions t JOIN orders o ON o.id = t.order_id"
    )
    day_of = day_in(zone)
    for at, old, new, charge, old_charge, currency, panel, service, _ in filter(keep, rows(store.database, sql)):
        key = (day_of(at), panel, service or "", f"to:{new}")
        counts[key] = counts.get(key, 0) + (old != new)
        if charge is not None:
            spent = Decimal(charge) - (Decimal(old_charge) if old_charge is not None and old is not None else 0)
            key = (day_of(at), panel, "service", service or "", currency or "", "spend")
            money[key] = money.get(key, 0) + spent
    return {k: n for k, n in counts.items() if n}, {k: v for k, v in money.items() if v}


def figures(sums):
    counts = {key: n for key, n in sums.counts.items() if n and key[3].startswith("to:")}
    money = {key: value for key, value in sums.money.items() if value and key[2] == "service" and key[5] == "spend"}
    return counts, money


def everything(sums):
    return [{key: n for key, n in part.items() if n} for part in (sums.counts, sums.money, sums.durations)]


def test_folded_half_folded_and_not_folded_figures_are_the_same(store):
    lives(store)
    unfolded = daily_stats.read(store.database, ZONE)
    assert figures(unfolded) == independent(store)
    assert rows(store.database, "SELECT * FROM daily") == []

    store.daily_stats.fold(ZONE, 40)
    assert rows(store.database, "SELECT DISTINCT upto FROM folds") == [(40,)]
    assert everything(daily_stats.read(store.database, ZONE)) == everything(unfolded)

    fold(store)
    (last,) = rows(store.database, "SELECT max(id) FROM transitions")
    assert rows(store.database, "SELECT upto FROM folds WHERE source = 'transitions'") == [last]
    assert everything(daily_stats.read(store.database, ZONE)) == everything(unfolded)
    assert not store.daily_stats.fold(ZONE)


def test_figures_of_a_panel_a_service_and_some_days_are_those_of_the_whole_left_out(store):
    lives(store)
    fold(store)
    whole = daily_stats.read(store.database, ZONE)
    days = sorted({key[0] for key in whole.counts})

    part = daily_stats.read(store.database, ZONE, panel="main", service="12", since=days[1], until=days[1])

    assert part.counts == {key: n for key, n in whole.counts.items() if key[:3] == (days[1], "main", "12")}
    assert part.money == {
        key: value for key, value in whole.money.items() if key[:4] == (days[1], "main", "service", "12")
    }
    day_of = day_in(ZONE)
    on_that_day = independent(store, keep=lambda row: day_of(row[0]) == days[1] and row[6] == "main" and row[7] == "12")
    assert figures(part) == on_that_day


def test_durations_of_some_days_are_those_of_all_days_put_together(store):
    lives(store)
    fold(store)
    days = sorted({key[0] for key in daily_stats.read(store.database, ZONE).counts})
    added = {}
    for day in days:
        for key, n in daily_stats.read(store.database, ZONE, since=day, until=day).durations.items():
            added[key] = added.get(key, 0) + n

    whole = daily_stats.read(store.database, ZONE)
    assert added == whole.durations
    assert daily_stats.read(store.database, ZONE, since="2020-01-01").durations == whole.durations
    assert daily_stats.read(store.database, ZONE, until="2030-01-01").durations == whole.durations
    assert {key[2] for key in added} == {"start", "finish", "window"}


def test_another_zone_has_days_of_its_own(store):
    lives(store)
    fold(store)
    fold(store, "Pacific/Auckland")

    assert figures(daily_stats.read(store.database, "Pacific/Auckland")) == independent(store, "Pacific/Auckland")
    assert figures(daily_stats.read(store.database, ZONE)) == independent(store), (
        "not folded for this zone: read from the rows"
    )


def test_facts_handed_over_later_move_what_was_counted(store):
    lives(store)
    fold(store)
    for n in range(30):
        track(store, str(n), service="77", quantity=500, placed_at=NOW - 7200, tags=("new",), just_placed=True)

    now = everything(daily_stats.read(store.database, ZONE))
    with store.database.transaction() as cur:
        for table in ("daily", "daily_money", "durations", "folds"):
            cur.run(f"DELETE FROM {table}")
    assert now == everything(daily_stats.read(store.database, ZONE))
    assert any(key[2] == "77" for key in now[0])


def test_facts_handed_over_before_anything_was_folded_are_counted_once(store):
    lives(store)
    track(store, "1", service="77", quantity=500, placed_at=NOW - 7200)
    before = everything(daily_stats.read(store.database, ZONE))
    fold(store)

    assert everything(daily_stats.read(store.database, ZONE)) == before


def test_a_fold_that_breaks_half_way_counts_nothing_twice(store):
    lives(store)
    whole = everything(daily_stats.read(store.database, ZONE))
    rename(store, "daily_money", "away")  # the last of the tables that are written
    with pytest.raises(Exception, match="daily_money"):
        store.daily_stats.fold(ZONE)
    rename(store, "away", "daily_money")
    fold(store)

    assert everything(daily_stats.read(store.database, ZONE)) == whole


def rename(store, old, new):
    with store.database.transaction() as cur:
        cur.run(f"ALTER TABLE {old} RENAME TO {new}")


def test_money_is_exact_to_the_last_digit(store):
    track(store, "1", service="12")
    for step, charge in enumerate(["0.1", "0.3", "0.30000000000000000001"]):
        poll(store, {"1": says("1", "In progress", charge=Decimal(charge), currency="USD")}, NOW + step * 600)
    fold(store)

    sums = daily_stats.read(store.database, "UTC")
    (value,) = [value for key, value in sums.money.items() if key[5] == "spend"]
    assert value == Decimal("0.30000000000000000001")


def test_sums_of_nothing_are_empty(store):
    assert everything(daily_stats.read(store.database, ZONE)) == [{}, {}, {}]
    assert not store.daily_stats.fold(ZONE)
    add_moves(Sums.empty(), [], day_in(ZONE))
