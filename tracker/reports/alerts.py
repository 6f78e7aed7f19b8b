"""The memory of the alerts, as people look at it."""

import json

from tracker.core.alerts import AlertState
from tracker.db.database import Database
from tracker.reports.panels import AT_HAND
from tracker.reports.rows import ReportRow, select

# state: ok, pending (wrong, and not told: not for long enough, or silenced) or raised. silenced_until:
# None once it has passed, and with it the comment.
ALERT_FIELDS = (
    "panel", "name", "state", "since", "reason", "reminded_at", "reminders", "acked_at", "silenced_until", "comment",
)  # fmt: skip


def alerts(database: Database, now: float, *, every: bool = False) -> list[ReportRow]:
    """Rows of ALERT_FIELDS by panel and name. every: those too that are well and not silenced.

    Those of a panel that left the configuration rest until it is back.
    """
    found = select(database, f"SELECT {', '.join(ALERT_FIELDS)} FROM alerts WHERE {AT_HAND} ORDER BY panel, name")
    rows = [_alert(dict(zip(ALERT_FIELDS, values, strict=True)), now) for values in found]
    return [row for row in rows if every or row["state"] != AlertState.OK or row["silenced_until"] is not None]


def raised_at(database: Database, panel: str, at: float) -> list[ReportRow]:
    """name, since and reason of a panel's alerts that were raised at a moment, as the log of events tells it.

    reason: None once retention has taken the event's body.
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
