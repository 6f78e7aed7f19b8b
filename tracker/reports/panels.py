"""Panels: their state, what they were asked, and their balances."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from tracker.core import alerts
from tracker.core.model import Tracking
from tracker.core.rules import PollRules
from tracker.db import request_budget
from tracker.db.burn_samples import burn_samples
from tracker.db.database import Database, amount
from tracker.db.sql import placeholders, portions
from tracker.reports import set_aside
from tracker.reports.paging import all_rows
from tracker.reports.rows import Filter, ReportRow, named, select, select_number, select_one

PANEL_FIELDS = (
    "panel", "state", "budget_used", "budget", "orders_active", "orders_due", "last_answer_at", "trouble",
    "trouble_since", "trouble_message", "wait_until", "calls_aside", "ids_aside",
)  # fmt: skip

LIST_FIELDS = (*PANEL_FIELDS, "orders")

BALANCE_FIELDS = ("panel", "amount", "currency", "at", "checked_at", "burn_per_day", "runway_h")
HISTORY_FIELDS = ("panel", "at", "amount", "currency")

# The condition on the column `panel` that the panel has not left the configuration.
AT_HAND = "panel NOT IN (SELECT name FROM panels WHERE left_at IS NOT NULL)"


def panel(database: Database, name: str, rules: PollRules, now: float) -> ReportRow:
    """A row of PANEL_FIELDS.

    state: ok, new (never answered), paused, trouble, or degraded (a kind of call is set aside, others are answered).
    calls_aside, ids_aside: the kinds of call that are set aside, and how many ids.
    """
    known = select_one(
        database,
        "SELECT paused, trouble, trouble_since, trouble_message, wait_until FROM panels WHERE name = ?",
        (name,),
    )
    paused, trouble, since, message, wait_until = known or (0, None, None, None, None)
    answered = _last_answer_at(database, name)
    aside = set_aside.counts(database, name)
    calls = [call for call, (every, _) in aside.items() if every]
    state = "paused" if paused else "trouble" if trouble else "degraded" if calls else "ok" if answered else "new"
    return {
        "panel": name,
        "state": state,
        "budget_used": _budget_used(database, name, rules, now),
        "budget": rules.max_requests_per_minute,
        "orders_active": _active(database, name),
        "orders_due": due(database, name, now),
        "last_answer_at": answered,
        "trouble": trouble,
        "trouble_since": since,
        "trouble_message": message,
        "wait_until": wait_until,
        "calls_aside": calls,
        "ids_aside": sum(ids for _, ids in aside.values()),
    }


def listed(database: Database, rules: Mapping[str, PollRules], now: float) -> list[ReportRow]:
    """Rows of LIST_FIELDS: the configured panels, then those that left the configuration and have orders.

    state: as in `panel`, or gone.
    """
    orders = {name: int(n) for name, n in select(database, "SELECT panel, count(*) FROM orders GROUP BY panel")}
    rows = [panel(database, name, of, now) for name, of in rules.items()]
    rows += [_gone(database, name) for name in sorted(orders.keys() - rules.keys())]
    return [row | {"orders": orders.get(row["panel"], 0)} for row in rows]


def _gone(database: Database, name: str) -> ReportRow:
    facts = {"panel": name, "state": "gone", "orders_active": _active(database, name), "orders_due": 0}
    facts |= {"calls_aside": [], "ids_aside": 0}
    return dict.fromkeys(PANEL_FIELDS) | facts | {"last_answer_at": _last_answer_at(database, name)}


def known(database: Database, name: str) -> bool:
    """Whether anything is known of a panel of this name: a panel, an order or an event."""
    sql = (
        "SELECT 1 FROM panels WHERE name = ? UNION ALL SELECT 1 FROM orders WHERE panel = ?"
        " UNION ALL SELECT 1 FROM events WHERE panel = ? LIMIT 1"
    )
    return select_one(database, sql, (name,) * 3) is not None


def names(database: Database) -> list[str]:
    """The names of all panels that are or were configured."""
    return [row[0] for row in select(database, "SELECT name FROM panels ORDER BY name")]


def runs(database: Database, ids: Sequence[int]) -> ReportRow:
    """The results of these calls, added up: how many orders were asked, answered, moved, refused, absent.

    ids: of rows of poll_runs.
    """
    keys = ("asked", "answered", "moved", "refused", "absent")
    sums = ", ".join(f"coalesce(sum({key}), 0)" for key in keys)
    totals = [0] * len(keys)
    for part in portions(ids):
        found = select_one(database, f"SELECT {sums} FROM poll_runs WHERE id IN ({placeholders(part)})", part)
        totals = [total + int(value) for total, value in zip(totals, found or totals, strict=True)]
    return named(keys, totals)


def balance(database: Database, name: str, now: float) -> ReportRow | None:
    """A row of BALANCE_FIELDS; None: no balance is known.

    at: since when the balance is this much.
    checked_at: when it was last asked for.
    burn_per_day: how much of it was spent a day in the last seven days.
    runway_h: how long it lasts at that rate.
    """
    row = held(database, name, now)
    if row is None:
        return None
    facts = row | {"checked_at": _checked_at(database, name)}
    return {key: facts[key] for key in BALANCE_FIELDS}


def held(database: Database, name: str, now: float) -> ReportRow | None:
    """The same row without checked_at, which takes a look through the calls."""
    latest = select_one(
        database,
        "SELECT amount, currency, at FROM balances WHERE panel = ? ORDER BY at DESC, id DESC LIMIT 1",
        (name,),
    )
    if latest is None:
        return None
    there, currency, at = amount(latest[0]) or Decimal(0), latest[1], latest[2]
    with database.reading() as cur:
        samples = burn_samples(cur, name, currency, now)
    burn = alerts.burn_per_day(samples, now)
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
    """Rows of HISTORY_FIELDS, the oldest first: one for each change of a balance."""
    chosen = Filter().add("panel = ?", name).add("at >= ?", since)
    found = all_rows(database, "SELECT id, panel, at, amount, currency FROM balances", chosen, newest_first=False)
    for _, of, at, held, currency in found:
        yield {"panel": of, "at": at, "amount": amount(held), "currency": currency}


def rate(database: Database, name: str, service: str) -> tuple[str, Decimal | None] | None:
    """(name, price of a thousand) of a service in the catalogue; None: it is not there."""
    found = select_one(database, "SELECT name, rate FROM services WHERE panel = ? AND service = ?", (name, service))
    return None if found is None else (found[0], amount(found[1]))


def _last_answer_at(database: Database, name: str) -> float | None:
    sql = "SELECT finished_at FROM poll_runs WHERE panel = ? AND outcome = 'ok' ORDER BY started_at DESC LIMIT 1"
    found = select_one(database, sql, (name,))
    return found[0] if found else None


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
    return select_number(database, sql, (name, Tracking.ACTIVE.value))


def due(database: Database, name: str, now: float) -> int:
    """How many orders of a panel are due to be asked about."""
    sql = "SELECT count(*) FROM orders WHERE panel = ? AND tracking = ? AND next_poll_at <= ?"
    return select_number(database, sql, (name, Tracking.ACTIVE.value, now))
