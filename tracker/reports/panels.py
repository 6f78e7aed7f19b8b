"""Panels: how they are, what they were asked, what money is there, and which alerts are up."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from tracker.core import alerts
from tracker.core.model import Tracking
from tracker.core.rules import PollRules
from tracker.db import request_budget
from tracker.db.database import Database, amount
from tracker.db.sql import placeholders
from tracker.reports.rows import Filter, ReportRow, pages, select, select_one

PANEL_FIELDS = (
    "panel", "state", "budget_used", "budget", "orders_active", "orders_due", "last_answer_at", "trouble",
    "trouble_since", "trouble_message", "wait_until",
)  # fmt: skip

LIST_FIELDS = (*PANEL_FIELDS, "orders")

BALANCE_FIELDS = ("panel", "amount", "currency", "at", "checked_at", "burn_per_day", "runway_h")
HISTORY_FIELDS = ("panel", "at", "amount", "currency")
ALERT_FIELDS = ("panel", "name", "since", "reason", "reminders")

# Of a panel that has not left the configuration: a condition on the column `panel`.
AT_HAND = "panel NOT IN (SELECT name FROM panels WHERE left_at IS NOT NULL)"


def panel(database: Database, name: str, rules: PollRules, now: float) -> ReportRow:
    """A row of PANEL_FIELDS. state: ok, new (never asked), paused, or trouble."""
    known = select_one(
        database,
        "SELECT paused, trouble, trouble_since, trouble_message, wait_until FROM panels WHERE name = ?",
        (name,),
    )
    paused, trouble, since, message, wait_until = known or (0, None, None, None, None)
    answered = _last_answer_at(database, name)
    state = "paused" if paused else "trouble" if trouble else "ok" if answered else "new"
    return {
        "panel": name,
        "state": state,
        "budget_used": _budget_used(database, name, rules, now),
        "budget": rules.max_requests_per_minute,
        "orders_active": _active(database, name),
        "orders_due": _due(database, name, now),
        "last_answer_at": answered,
        "trouble": trouble,
        "trouble_since": since,
        "trouble_message": message,
        "wait_until": wait_until,
    }


def listed(database: Database, rules: Mapping[str, PollRules], now: float) -> list[ReportRow]:
    """Rows of LIST_FIELDS: the configured panels, and those that are gone and left orders behind (state: gone)."""
    orders = {name: int(n) for name, n in select(database, "SELECT panel, count(*) FROM orders GROUP BY panel")}
    rows = [panel(database, name, of, now) for name, of in rules.items()]
    rows += [_gone(database, name) for name in sorted(orders.keys() - rules.keys())]
    return [row | {"orders": orders.get(row["panel"], 0)} for row in rows]


def _gone(database: Database, name: str) -> ReportRow:
    facts = {"panel": name, "state": "gone", "orders_active": _active(database, name), "orders_due": 0}
    return dict.fromkeys(PANEL_FIELDS) | facts | {"last_answer_at": _last_answer_at(database, name)}


def known(database: Database, name: str) -> bool:
    """Whether anything is, or was, of a panel of this name."""
    sql = (
        "SELECT 1 FROM panels WHERE name = ? UNION ALL SELECT 1 FROM orders WHERE panel = ?"
        " UNION ALL SELECT 1 FROM events WHERE panel = ? LIMIT 1"
    )
    return select_one(database, sql, (name,) * 3) is not None


def names(database: Database) -> list[str]:
    """Every panel there ever was."""
    return [row[0] for row in select(database, "SELECT name FROM panels ORDER BY name")]


def runs(database: Database, ids: Sequence[int]) -> ReportRow:
    """What these calls came to, added up: asked, answered, moved, refused, absent (numbers of orders)."""
    keys = ("asked", "answered", "moved", "refused", "absent")
    sums = ", ".join(f"coalesce(sum({key}), 0)" for key in keys)
    totals = [0] * len(keys)
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        found = select_one(database, f"SELECT {sums} FROM poll_runs WHERE id IN ({placeholders(part)})", part)
        totals = [total + int(value) for total, value in zip(totals, found or totals, strict=True)]
    return dict(zip(keys, totals, strict=True))


def balance(database: Database, name: str, now: float) -> ReportRow | None:
    """A row of BALANCE_FIELDS. at: since when it is that much; burn_per_day: over the last seven days."""
    row = held(database, name, now)
    if row is None:
        return None
    facts = row | {"checked_at": _checked_at(database, name)}
    return {key: facts[key] for key in BALANCE_FIELDS}


def held(database: Database, name: str, now: float) -> ReportRow | None:
    """The same without when that was last looked at, for which the calls are gone through."""
    latest = select_one(
        database,
        "SELECT amount, currency, at FROM balances WHERE panel = ? ORDER BY at DESC, id DESC LIMIT 1",
        (name,),
    )
    if latest is None:
        return None
    there, currency, at = amount(latest[0]) or Decimal(0), latest[1], latest[2]
    burn = alerts.burn_per_day(_samples(database, name, currency, now), now)
    runway_s = alerts.runway_s(there, burn)
    return {
        "panel": name,
        "amount": there,
        "currency": currency,
        "at": at,
        "burn_per_day": None if burn is None else burn.quantize(Decimal("0.00001")),
        "runway_h": None if runway_s is None else round(runway_s / 3600, 1),
    }


def balance_history(database: Database, name: str | None, since: float | None = None) -> Iterator[ReportRow]:
    """Rows of HISTORY_FIELDS, oldest first: one for each change."""
    chosen = Filter().add("panel = ?", name).add("at >= ?", since)
    found = pages(database, "SELECT id, panel, at, amount, currency FROM balances", chosen, newest_first=False)
    for _, of, at, held, currency in found:
        yield {"panel": of, "at": at, "amount": amount(held), "currency": currency}


def raised_alerts(database: Database) -> list[ReportRow]:
    """Rows of ALERT_FIELDS, the oldest first."""
    columns = "panel, name, since, reason, reminders"
    sql = f"SELECT {columns} FROM alerts WHERE state = 'raised' AND {AT_HAND} ORDER BY since"
    return [dict(zip(ALERT_FIELDS, values, strict=True)) for values in select(database, sql)]


def rate(database: Database, name: str, service: str) -> tuple[str, Decimal | None] | None:
    """(name, price of a thousand) of a service, as the catalogue has it; None when it has not."""
    found = select_one(database, "SELECT name, rate FROM services WHERE panel = ? AND service = ?", (name, service))
    return None if found is None else (found[0], amount(found[1]))


def _last_answer_at(database: Database, name: str) -> float | None:
    sql = "SELECT finished_at FROM poll_runs WHERE panel = ? AND outcome = 'ok' ORDER BY started_at DESC LIMIT 1"
    found = select_one(database, sql, (name,))
    return found[0] if found else None


def _samples(database: Database, name: str, currency: str | None, now: float) -> list[tuple[float, Decimal]]:
    """The balances of the burn window and the last one before it, oldest first."""
    same = "currency IS NULL" if currency is None else "currency = ?"
    params = (name, *(() if currency is None else (currency,)), now - alerts.BURN_WINDOW_S)
    columns = f"SELECT at, amount FROM balances WHERE panel = ? AND {same}"
    before = select(database, f"{columns} AND at < ? ORDER BY at DESC LIMIT 1", params)
    inside = select(database, f"{columns} AND at >= ? ORDER BY at, id", params)
    return [(at, amount(held) or Decimal(0)) for at, held in before + inside]


def _checked_at(database: Database, name: str) -> float | None:
    found = select_one(
        database,
        "SELECT finished_at FROM poll_runs WHERE panel = ? AND kind = 'balance' AND outcome = 'ok'"
        " ORDER BY started_at DESC LIMIT 1",
        (name,),
    )
    return found[0] if found else None


def _budget_used(database: Database, name: str, rules: PollRules, now: float) -> int:
    with database.reading() as cur:
        return request_budget.used(cur, name, rules, now)


def _active(database: Database, name: str) -> int:
    sql = "SELECT count(*) FROM orders WHERE panel = ? AND tracking = ?"
    found = select_one(database, sql, (name, Tracking.ACTIVE.value))
    return int(found[0]) if found else 0


def _due(database: Database, name: str, now: float) -> int:
    sql = "SELECT count(*) FROM orders WHERE panel = ? AND tracking = ? AND next_poll_at <= ?"
    found = select_one(database, sql, (name, Tracking.ACTIVE.value, now))
    return int(found[0]) if found else 0
