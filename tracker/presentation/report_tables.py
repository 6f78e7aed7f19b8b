"""The reports as people read them: each is a few tables with charts.

REPORTS has them all: the name, what the report is about, and the function that builds it from `tracker.reports`. The
same sheets are printed, written as JSON or CSV, and shown in a browser.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.dates import later
from tracker.db.database import Database
from tracker.presentation import charts
from tracker.presentation.charts import ChartLine, Number, Rank, Series, Stamp
from tracker.presentation.format import span
from tracker.reports import daily_stats, hooks, money, polling, refunds, services, stuck, summary
from tracker.reports.period import ReportScope
from tracker.reports.rows import ReportRow

PANELS_SHOWN = ("panel", "requests", "ok_rate", "few", "latency_p50_s", "latency_p99_s", "errors", "overdue",
                "window_p50_s", "honesty")  # fmt: skip
DAYS_MAX = 62  # bars that a chart has room for


class Sheet(Struct, frozen=True):
    """One table of a report.

    key: its name in JSON.
    shown: the columns that a screen has room for; JSON and CSV have all `fields`.
    empty: the text that stands instead of a table without rows.
    note: what its columns mean, below the table.
    pictures: charts, as SVG.
    """

    key: str
    title: str
    fields: Sequence[str]
    rows: Iterable[ReportRow]
    shown: Sequence[str]
    empty: str = "Nothing yet."
    note: str = ""
    pictures: Sequence[str] = ()


Build = Callable[[Database, ReportScope], list[Sheet]]


class Report(Struct, frozen=True):
    """A kind of report. by_service: whether it can be limited to one service."""

    about: str
    build: Build
    by_service: bool = False


# The colours of the ends of orders, the same in every chart.
_COLOURS = {"completed": 3, "partial": 2, "canceled": 6, "refunded": 5, "failed": 4, "expired": 1}


def stamp_in(zone: str) -> Stamp:
    """How a chart of this time zone shows a moment: in as much detail as the span of the chart needs."""
    place = ZoneInfo(zone)

    def stamp(at: float, span_s: float) -> str:
        shape = next((shape for below_s, shape in _STAMPS if span_s < below_s), "%d %b")
        return datetime.fromtimestamp(at, place).strftime(shape)

    return stamp


_STAMPS = ((600.0, "%H:%M:%S"), (86_400.0, "%H:%M"), (10 * 86_400.0, "%d %b %H:%M"))


def _summary(database: Database, scope: ReportScope) -> list[Sheet]:
    rows, now = summary.summary(database, scope), summary.standing(database, scope)
    shown = ("period", "tracked", "completed", "partial", "canceled", "refunded", "failed", "spend", "back")
    return [
        Sheet(
            "periods",
            "Recent figures",
            summary.SUMMARY_FIELDS,
            rows,
            shown,
            pictures=[ends_by_day(database, scope, 30)],
        ),
        Sheet("now", "Now", summary.NOW_FIELDS, now, summary.NOW_FIELDS),
    ]


def ends_by_day(database: Database, scope: ReportScope, days: int) -> str:
    """A chart of how orders ended on each of the last days."""
    since = scope.since or later(scope.today, 1 - days)
    sums = daily_stats.in_scope(database, replace(scope, since=since, until=None))
    labels = _days(since, scope.until or scope.today)
    series = [Series(name, _by_day(sums.counts, labels, f"to:{name}"), _COLOURS[name]) for name in summary.ENDS]
    drawn = [one for one in series if any(one.values)]
    return charts.bars("How orders ended, by day", [label[5:] for label in labels], drawn)


def by_status(statuses: Mapping[str, int]) -> str:
    """A chart of how many orders are in each status. statuses: as summary.statuses returns them."""
    items = [Rank(name.replace("_", " "), n, colour=_COLOURS.get(name, 1)) for name, n in statuses.items()]
    return charts.ranks("Orders by status", items)


def back_by_day(database: Database, scope: ReportScope, days: int) -> list[str]:
    """For each currency a chart of the money that came back on each of the last days."""
    since = scope.since or later(scope.today, 1 - days)
    sums = daily_stats.in_scope(database, replace(scope, since=since, until=None), by_service=False)
    labels = _days(since, scope.until or scope.today)
    found: dict[str, dict[tuple[str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for (day, panel, dim, _, currency, what), value in sums.money.items():
        if dim == "service" and what == "back":
            found[currency][panel, day] += value
    title = "Money that came back, by day"
    return [_by_day_and_panel(title, of, currency, labels) for currency, of in sorted(found.items())]


def balances_over_time(database: Database, scope: ReportScope, rows: Sequence[ReportRow]) -> list[str]:
    """For each panel a chart of its balance, with a forecast. rows: of money.HELD_FIELDS."""
    known = {row["panel"]: row for row in rows}
    pictures, stamp = [], stamp_in(scope.zone)
    for panel, points in money.history(database, scope).items():
        row = known.get(panel)
        drawn = [ChartLine("balance", points)]
        if row and row["runway_h"] and row["burn_per_day"] and scope.until is None:
            # Half as far ahead as the chart goes back, half a day at least: a forecast for longer would be a guess.
            span_s = min(row["runway_h"] * 3600, max(scope.now - points[0][0], 86_400.0) / 2)
            left = row["amount"] - row["burn_per_day"] * Decimal(span_s / 86_400)
            left = max(left, Decimal(0)).quantize(Decimal("0.01"))
            drawn = [ChartLine("balance", [*points, (scope.now, row["amount"])])]
            ahead = [(scope.now, row["amount"]), (scope.now + span_s, left)]
            drawn.append(ChartLine("at the rate of the last 7 days", ahead, ahead=True))
        pictures.append(charts.lines(f"Balance of {panel}", drawn, stamp, (row and row["currency"]) or ""))
    return pictures


def _services(database: Database, scope: ReportScope) -> list[Sheet]:
    return services_sheets(services.services(database, scope))


def services_sheets(rows: list[ReportRow]) -> list[Sheet]:
    """The report on services. rows: of services.SERVICE_FIELDS."""
    busiest = sorted(rows, key=lambda row: -row["ended"])[:12]
    name = _named if len({row["panel"] for row in busiest}) < 2 else lambda row: f"{row['panel']} {_named(row)}"
    slow = [
        Rank(name(row), row["finish_p50_s"], span(row["finish_p50_s"]))
        for row in busiest
        if row["finish_p50_s"] is not None
    ]
    bad = [Rank(name(row), round(row["partial"] * 100, 2), colour=2) for row in busiest if row["partial"]]
    pictures = [
        charts.ranks("Half of the orders finish within", slow),
        charts.ranks("How often orders end partial", bad, "%"),
    ]
    shown = ("panel", "service", "name", "ended", "few", "start_p50_s", "finish_p50_s", "finish_p90_s",
             "partial", "canceled", "cost_per_1000")  # fmt: skip
    note = "The range beside a share is its 95 % interval. “few”: fewer than 30 orders, too few to say much."
    return [Sheet("services", "Services", services.SERVICE_FIELDS, rows, shown, note=note, pictures=pictures)]


def _panels(database: Database, scope: ReportScope) -> list[Sheet]:
    rows = polling.scorecard(database, scope)
    return [Sheet("panels", "Panels", polling.PANEL_FIELDS, rows, PANELS_SHOWN)]


def _stuck(database: Database, scope: ReportScope) -> list[Sheet]:
    shown = ("panel", "id", "service", "status", "remains", "quantity", "since", "days", "ref")
    empty = "No order is stuck."
    return [Sheet("stuck", "Stuck orders", stuck.STUCK_FIELDS, stuck.stuck(database, scope), shown, empty)]


def _refunds(database: Database, scope: ReportScope) -> list[Sheet]:
    shown = ("panel", "id", "service", "ref", "status", "at", "expected", "observed", "owed", "currency")
    note = "expected: worked out from what remained. observed: what the charge fell by. owed: what is missing."
    return [
        Sheet("orders", "Refunds", refunds.REFUND_FIELDS, refunds.refunds(database, scope), shown, "No refunds.", note),
        Sheet("totals", "Totals", refunds.TOTAL_FIELDS, refunds.totals(database, scope), refunds.TOTAL_FIELDS,
              pictures=back_by_day(database, scope, 30)),
    ]  # fmt: skip


def _balance(database: Database, scope: ReportScope) -> list[Sheet]:
    rows = money.balances(database, scope)
    note = "unexplained: change + spend. Deposits, orders that are not tracked, or a mistake of the panel."
    empty = "No balance is known yet."
    pictures = balances_over_time(database, scope, rows)
    return [Sheet("balance", "Balances", money.BALANCE_FIELDS, rows, money.BALANCE_FIELDS, empty, note, pictures)]


def _spend(database: Database, scope: ReportScope) -> list[Sheet]:
    rows = money.spend(database, scope)
    pictures = []
    for currency in sorted({row["currency"] or "" for row in rows}):
        found = {
            (row["panel"], row["name"]): row["spend"]
            for row in rows
            if row["by"] == "day" and (row["currency"] or "") == currency
        }
        pictures.append(_by_day_and_panel("Spending by day", found, currency))
    note = "spend: what panels were seen to charge, less back. back: what charges fell by."
    return [Sheet("spend", "Spending", money.SPEND_FIELDS, rows, money.SPEND_FIELDS, note=note, pictures=pictures)]


def _hooks(database: Database, scope: ReportScope) -> list[Sheet]:
    rows = hooks.hooks(database, scope)
    shown = ("hook", "attempts", "success", "few", "took_p50_s", "took_p99_s",
             "outcomes", "waiting", "dead")  # fmt: skip
    return [Sheet("hooks", "Hooks", hooks.HOOK_REPORT_FIELDS, rows, shown, "No hook has been called yet.")]


def _polling(database: Database, scope: ReportScope) -> list[Sheet]:
    rows, late = polling.polling(database, scope), polling.delays(database, scope)
    picture = _by_day_and_panel("Requests by day", {(row["panel"], row["day"]): row["requests"] for row in rows})
    return [
        Sheet("days", "Requests", polling.POLLING_FIELDS, rows, polling.POLLING_FIELDS, pictures=[picture]),
        Sheet("delays", "How late changes were seen, at most", polling.DELAY_FIELDS, late, polling.DELAY_FIELDS),
    ]


REPORTS: Mapping[str, Report] = {
    "summary": Report("today, 7 and 30 days, and what needs you now", _summary, by_service=True),
    "services": Report("how long services take, how often they end badly, what they cost", _services, by_service=True),
    "panels": Report("how panels answer, and how honest they are about refunds", _panels),
    "stuck": Report("open orders that make no progress", _stuck, by_service=True),
    "refunds": Report("what should have come back, and what did: the money owed to you", _refunds, by_service=True),
    "balance": Report("balances, how long they last, and what orders do not explain", _balance),
    "spend": Report("spending by day, service and tag", _spend, by_service=True),
    "hooks": Report("how well your receivers take deliveries", _hooks),
    "polling": Report("how many requests polling takes, and how late changes are seen", _polling),
}


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['service'] or 'no service'} {row['name'] or ''}".strip()


def _by_day_and_panel(
    title: str, values: Mapping[tuple[str, str], Number], unit: str = "", days: Sequence[str] | None = None
) -> str:
    """Bars for days, with a colour for each panel.

    values: by (panel, day).
    days: which ones; None: those that have a value, the last DAYS_MAX of them.
    """
    if days is None:
        days = sorted({day for _, day in values})[-DAYS_MAX:]
    panels = sorted({panel for panel, _ in values})
    series = [Series(panel, [values.get((panel, day), 0) for day in days]) for panel in panels]
    return charts.bars(title, [day[5:] for day in days], series, unit)


def _days(since: str, until: str) -> list[str]:
    """The days from `since` to `until`, both included; the last DAYS_MAX of them."""
    days = [until]
    while days[-1] > since and len(days) < DAYS_MAX:
        days.append(later(days[-1], -1))
    return days[::-1]


def _by_day(counts: Mapping[tuple[str, str, str, str], int], days: Sequence[str], what: str) -> list[int]:
    sums = dict.fromkeys(days, 0)
    for (day, _, _, of), n in counts.items():
        if of == what and day in sums:
            sums[day] += n
    return list(sums.values())
