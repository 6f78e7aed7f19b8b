"""What is set aside at a panel: kinds of call, and ids that break the calls that name them.

core.polling.trouble decides how far a failed call reaches. The functions here take a cursor: they run in the
transaction that claims a call or records what came of it. Which calls are made about what is set aside stands in
store/aside_calls.
"""

from collections.abc import Sequence

from tracker.core.polling import halving, trouble
from tracker.core.polling.batches import ID_ACTIONS, action_of, ids_table
from tracker.core.polling.trouble import KindAside, RecentCall
from tracker.db.database import Cursor, DbRow
from tracker.db.sql import placeholders
from tracker.errors import Cause, PanelError
from tracker.store.values import KIND_ASIDE, SET_ASIDE, WORDS_MAX, Claim, NoCall

RECENT, RECENT_S = 30, 7_200.0  # ended calls that are looked at to tell what a failed one reaches: how many, how old
SPREAD_S = 10.0  # between ids that are tried alone after a halving that got too many silences


def kinds(cur: Cursor, panel: str) -> dict[str, KindAside]:
    """Returns the actions of a panel that are set aside."""
    found = cur.run(
        "SELECT call, since, streak, wait_until, trouble, words FROM set_aside WHERE panel = ? AND remote_id = ''",
        (panel,),
    ).rows()
    return {row[0]: KindAside(*row[1:]) for row in found}


def recent_calls(cur: Cursor, panel: str, without: int, now: float) -> list[RecentCall]:
    """Returns the calls of a panel that ended lately, newest first, without one of them."""
    found = cur.run(
        "SELECT kind, outcome, finished_at FROM poll_runs WHERE panel = ? AND started_at > ?"
        " AND finished_at IS NOT NULL AND id <> ? ORDER BY finished_at DESC, id DESC LIMIT ?",
        (panel, now - RECENT_S, without, RECENT),
    ).rows()
    return [RecentCall(*row) for row in found]


def passed(cur: Cursor, claim: Claim) -> bool:
    """Frees what an answered call was about; returns whether a halving came to its end without an id to blame."""
    panel, action = claim.panel.name, action_of(claim.kind)
    ids = [*claim.untracked, *(row[1] for row in claim.rows)]
    roots = cur.run(
        f"SELECT DISTINCT root FROM set_aside WHERE panel = ? AND call = ? AND part > ?"
        f" AND remote_id IN ({placeholders(ids)})",
        (panel, action, halving.WHOLE, *ids),
    ).rows()
    cur.run(
        "DELETE FROM set_aside WHERE panel = ? AND call = ?"
        f" AND (remote_id = '' OR remote_id IN ({placeholders(ids)}))",
        (panel, action, *ids),
    )
    left = [cur.run("SELECT count(*) FROM set_aside WHERE panel = ? AND root = ?", (panel, r)).one() for (r,) in roots]
    return any(row is not None and row[0] == 0 for row in left)


def failed_ids(cur: Cursor, claim: Claim, error: PanelError, now: float) -> None:
    """Sets aside the ids of a failed call, or what is left of them after one more failure."""
    panel, action = claim.panel.name, action_of(claim.kind)
    tracked = [row[1] for row in claim.rows]
    words = error.message[:WORDS_MAX]
    found = cur.run(
        f"SELECT remote_id FROM set_aside WHERE panel = ? AND call = ? AND remote_id IN ({placeholders(tracked)})",
        (panel, action, *tracked),
    ).rows()
    known = {row[0] for row in found}
    again = [remote_id for remote_id in tracked if remote_id in known]
    if again:
        _failed_again(cur, claim, action, again, error, now)
    for remote_id in claim.untracked:
        _leave_alone(cur, panel, action, remote_id, error, now)
    fresh = [remote_id for remote_id in tracked if remote_id not in known]
    cur.many(
        "INSERT INTO set_aside"
        " (panel, call, remote_id, since, streak, tried_at, wait_until, trouble, words, root, part)"
        " VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?) ON CONFLICT (panel, call, remote_id) DO NOTHING",
        [
            (panel, action, one, now, now, now + halving.RETRY_S, error.kind.value, words, claim.run_id, halving.WHOLE)
            for one in fresh
        ],
    )


def failed_kind(cur: Cursor, claim: Claim, error: PanelError, wait_s: float, now: float) -> None:
    """Sets a kind of call aside; the ids of its failed calls are not to blame any more."""
    panel, action = claim.panel.name, action_of(claim.kind)
    cur.run(
        "INSERT INTO set_aside (panel, call, remote_id, since, streak, tried_at, wait_until, trouble, words)"
        " VALUES (?, ?, '', ?, 1, ?, ?, ?, ?) ON CONFLICT (panel, call, remote_id) DO UPDATE SET"
        " streak = set_aside.streak + 1, tried_at = excluded.tried_at, wait_until = excluded.wait_until,"
        " trouble = excluded.trouble, words = excluded.words",
        (panel, action, now, now, now + wait_s, error.kind.value, error.message[:WORDS_MAX]),
    )
    cur.run(
        "UPDATE set_aside SET part = ?, failed = 0, silences = 0, wait_until = ?"
        " WHERE panel = ? AND call = ? AND part IS NOT NULL",
        (halving.WHOLE, now + wait_s, panel, action),
    )


def give_back(cur: Cursor, panel: str, lease: float, now: float) -> None:
    """Makes what a call about set-aside ids claimed due again."""
    cur.run("UPDATE set_aside SET wait_until = ? WHERE panel = ? AND wait_until = ?", (now, panel, lease))


def end_halving(cur: Cursor, claim: Claim) -> None:
    """Ends the halving of a batch that the panel refuses to take as a list."""
    ids = [row[1] for row in claim.rows]
    cur.run(
        "DELETE FROM set_aside WHERE panel = ? AND call = ? AND part IS NOT NULL AND root IN"
        f" (SELECT root FROM set_aside WHERE panel = ? AND call = ? AND remote_id IN ({placeholders(ids)}))",
        (claim.panel.name, action_of(claim.kind), claim.panel.name, action_of(claim.kind), *ids),
    )


def not_aside(table: str) -> str:
    """Returns the SQL condition that a row of `orders` or `refills` is not set aside."""
    action = "refill_status" if table == "refills" else "status"
    return (
        f" AND NOT EXISTS (SELECT 1 FROM set_aside a WHERE a.panel = {table}.panel AND a.call = '{action}'"
        f" AND a.remote_id = {table}.remote_id)"
    )


def open_ids(cur: Cursor, panel: str, before: float) -> int:
    """Returns how many open orders and refills have been set aside since a moment, or longer."""
    count = 0
    for action in ID_ACTIONS:
        row = cur.run(
            f"SELECT count(*) FROM set_aside s JOIN {ids_table(action)} t ON t.panel = s.panel"
            " AND t.remote_id = s.remote_id WHERE s.panel = ? AND s.call = ? AND s.part IS NULL AND s.since <= ?"
            " AND t.tracking = 'active'",
            (panel, action, before),
        ).one()
        count += 0 if row is None else int(row[0])
    return count


def askable(
    cur: Cursor, panel: str, action: str, ids: Sequence[str], beside: Sequence[str], now: float
) -> tuple[Sequence[str], Sequence[str]] | NoCall:
    """Returns which of the ids that clients ask for, and of those that fill the call up, may be in one call now.

    An id that broke a call waits, and is asked about alone when it has waited. So a client's bad id costs the panel one
    call for each wait.
    """
    wanted = [*ids, *beside, ""]
    found = cur.run(
        "SELECT remote_id, wait_until FROM set_aside WHERE panel = ? AND call = ?"
        f" AND remote_id IN ({placeholders(wanted)})",
        (panel, action, *wanted),
    ).rows()
    waits: dict[str, float] = dict(found)
    if waits.get("", now) > now:
        return NoCall(KIND_ASIDE, waits[""] - now)
    if len(ids) == 1 and waits.get(ids[0], now + 1) <= now:
        return ids, []
    left = [one for one in ids if one not in waits]
    if not left:
        return NoCall(SET_ASIDE, max(0.0, min(waits[one] for one in ids) - now))
    return left, [one for one in beside if one not in waits]


def try_kinds(cur: Cursor, panel: str) -> None:
    """Lets the kinds of call that are set aside be tried at once."""
    cur.run("UPDATE set_aside SET wait_until = 0 WHERE panel = ? AND remote_id = ''", (panel,))


def _failed_again(cur: Cursor, claim: Claim, action: str, ids: Sequence[str], error: PanelError, now: float) -> None:
    """Notes that a part failed once more; an id that was tried alone waits twice as long as before."""
    panel, some = claim.panel.name, placeholders(ids)
    silent = int(error.cause is Cause.SILENCE)
    cur.run(
        f"UPDATE set_aside SET failed = 1, streak = streak + 1, tried_at = ?, wait_until = ?, trouble = ?, words = ?"
        f" WHERE panel = ? AND call = ? AND part IS NOT NULL AND remote_id IN ({some})",
        (now, now, error.kind.value, error.message[:WORDS_MAX], panel, action, *ids),
    )
    cur.run(
        f"UPDATE set_aside SET silences = silences + ? WHERE panel = ? AND call = ? AND part IS NOT NULL AND root IN"
        f" (SELECT root FROM set_aside WHERE panel = ? AND call = ? AND remote_id IN ({some}))",
        (silent, panel, action, panel, action, *ids),
    )
    for remote_id, streak, tracking in _alone_rows(cur, claim, action, ids):
        wait_s = trouble.id_wait_s(streak + 1, finished=tracking != "active")
        cur.run(
            "UPDATE set_aside SET streak = streak + 1, tried_at = ?, wait_until = ?, trouble = ?, words = ?"
            " WHERE panel = ? AND call = ? AND remote_id = ?",
            (now, now + wait_s, error.kind.value, error.message[:WORDS_MAX], panel, action, remote_id),
        )
    _end_silences(cur, panel, action, now)


def _alone_rows(cur: Cursor, claim: Claim, action: str, ids: Sequence[str]) -> list[DbRow]:
    table = ids_table(action)
    return cur.run(
        f"SELECT s.remote_id, s.streak, t.tracking FROM set_aside s JOIN {table} t ON t.panel = s.panel"
        f" AND t.remote_id = s.remote_id WHERE s.panel = ? AND s.call = ? AND s.part IS NULL"
        f" AND s.remote_id IN ({placeholders(ids)})",
        (claim.panel.name, action, *ids),
    ).rows()


def _leave_alone(cur: Cursor, panel: str, action: str, remote_id: str, error: PanelError, now: float) -> None:
    """Sets aside an id that has no row: one that only a client of the gateway asks about."""
    row = cur.run(
        "SELECT streak FROM set_aside WHERE panel = ? AND call = ? AND remote_id = ?", (panel, action, remote_id)
    ).one()
    wait_s = trouble.id_wait_s((0 if row is None else row[0]) + 1, finished=False)
    cur.run(
        "INSERT INTO set_aside (panel, call, remote_id, since, streak, tried_at, wait_until, trouble, words)"
        " VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT (panel, call, remote_id) DO UPDATE SET"
        " streak = set_aside.streak + 1, tried_at = excluded.tried_at, wait_until = excluded.wait_until",
        (panel, action, remote_id, now, now, now + wait_s, error.kind.value, error.message[:WORDS_MAX]),
    )


def _end_silences(cur: Cursor, panel: str, action: str, now: float) -> None:
    """Ends a halving that got too many silences: what is left is tried one by one, with time in between."""
    left = cur.run(
        "SELECT remote_id FROM set_aside WHERE panel = ? AND call = ? AND part IS NOT NULL AND silences >= ?"
        " ORDER BY failed DESC, remote_id",
        (panel, action, halving.SILENT_MAX),
    ).rows()
    cur.many(
        "UPDATE set_aside SET part = NULL, wait_until = ? WHERE panel = ? AND call = ? AND remote_id = ?",
        [(now + n * SPREAD_S, panel, action, remote_id) for n, (remote_id,) in enumerate(left, 1)],
    )
