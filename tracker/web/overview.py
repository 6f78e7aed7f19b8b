"""The facts of the front page: what needs a person now, and an overview of orders, money and events."""

from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from tracker import clock
from tracker.presentation import report_tables
from tracker.reports import alerts, gateway_calls, money, outbox, panels, refunds, stuck, summary
from tracker.reports.period import ReportScope
from tracker.web.context import WebContext


class Need(Struct, frozen=True):
    """Something that needs a person's attention.

    level: bad or warn.
    command: a command line that shows more, or helps.
    """

    level: str
    text: str
    detail: str
    href: str
    command: str = ""


class Overview(Struct, frozen=True):
    needs: list[Need]
    statuses: dict[str, int]
    periods: list[dict[str, Any]]
    pictures: list[str]
    events: list[dict[str, Any]]
    at: float


DAYS = 30


def gathered(site: WebContext) -> Overview:
    """Computes the overview anew."""
    database, scope = site.database, site.scope()
    statuses = summary.statuses(database)
    held = money.held(database, scope)
    pictures = [
        report_tables.by_status(statuses),
        report_tables.ends_by_day(database, scope, DAYS),
        *report_tables.back_by_day(database, scope, DAYS),
        *report_tables.balances_over_time(database, _lately(scope), held),
    ]
    return Overview(
        needs=_needs(site, scope),
        statuses=statuses,
        periods=summary.summary(database, scope),
        pictures=pictures,
        events=list(reversed(outbox.last_events(database, 12))),
        at=clock.now(),
    )


def _lately(scope: ReportScope) -> ReportScope:
    from tracker.core.dates import later

    return ReportScope(scope.zone, scope.now, scope.rules, since=later(scope.today, -13))


def _needs(site: WebContext, scope: ReportScope) -> list[Need]:
    database = site.database
    found = []
    for name, rules in sorted(site.rules.items()):
        row = panels.panel(database, name, rules, scope.now)
        if row["trouble"]:
            detail = site.mask(row["trouble_message"] or "")
            found.append(Need("bad", f"Panel {name} is in trouble: {row['trouble']}", detail, "/panels"))
        elif row["calls_aside"]:
            text = f"Panel {name} does not answer {', '.join(row['calls_aside'])}; other calls go on"
            found.append(Need("warn", text, "", "/panels", f"tracker panels aside {name}"))
        elif row["state"] == "paused":
            found.append(Need("warn", f"Panel {name} is paused", "", "/panels", f"tracker panels resume {name}"))
    for hook, state, reason in outbox.unwell(database, {row["hook"] for row in site.hooks}):
        found.append(Need("bad", f"Hook {hook} is {state}", site.mask(reason), "/hooks"))
    for alert in alerts.alerts(database, scope.now):
        if alert["state"] == "raised" and not alert["name"].startswith("panel."):
            known = ", acknowledged" if alert["acked_at"] else ""
            found.append(Need("bad", f"{alert['panel']}: {alert['name']}{known}", alert["reason"], "/alerts"))
    if unclear := gateway_calls.unclear(database):
        text = f"{_many(unclear, 'call', 'calls')} of the gateway unclear"
        why = "It is unknown whether the panel acted."
        found.append(Need("bad", text, why, "/alerts", "tracker orders list --unclear"))
    dead = {hook: n for hook, states in outbox.unsettled_by_hook(database).items() if (n := states["dead"])}
    if dead:
        detail = ", ".join(f"{hook} {n}" for hook, n in sorted(dead.items()))
        found.append(
            Need("bad", f"{_many(sum(dead.values()), 'delivery', 'deliveries')} dead", detail, "/hooks?state=dead")
        )
    for panel, n in stuck.count(database, scope).items():
        href = "/orders?" + urlencode({"only": "stuck", "panel": panel})
        text = f"{_many(n, 'order', 'orders')} of {panel} stuck"
        found.append(Need("warn", text, "", href, f"tracker report stuck --panel {panel}"))
    for row in refunds.totals(database, scope):
        if row["owed"]:
            href = "/orders?" + urlencode({"only": "owed", "panel": row["panel"]})
            text = f"{row['panel']} owes {row['owed']:f} {row['currency']}".strip()
            of = f"for {row['orders']} {'order' if row['orders'] == 1 else 'orders'} "
            found.append(Need("warn", text, of, href, f"tracker report refunds --panel {row['panel']}"))
    return found


def _many(n: int, one: str, more: str) -> str:
    return f"{n} {one if n == 1 else more}" + (" is" if n == 1 else " are")
