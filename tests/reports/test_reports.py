"""Every number of every report, compared with the same number worked out from the raw rows in another way."""

from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from tests.core.beliefs import DAY
from tests.databases import rows
from tests.reports.raw import (
    END,
    FINAL,
    by_currency,
    chosen_moves,
    day,
    moves,
    nonzero,
    ranked,
    scope_of,
    spent,
    three_digits,
)
from tracker.reports import hooks, money, polling, refunds, services, stuck, summary


def test_the_summary_of_a_period_counts_the_moves_in_it(store):
    tracked = [day(row[0]) for row in rows(store.database, "SELECT tracked_at FROM orders")]
    requests = [day(row[0]) for row in rows(store.database, "SELECT started_at FROM poll_runs")]

    for row in summary.summary(store.database, scope_of()):
        mine = [move for move in moves(store) if day(move["at"]) >= row["since"]]
        for status in summary.ENDS:
            assert row[status] == sum(m["new"] == status and m["old"] != status for m in mine), (row["period"], status)
        assert row["tracked"] == sum(one >= row["since"] for one in tracked)
        assert row["requests"] == sum(one >= row["since"] for one in requests)
        assert nonzero(row["spend"]) == by_currency((m["currency"], spent(m)) for m in mine)
        assert nonzero(row["back"]) == by_currency((m["currency"], -spent(m)) for m in mine if spent(m) < 0)
    assert [row["period"] for row in summary.summary(store.database, scope_of())] == ["today", "7 days", "30 days"]


def test_the_counts_of_now_are_those_of_the_rows(store):
    found = {row["what"]: row for row in summary.standing(store.database, scope_of())}

    status = Counter(row[0] or "new" for row in rows(store.database, "SELECT status FROM orders"))
    assert summary.statuses(store.database) == dict(status)
    assert found["open orders"]["detail"] == {name: n for name, n in status.items() if name not in FINAL}
    assert found["open orders"]["count"] == sum(found["open orders"]["detail"].values())
    dead = rows(store.database, "SELECT count(*) FROM deliveries WHERE state = 'dead'")[0][0]
    assert found["deliveries dead"]["count"] == dead > 0
    assert found["refunds owed"]["count"] == sum(
        bool(row["owed"]) for row in refunds.refunds(store.database, scope_of())
    )
    assert found["stuck orders"]["count"] == len(list(stuck.stuck(store.database, scope_of())))
    assert found["balances"]["detail"] == {"main USD": Decimal("85.7")}


@pytest.mark.parametrize(
    "chosen", [{}, {"since": "2026-11-24"}, {"panel": "main", "until": "2026-11-24"}, {"service": "12"}]
)
def test_services_are_worked_out_from_their_moves(store, chosen):
    mine = defaultdict(list)
    for move in chosen_moves(store, **chosen):
        mine[move["panel"], move["service"]].append(move)
    found = {(row["panel"], row["service"]): row for row in services.services(store.database, scope_of(**chosen))}

    ended = {key: [m for m in of if m["new"] in FINAL and m["old"] not in FINAL] for key, of in mine.items()}
    assert found.keys() == {key for key, of in ended.items() if of}
    for key, row in found.items():
        of = ended[key]
        assert (row["ended"], row["few"]) == (len(of), len(of) < 30)
        finish = [three_digits(m["at"] - m["born_at"]) for m in of if m["born_at"] is not None]
        start = [
            three_digits(m["at"] - m["born_at"])
            for m in mine[key]
            if m["born_at"] is not None and m["new"] == "in_progress" and m["old"] in (None, "pending", "processing")
        ]
        for what, times in (("finish", finish), ("start", start)):
            for name, quantile in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
                assert row[f"{what}_{name}_s"] == ranked(times, quantile)
        for status in ("partial", "canceled", "failed"):
            share = sum(m["new"] == status for m in of) / len(of)
            assert row[status] == round(share, 4)
            assert row[f"{status}_low"] <= row[status] <= row[f"{status}_high"]
        assert row["cost_per_1000"] == cost(mine[key])


def cost(of):
    charged, units = defaultdict(Decimal), Counter()
    for m in of:
        ended = m["new"] in FINAL and m["old"] not in FINAL
        if m["charge"] is not None and m["quantity"]:
            if ended and m["remains"] is not None:
                units[m["currency"] or ""] += m["quantity"] - min(max(m["remains"], 0), m["quantity"])
                charged[m["currency"] or ""] += m["charge"]
            elif m["old"] in FINAL and m["new"] in FINAL and m["old_charge"] is not None:
                charged[m["currency"] or ""] += m["charge"] - m["old_charge"]
    places = Decimal("0.00001")
    return {of: (charged[of] * 1000 / units[of]).quantize(places) for of in charged if units[of]}


def test_refills_that_were_rejected_are_counted_with_the_service_of_their_order(store):
    sql = (
        "SELECT o.service, r.status FROM refills r JOIN orders o ON o.remote_id = r.order_remote_id AND"
        " o.panel = r.panel WHERE r.tracking = 'finished'"
    )
    ended = defaultdict(list)
    for service, status in rows(store.database, sql):
        ended[service].append(status)

    for row in services.services(store.database, scope_of(panel="main")):
        of = ended[row["service"]]
        assert row["refills"] == len(of)
        assert row["refill_rejected"] == (round(of.count("rejected") / len(of), 4) if of else None)


def test_panels_are_worked_out_from_their_calls_and_refunds(store):
    runs = rows(store.database, "SELECT panel, started_at, finished_at, outcome FROM poll_runs")
    found_refunds = list(refunds.refunds(store.database, scope_of()))
    for row in polling.scorecard(store.database, scope_of()):
        mine = [run for run in runs if run[0] == row["panel"]]
        ok = [run for run in mine if run[3] == "ok"]
        assert (row["requests"], row["ok_rate"]) == (len(mine), round(len(ok) / len(mine), 4))
        assert row["errors"] == dict(Counter(run[3] for run in mine if run[3] != "ok"))
        times = [int((run[2] - run[1]) * 100 + 0.5) / 100 for run in ok]
        assert row["latency_p50_s"] == ranked(times, 0.5)
        assert row["latency_p99_s"] == ranked(times, 0.99)
        windows = [
            three_digits(m["at"] - m["not_before"])
            for m in moves(store)
            if m["panel"] == row["panel"] and m["not_before"] is not None and m["old"] != m["new"]
        ]
        assert (row["window_p50_s"], row["window_p90_s"]) == (ranked(windows, 0.5), ranked(windows, 0.9))
        due = f"panel = '{row['panel']}' AND tracking = 'active' AND next_poll_at <= {END}"
        assert row["overdue"] == rows(store.database, f"SELECT count(*) FROM orders WHERE {due}")[0][0]
        owing = [r for r in found_refunds if r["panel"] == row["panel"] and r["expected"]]
        assert row["expected"] == by_currency((r["currency"], r["expected"]) for r in owing)
        came = by_currency((r["currency"], min(r["observed"] or Decimal(0), r["expected"])) for r in owing)
        assert nonzero(row["observed"]) == came


def test_stuck_orders_are_the_open_ones_that_made_no_progress(store):
    sql = (
        "SELECT panel, remote_id, coalesce(progressed_at, tracked_at) FROM orders WHERE tracking = 'active'"
        " AND status IN ('pending', 'processing', 'in_progress', 'refilling')"
    )
    expected = {(panel, id_): since for panel, id_, since in rows(store.database, sql) if END - since > DAY}

    found = {(row["panel"], row["id"]): row["since"] for row in stuck.stuck(store.database, scope_of())}
    assert found == expected
    assert found
    assert stuck.count(store.database, scope_of()) == dict(Counter(panel for panel, _ in expected))


def test_refunds_are_the_rows_of_refunds_and_totals_their_sums(store):
    sql = (
        "SELECT o.panel, o.remote_id, r.expected, r.observed, o.currency"
        " FROM refunds r JOIN orders o ON o.id = r.order_id"
    )
    raw = rows(store.database, sql)
    found = list(refunds.refunds(store.database, scope_of()))

    assert {(r["panel"], r["id"]) for r in found} == {row[:2] for row in raw}
    sums = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0), 0, 0])
    for panel, _, expected, observed, currency in raw:
        into = sums[panel, currency or ""]
        into[0] += Decimal(expected or 0)
        into[1] += Decimal(observed or 0)
        if expected is None:
            into[4] += 1
        else:
            left = max(Decimal(expected) - Decimal(observed or 0), Decimal(0))
            into[2] += left
            into[3] += bool(left)
    for row in refunds.totals(store.database, scope_of()):
        assert [row[key] for key in ("expected", "observed", "owed", "orders", "unknown")] == sums[
            row["panel"], row["currency"]
        ]
    assert len(refunds.totals(store.database, scope_of())) == len(sums)


@pytest.mark.parametrize("chosen", [{}, {"since": "2026-11-24"}, {"panel": "spare", "until": "2026-11-24"}])
def test_spending_by_day_service_and_tag_is_what_charges_rose_by(store, chosen):
    expected = defaultdict(Decimal)
    for m in chosen_moves(store, **chosen):
        keys = [("day", day(m["at"])), ("service", m["service"])]
        keys += [("tag", tag) for tag in ("vip", "late") if f'"{tag}"' in m["tags"]]
        for by, name in keys:
            expected[by, name, m["panel"], m["currency"]] += spent(m)

    told = money.spend(store.database, scope_of(**chosen))
    found = {(r["by"], r["name"], r["panel"], r["currency"]): r["spend"] for r in told}
    assert nonzero(found) == nonzero(expected)


def test_the_change_of_a_balance_stands_beside_what_orders_cost(store):
    (row,) = money.balances(store.database, scope_of())
    charged = sum((spent(m) for m in moves(store) if m["panel"] == "main" and m["currency"] == "USD"), Decimal(0))

    assert (row["panel"], row["amount"], row["currency"]) == ("main", Decimal("85.7"), "USD")
    assert row["change"] == Decimal("85.7") - 100
    assert row["spend"] == charged
    assert row["unexplained"] == row["change"] + charged
    # On one day: from the last balance before it to the last one on it.
    (row,) = money.balances(store.database, scope_of(since="2026-11-24", until="2026-11-24"))
    held = [(at, Decimal(amount)) for at, amount in rows(store.database, "SELECT at, amount FROM balances ORDER BY id")]
    before = [amount for at, amount in held if day(at) < "2026-11-24"][-1]
    assert row["change"] == [amount for at, amount in held if day(at) == "2026-11-24"][-1] - before


def test_hooks_are_worked_out_from_their_attempts(store):
    attempts = rows(store.database, "SELECT outcome, code, took_s FROM attempts WHERE outcome IS NOT NULL")
    states = Counter(row[0] for row in rows(store.database, "SELECT state FROM deliveries"))

    (row,) = hooks.hooks(store.database, scope_of())
    well = [a for a in attempts if a[0] == "delivered"]
    assert (row["attempts"], row["success"]) == (len(attempts), round(len(well) / len(attempts), 4))
    assert row["outcomes"] == dict(Counter(str(a[1]) for a in attempts))
    assert row["took_p50_s"] == ranked([a[2] for a in well], 0.5)
    assert (row["waiting"], row["dead"]) == (states["waiting"], states["dead"])


def test_polling_is_counted_by_day(store):
    raw = rows(store.database, "SELECT panel, started_at, asked, moved, outcome FROM poll_runs")
    found = polling.polling(store.database, scope_of())

    assert {(r["day"], r["panel"]) for r in found} == {(day(at), panel) for panel, at, *_ in raw}
    for row in found:
        mine = [run for run in raw if run[0] == row["panel"] and day(run[1]) == row["day"]]
        assert row["requests"] == len(mine)
        assert row["ids"] == sum(run[2] for run in mine)
        assert row["ids_per_request"] == round(row["ids"] / len(mine), 1)
        assert row["moved"] == sum(run[3] or 0 for run in mine)
        assert row["errors"] == sum(run[4] != "ok" for run in mine)
