"""Alerts: which are raised, pending or silenced now, and which were raised at an earlier moment."""

import json

from tracker.core.alerts import AlertState
from tracker.db.database import Database
from tracker.reports.panels import AT_HAND
from tracker.reports.rows import ReportRow, named, select

# state: ok; pending: something is wrong but no event tells of it, because it has not lasted long enough or the alert is
#     silenced; raised.
# silenced_until, comment: None once the silence has passed.
ALERT_FIELDS = (
    "panel", "name", "state", "since", "reason", "reminded_at", "reminders", "acked_at", "silenced_until", "comment",
)  # fmt: skip
RAISED_FIELDS = ("panel", "name", "since", "reason", "reminders")


def alerts(database: Database, now: float, *, every: bool = False) -> list[ReportRow]:
    """Rows of ALERT_FIELDS by panel and name.

    Alerts of a panel that left the configuration are left out until it is back.

    every: also those that are ok and not silenced.
    """
    found = select(database, f"SELECT {', '.join(ALERT_FIELDS)} FROM alerts WHERE {AT_HAND} ORDER BY panel, name")
    rows = [_alert(named(ALERT_FIELDS, values), now) for values in found]
    return [row for row in rows if every or row["state"] != AlertState.OK or row["silenced_until"] is not None]


def raised(database: Database) -> list[ReportRow]:
    """Rows of RAISED_FIELDS, the oldest first."""
    sql = f"SELECT {', '.join(RAISED_FIELDS)} FROM alerts WHERE state = 'raised' AND {AT_HAND} ORDER BY since"
    return [named(RAISED_FIELDS, values) for values in select(database, sql)]


def raised_at(database: Database, panel: str, at: float) -> list[ReportRow]:
    """name, since and reason of a panel's alerts that were raised at an earlier moment, from the log of events.

    reason: None once retention has deleted the event's body.
    """
    sql = (
        "SELECT type, remote_id, at, body FROM events WHERE panel = ? AND kind IN ('balance', 'panel') AND at <= ?"
        " ORDER BY id"
    )
    raised: dict[str, ReportRow] = {}
    for type_, name, when, body in select(database, sql, (panel, at)):
        if type_.endswith(".recovered"):
            raised.pop(name, None)
        elif name not in raised:
            reason = None if body is None else json.loads(body)["data"]["alert"]["reason"]
            raised[name] = {"name": name, "since": when, "reason": reason}
    return list(raised.values())


def _alert(row: ReportRow, now: float) -> ReportRow:
    silent = row["silenced_until"] is not None and row["silenced_until"] > now
    return row if silent else row | {"silenced_until": None, "comment": None}
