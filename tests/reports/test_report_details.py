"""The details of reports: intervals, further percentiles, filters by panel, service and time."""

from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.core.beliefs import DAY
from tests.databases import rows
from tests.reports.raw import (
    END,
    FINAL,
    RULES,
    by_currency,
    chosen_moves,
    day,
    interval,
    nonzero,
    ranked,
    scope_of,
    spent,
    three_digits,
)
from tests.reports.raw import moves as all_moves
from tracker.reports import hooks, money, polling, refunds, services, stuck, summary

OPEN = {"pending", "processing", "in_progress", "refilling", "paused"}
SHORT = {"partial", "canceled", "refunded", "failed"}
TIMES = [{}, {"since": "2026-11-24"}, {"panel": "main", "until": "2026-11-24"}]


@pytest.mark.parametrize("chosen", [{"panel": "main"}, {"service": "12"}])
def test_a_summary_of_one_panel_or_service_counts_its_moves(store, chosen):
    key, value = next(iter(chosen.items()))
    for row in summary.summary(store.database, scope_of(**chosen)):
        mine = [move for move in chosen_moves(store, **chosen) if day(move["at"]) >= row["since"]]
        for status in summary.ENDS:
            assert row[status] == sum(m["new"] == status and m["old"] != status for m in mine), (row["period"], status)
        tracked = rows(store.database, f"SELECT tracked_at FROM orders WHERE {key} = ?", value)
        assert row["tracked"] == sum(day(at) >= row["since"] for (at,) in tracked)
        assert nonzero(row["spend"]) == by_currency((m["currency"], spent(m)) for m in mine)
        assert nonzero(row["back"]) == by_currency((m["currency"], -spent(m)) for m in mine if spent(m) < 0)
    since = {row["period"]: row["since"] for row in summary.summary(store.database, scope_of())}
    assert since == {"today": day(END), "7 days": day(END - 6 * DAY), "30 days": day(END - 29 * DAY)}


def test_the_counts_of_now_are_split_by_panel_hook_or_alert(store):
    with store.database.transaction() as cur:
        for panel, name, state in (("main", "balance.low", "raised"), ("spare", "balance.low", "raised"),
                                   ("spare", "panel.down", "ok")):  # fmt: skip
            cur.run(
                "INSERT INTO alerts (panel, name, state, since, reminders, reason, seq)"
                " VALUES (?, ?, ?, 1.0, 0, '', 1)",
                (panel, name, state),
            )
    found = {row["what"]: (row["count"], row["detail"]) for row in summary.standing(store.database, scope_of())}

    deliveries = Counter(rows(store.database, "SELECT hook, state FROM deliveries"))
    for state in ("waiting", "dead"):
        detail = {hook: n for (hook, of), n in deliveries.items() if of == state}
        assert found[f"deliveries {state}"] == (sum(detail.values()), detail)
    assert found["alerts"] == (2, {"balance.low": 2})
    slow = Counter(row["panel"] for row in stuck.stuck(store.database, scope_of()))
    assert found["stuck orders"] == (sum(slow.values()), dict(slow))
    left = by_currency(
        (currency, missing(expected, observed)) for *_, expected, observed, currency in refund_rows(store)
    )
    assert nonzero(found["refunds owed"][1]) == left


def refund_rows(store):
    """(panel, id, expected, observed, currency), the amounts exact."""
    sql = (
        "SELECT o.panel, o.remote_id, r.expected, r.observed, o.currency FROM refunds r"
        " JOIN orders o ON o.id = r.order_id"
    )
    return [
        (panel, id_, *(None if x is None else Decimal(x) for x in pair), currency)
        for panel, id_, *pair, currency in rows(store.database, sql)
    ]


def missing(expected, observed):
    return Decimal(0) if expected is None else max(expected - (observed or 0), Decimal(0))


@pytest.mark.parametrize("chosen", [*TIMES, {"service": "12"}])
def test_each_share_of_a_service_has_wilsons_interval(store, chosen):
    mine = defaultdict(list)
    for move in chosen_moves(store, **chosen):
        mine[move["panel"], move["service"]].append(move)
    found = services.services(store.database, scope_of(**chosen))
    assert found
    for row in found:
        of = mine[row["panel"], row["service"]]
        n = sum(m["new"] in FINAL and m["old"] not in FINAL for m in of)
        for what in services.RATES:
            k = sum(m["new"] == what and m["old"] not in FINAL for m in of)
            if what == "refunded":
                k = min(sum(m["new"] == what and m["old"] != what for m in of), n)
            assert (row[what], row[f"{what}_low"], row[f"{what}_high"]) == (round(k / n, 4), *interval(k, n)), what


def test_a_service_has_its_name_and_its_rejected_refills_their_interval(store):
    with store.database.transaction() as cur:
        cur.run(
            "INSERT INTO services (panel, service, name, type, category, rate, min, max, refill, cancel, first_seen_at,"
            " changed_at) VALUES ('main', '12', 'Flyer rounds', '', '', '1', 1, 2, 1, 1, 1.0, 1.0)"
        )
    sql = (
        "SELECT coalesce(o.service, ''), r.status, r.finished_at FROM refills r JOIN orders o ON o.panel = r.panel AND"
    )
    ended = rows(store.database, f"{sql} o.remote_id = r.order_remote_id WHERE r.tracking = 'finished'")
    for chosen in ({}, {"since": "2026-11-24"}):
        for row in services.services(store.database, scope_of(panel="main", **chosen)):
            of = [
                status
                for service, status, at in ended
                if (service or None) == row["service"] and day(at) >= chosen.get("since", "")
            ]
            share = round(of.count("rejected") / len(of), 4) if of else None
            told = (row["refills"], row["refill_rejected"], row["refill_rejected_low"], row["refill_rejected_high"])
            assert told == (len(of), share, *interval(of.count("rejected"), len(of)))
            assert row["name"] == ("Flyer rounds" if row["service"] == "12" else None)


@pytest.mark.parametrize("chosen", TIMES)
def test_the_answers_and_the_honesty_of_a_panel(store, chosen):
    runs = [run for run in rows(store.database, "SELECT panel, started_at, finished_at, outcome FROM poll_runs")
            if chosen.get("since", "") <= day(run[1]) <= chosen.get("until", "9999")]  # fmt: skip
    told = polling.scorecard(store.database, scope_of(**chosen))
    assert {row["panel"] for row in told} == ({chosen["panel"]} if "panel" in chosen else set(RULES))
    for row in told:
        mine = [run for run in runs if run[0] == row["panel"]]
        ok = [run for run in mine if run[3] == "ok"]
        assert (row["ok_rate_low"], row["ok_rate_high"]) == interval(len(ok), len(mine))
        assert row["few"] == (len(mine) < 30)
        times = [int((run[2] - run[1]) * 100 + 0.5) / 100 for run in ok]
        assert [row[f"latency_{p}_s"] for p in ("p50", "p90", "p99")] == [ranked(times, q) for q in (0.5, 0.9, 0.99)]
    for row in polling.scorecard(store.database, scope_of()):
        owing = [r for r in refund_rows(store) if r[0] == row["panel"] and r[2]]
        of_one = {currency or "" for *_, currency in owing}
        expected = sum((r[2] for r in owing), Decimal(0))
        came = sum((min(r[3] or Decimal(0), r[2]) for r in owing), Decimal(0))
        assert row["honesty"] == (round(float(came / expected), 4) if len(of_one) == 1 else None)


def test_the_honesty_of_a_panel_with_one_currency_is_the_share_that_came_back(store):
    with store.database.transaction() as cur:
        cur.run("UPDATE orders SET currency = 'USD'")
    for row in polling.scorecard(store.database, scope_of()):
        owing = [r for r in refund_rows(store) if r[0] == row["panel"] and r[2]]
        came = sum(min(r[3] or Decimal(0), r[2]) for r in owing)
        assert row["honesty"] == round(float(came / sum(r[2] for r in owing)), 4)


@pytest.mark.parametrize("chosen", TIMES)
def test_how_late_moves_were_seen(store, chosen):
    windows = defaultdict(list)
    for m in chosen_moves(store, **chosen):
        if m["not_before"] is not None and m["old"] != m["new"]:
            windows[m["panel"]].append(three_digits(m["at"] - m["not_before"]))
    told = {row["panel"]: tuple(row.values())[1:] for row in polling.delays(store.database, scope_of(**chosen))}
    assert told == {panel: (len(of), *(ranked(of, q) for q in (0.5, 0.9, 0.99))) for panel, of in windows.items()}


@pytest.mark.parametrize("chosen", TIMES)
def test_polling_of_one_panel_or_time_counts_its_calls(store, chosen):
    raw = [
        run
        for run in rows(store.database, "SELECT panel, started_at, asked, moved, outcome FROM poll_runs")
        if chosen.get("since", "") <= day(run[1]) <= chosen.get("until", "9999")
        and run[0] == chosen.get("panel", run[0])
    ]
    told = {(row["day"], row["panel"]): row for row in polling.polling(store.database, scope_of(**chosen))}
    assert told.keys() == {(day(at), panel) for panel, at, *_ in raw}
    assert sum(row["requests"] for row in told.values()) == len(raw)
    assert sum(row["ids"] for row in told.values()) == sum(run[2] for run in raw)


@pytest.mark.parametrize("chosen", [{}, {"panel": "spare"}, {"service": "13"}])
def test_a_stuck_order_is_shown_as_it_stands(store, chosen):
    sql = (
        "SELECT panel, remote_id, service, status, remains, quantity, coalesce(progressed_at, tracked_at), ref, link"
        " FROM orders"
    )
    raw = {row[:2]: row for row in rows(store.database, sql)}
    found = list(stuck.stuck(store.database, scope_of(**chosen)))
    assert found
    for row in found:
        panel, id_, service, status, remains, quantity, since, ref, link = raw[row["panel"], row["id"]]
        expected = (panel, id_, service, status, remains, quantity, since, round((END - since) / DAY, 1), ref, link)
        assert tuple(row.values()) == expected
        assert all(row[key] == value for key, value in chosen.items())


def replayed(of):
    """(expected, observed) of an order after all its moves; None: nothing should come back."""
    known = mark = currency = refund = None
    for m in of:
        reopened = known in FINAL and m["new"] in OPEN
        if m["charge"] is not None:
            if reopened or (currency is not None and m["currency"] != currency):
                mark = None
            mark, currency = max(mark or m["charge"], m["charge"]), m["currency"]
        if m["new"] in FINAL:
            expected = observed = None
            if mark is not None and m["quantity"] and m["remains"] is not None:
                left = sorted((0, m["remains"], m["quantity"]))[1]
                expected = (mark * left / m["quantity"]).quantize(Decimal("0.00001"))
            if mark is not None and m["charge"] is not None and m["charge"] < mark:
                observed = mark - m["charge"]
            refund = (expected, observed) if m["new"] in SHORT or observed is not None or expected else None
        elif m["new"] != "unknown" and known in FINAL:
            refund = None
        known = known if m["new"] == "unknown" else m["new"]
    return refund


def test_each_refund_follows_from_the_moves_of_its_order(store):
    of = defaultdict(list)
    for move in all_moves(store):
        of[move["panel"], move["id"]].append(move)
    expected = {key: refund for key, some in of.items() if (refund := replayed(some)) is not None}
    told = {(row["panel"], row["id"]): row for row in refunds.refunds(store.database, scope_of())}

    assert {key: (row["expected"], row["observed"]) for key, row in told.items()} == expected
    for key, row in told.items():
        should, did = expected[key]
        assert row["owed"] == (None if should is None else missing(should, did))
        assert row["basis"] == ("charge_drop" if did is not None else "remains" if should is not None else None)
        last = [m for m in of[key] if m["new"] in FINAL][-1]
        assert (row["at"], row["service"], row["currency"]) == (last["at"], last["service"], of[key][-1]["currency"])


@pytest.mark.parametrize("chosen", TIMES[1:])
def test_refunds_of_one_panel_or_time_are_those_of_its_orders(store, chosen):
    every = list(refunds.refunds(store.database, scope_of()))
    some = [
        row
        for row in every
        if chosen.get("since", "") <= day(row["at"]) <= chosen.get("until", "9999")
        and row["panel"] == chosen.get("panel", row["panel"])
    ]
    assert list(refunds.refunds(store.database, scope_of(**chosen))) == some
    assert sum(row["owed"] for row in refunds.totals(store.database, scope_of(**chosen))) == sum(
        r["owed"] or 0 for r in some
    )


def test_the_burn_of_a_balance_is_what_it_fell_by_in_seven_days(store):
    (row,) = money.balances(store.database, scope_of())
    held = [(at, Decimal(x)) for at, x in rows(store.database, "SELECT at, amount FROM balances ORDER BY at")]
    week = END - 7 * DAY
    falls = [before - after for (_, before), (at, after) in pairwise(held) if at >= week]
    days = Decimal(str((END - max(held[0][0], week)) / DAY))
    burn = sum((fall for fall in falls if fall > 0), Decimal(0)) / days

    assert (row["amount"], row["at"]) == held[-1][::-1]
    assert row["burn_per_day"] == burn.quantize(Decimal("0.00001"))
    assert row["runway_h"] == round(float(held[-1][1] / burn) * 24, 1)


@pytest.mark.parametrize("chosen", [{}, {"since": "2026-11-24"}, {"service": "13"}])
def test_what_came_back_is_summed_by_day_service_and_tag(store, chosen):
    expected = defaultdict(Decimal)
    for m in chosen_moves(store, **chosen):
        if spent(m) < 0:
            keys = [("day", day(m["at"])), ("service", m["service"])]
            keys += [] if "service" in chosen else [("tag", tag) for tag in ("vip", "late") if f'"{tag}"' in m["tags"]]
            for by, name in keys:
                expected[by, name, m["panel"], m["currency"]] -= spent(m)
    told = money.spend(store.database, scope_of(**chosen))
    assert nonzero({(r["by"], r["name"], r["panel"], r["currency"]): r["back"] for r in told}) == dict(expected)


@pytest.mark.parametrize("chosen", TIMES[:2])
def test_the_intervals_and_percentiles_of_a_hook(store, chosen):
    with store.database.transaction() as cur:
        cur.run("UPDATE deliveries SET state = 'held' WHERE id IN (SELECT max(id) FROM deliveries)")
    tried = [
        (outcome, took)
        for outcome, took, at in rows(store.database, "SELECT outcome, took_s, started_at FROM attempts")
        if outcome is not None and day(at) >= chosen.get("since", "")
    ]
    told = hooks.hooks(store.database, scope_of(**chosen))
    (row,) = told
    well = [took for outcome, took in tried if outcome == "delivered"]
    assert row["attempts"] == len(tried)
    assert (row["success_low"], row["success_high"]) == interval(len(well), len(tried))
    assert row["few"] == (len(tried) < 30)
    assert [row[f"took_{p}_s"] for p in ("p50", "p90", "p99")] == [ranked(well, q) for q in (0.5, 0.9, 0.99)]
    assert row["held"] == 1
