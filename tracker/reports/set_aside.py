"""What is set aside at the panels: kinds of call, and ids that break the calls that name them."""

from tracker.db.database import Database, DbRow
from tracker.reports.rows import ReportRow, named, select, select_number

# what: "every such call", "N ids of a failed call" (they are asked about in halves), or the id.
# failures: in a row. next_try_at: when it is tried again.
SET_ASIDE_FIELDS = ("panel", "call", "what", "since", "failures", "next_try_at", "trouble", "words")

EVERY_CALL = "every such call"
_PANELS = "SELECT DISTINCT panel FROM set_aside ORDER BY panel"
_FACTS = "min(since), max(streak), min(wait_until), max(trouble), max(words)"


def rows(database: Database, panel: str | None = None) -> list[ReportRow]:
    """Rows of SET_ASIDE_FIELDS, for each panel: kinds of call, then batches that are being halved, then single ids."""
    panels = [panel] if panel is not None else [row[0] for row in select(database, _PANELS)]
    return [row for name in panels for row in (*soon(database, name), *_single(database, name))]


def soon(database: Database, panel: str) -> list[ReportRow]:
    """Rows of SET_ASIDE_FIELDS of what is tried again in minutes: kinds of call and batches, but no single ids."""
    return [
        *(_row(values, EVERY_CALL) for values in _found(database, panel, "remote_id = ''")),
        *(_row(values, _ids(values[-1])) for values in _found(database, panel, "part IS NOT NULL")),
    ]


def left_out(database: Database, panel: str, remote_id: str) -> int:
    """How many answers in a row have left an order out."""
    return select_number(database, "SELECT misses FROM orders WHERE panel = ? AND remote_id = ?", (panel, remote_id))


def counts(database: Database, panel: str) -> dict[str, tuple[bool, int]]:
    """For each action of which anything is set aside: whether all of it is, and how many ids."""
    found = select(
        database,
        "SELECT call, max(CASE WHEN remote_id = '' THEN 1 ELSE 0 END), sum(CASE WHEN remote_id = '' THEN 0 ELSE 1 END)"
        " FROM set_aside WHERE panel = ? GROUP BY call ORDER BY call",
        (panel,),
    )
    return {call: (bool(kind), int(ids)) for call, kind, ids in found}


def of_order(database: Database, panel: str, remote_id: str) -> list[ReportRow]:
    """Rows of SET_ASIDE_FIELDS that keep an order from being asked about."""
    found = select(
        database,
        "SELECT panel, call, since, streak, wait_until, trouble, words, remote_id, part FROM set_aside"
        " WHERE panel = ? AND call = 'status' AND remote_id IN ('', ?) ORDER BY remote_id",
        (panel, remote_id),
    )
    return [_row(values[:7], values[7] or EVERY_CALL) | {"halving": values[8] is not None} for values in found]


def _found(database: Database, panel: str, which: str) -> list[DbRow]:
    sql = f"SELECT panel, call, {_FACTS}, count(*) FROM set_aside WHERE panel = ? AND {which} GROUP BY panel, call"
    return select(database, f"{sql} ORDER BY call", (panel,))


def _single(database: Database, panel: str) -> list[ReportRow]:
    sql = (
        "SELECT panel, call, since, streak, wait_until, trouble, words, remote_id FROM set_aside"
        " WHERE panel = ? AND part IS NULL AND remote_id <> '' ORDER BY call, since, remote_id"
    )
    return [_row(values, values[-1]) for values in select(database, sql, (panel,))]


def _ids(count: int) -> str:
    return f"{count} {'id' if count == 1 else 'ids'} of a failed call"


def _row(values: DbRow, what: str) -> ReportRow:
    panel, call, *facts = values[:7]
    return named(SET_ASIDE_FIELDS, (panel, call, what, *facts))
