"""Calls through the gateway that change something (add, refill, cancel), and whether such calls are stopped."""

from collections.abc import Iterator

from tracker.core.gateway.requests import CallState
from tracker.core.gateway.spending_limit import DAY_S, RESERVING
from tracker.db.database import Database, amount
from tracker.db.sql import UNSETTLED_CALLS, placeholders
from tracker.reports.rows import Filter, ReportRow, named, select, select_number, select_one

CALL_FIELDS = (
    "call", "client", "panel", "action", "state", "at", "settled_at", "service", "quantity", "link", "reserved",
    "orders", "reason",
)  # fmt: skip
UNCLEAR_SHOWN = ("call", "client", "panel", "action", "service", "quantity", "link", "at", "reason")


def calls(
    database: Database, *, panel: str | None = None, state: CallState | None = None, limit: int | None = None
) -> Iterator[ReportRow]:
    """Rows of CALL_FIELDS, the newest first."""
    chosen = Filter().add("panel = ?", panel).add("state = ?", state and state.value)
    if state in (CallState.OPEN, CallState.UNCLEAR):
        chosen.also(UNSETTLED_CALLS)
    most = "" if limit is None else f" LIMIT {int(limit)}"
    found = select(
        database,
        "SELECT name, client, panel, action, state, at, settled_at, service, quantity, link, reserved, ids, reason"
        f" FROM gateway_calls{chosen.sql} ORDER BY id DESC{most}",
        chosen.params,
    )
    for row in found:
        facts = named(CALL_FIELDS, row)
        yield facts | {"reserved": amount(facts["reserved"]), "orders": facts["orders"].split()}


def clients(database: Database, now: float) -> dict[str, ReportRow]:
    """For each client: how much it reserved and how many orders it placed in the last 24 hours."""
    states = [state.value for state in RESERVING]
    rows = select(
        database,
        "SELECT client, reserved FROM gateway_calls WHERE action = 'add' AND at > ? AND at < ?"
        f" AND state IN ({placeholders(states)})",
        (now - DAY_S, now + DAY_S, *states),
    )
    found: dict[str, ReportRow] = {}
    for client, reserved in rows:
        row = found.setdefault(client, {"orders": 0, "reserved": amount("0")})
        row["orders"] += 1
        row["reserved"] += amount(reserved) or 0
    return found


def unclear(database: Database) -> int:
    """The number of calls of which it is not known whether the panel acted: a person has to find out."""
    return select_number(database, f"SELECT count(*) FROM gateway_calls WHERE {UNSETTLED_CALLS} AND state = 'unclear'")


def stopped(database: Database) -> ReportRow | None:
    """Since when and why the gateway passes on no call that changes something; None: it does."""
    row = select_one(database, "SELECT since, comment FROM gateway_stops")
    return None if row is None else {"since": row[0], "comment": row[1]}
