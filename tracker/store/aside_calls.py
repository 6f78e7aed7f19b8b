"""The calls about what is set aside at a panel: halves of a batch that failed, ids tried alone, canaries.

core.polling.halving decides which comes next. The functions here take a cursor: they run in the transaction that claims
the call.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from tracker.core.polling import halving, trouble
from tracker.core.polling.batches import ID_ACTIONS, action_of, ids_table
from tracker.core.polling.halving import Part
from tracker.core.polling.trouble import KindAside
from tracker.core.rules import PollRules
from tracker.db.database import Cursor, DbRow
from tracker.db.sql import placeholders
from tracker.store import set_aside
from tracker.store.sql import columns_of


class AsideCall(Struct, frozen=True):
    """A call about what is set aside.

    kind: "aside." or "canary." and the action. due_at: when it is due.
    root, part: the ids of a batch that is halved; part None: one id that is tried alone.
    """

    kind: str
    due_at: float
    root: int | None = None
    part: int | None = None


def next_call(
    cur: Cursor, panel: str, aside: Mapping[str, KindAside], rules: PollRules, now: float
) -> AsideCall | None:
    """Returns the call about what is set aside that is due first; None: none is due, or there were enough of them.

    aside: from `kinds`.
    """
    probes = [
        AsideCall(f"canary.{action}", kind.wait_until)
        for action, kind in aside.items()
        if ids_table(action) is not None and kind.wait_until <= now
    ]
    busy = cur.run(
        "SELECT count(*), max(CASE WHEN finished_at IS NULL AND lease > ? THEN 1 ELSE 0 END) FROM poll_runs"
        " WHERE panel = ? AND started_at > ? AND (kind LIKE ? OR kind LIKE ?)",
        (now, panel, now - 60.0 - rules.timeout_s, "aside.%", "canary.%"),
    ).one()
    assert busy is not None
    if busy[1]:
        return None  # one at a time
    if busy[0] < max(rules.max_requests_per_minute // halving.SHARE, 1):
        probes += _halves(cur, panel, aside, now)
        probes += _alone(cur, panel, aside, now)
    return min(probes, key=lambda call: call.due_at, default=None)


def claim_rows(cur: Cursor, panel: str, call: AsideCall, columns: str, lease: float, now: float) -> list[DbRow]:
    """Returns the rows that such a call asks about, and pushes their wait to the lease."""
    action = action_of(call.kind)
    table = ids_table(action)
    if call.kind.startswith("canary."):
        found = _canary(cur, panel, action, columns)
        if not found:
            found = _by_turns(cur, panel, action, _suspects(cur, panel, action, columns, "1 = 1"))
    else:
        chosen = "s.root = ? AND s.part = ?" if call.part is not None else "s.part IS NULL AND s.remote_id <> ''"
        given = (call.root, call.part) if call.part is not None else ()
        found = cur.run(
            f"SELECT {columns_of('t', columns)} FROM set_aside s"
            f" JOIN {table} t ON t.panel = s.panel AND t.remote_id = s.remote_id"
            f" WHERE s.panel = ? AND s.call = ? AND {chosen} AND t.next_poll_at IS NOT NULL AND s.wait_until <= ?"
            f" ORDER BY s.wait_until, t.id{'' if call.part is not None else ' LIMIT 1'}",
            (panel, action, *given, now),
        ).rows()
    ids = [row[1] for row in found]
    cur.run(
        f"UPDATE set_aside SET wait_until = ? WHERE panel = ? AND call = ? AND remote_id IN ({placeholders(ids)})",
        (lease, panel, action, *ids),
    )
    if call.kind.startswith("canary."):
        cur.run(
            "UPDATE set_aside SET wait_until = ? WHERE panel = ? AND call = ? AND remote_id = ''",
            (lease, panel, action),
        )
    return found


def has_canary(cur: Cursor, panel: str, action: str) -> bool:
    """Whether there is an id that was answered before, to probe this action with."""
    return bool(_canary(cur, panel, action, "id"))


def _suspects(cur: Cursor, panel: str, action: str, columns: str, which: str) -> list[DbRow]:
    """Returns rows whose ids are being halved, each with the moment of its last answer at the end."""
    return cur.run(
        f"SELECT {columns_of('t', columns)}, t.last_polled_at FROM set_aside s"
        f" JOIN {ids_table(action)} t ON t.panel = s.panel AND t.remote_id = s.remote_id"
        " WHERE s.panel = ? AND s.call = ? AND s.part IS NOT NULL"
        f" AND {which} AND t.next_poll_at IS NOT NULL ORDER BY t.id LIMIT 200",
        (panel, action),
    ).rows()


def drop_untracked(cur: Cursor, panel: str, now: float) -> None:
    """Forgets the parts of halvings whose ids are not asked about any more: removed, paused or ended."""
    for action in ID_ACTIONS:
        cur.run(
            "DELETE FROM set_aside WHERE panel = ? AND call = ? AND part IS NOT NULL AND wait_until <= ?"
            f" AND NOT EXISTS (SELECT 1 FROM {ids_table(action)} t WHERE t.panel = set_aside.panel"
            " AND t.remote_id = set_aside.remote_id AND t.next_poll_at IS NOT NULL)",
            (panel, action, now),
        )


def _halves(cur: Cursor, panel: str, aside: Mapping[str, KindAside], now: float) -> list[AsideCall]:
    """Returns the next call of the oldest halving; one batch is halved at a time."""
    while True:
        found = cur.run(
            "SELECT call, root, part, max(failed), count(*), min(wait_until), min(since), max(tried_at) FROM set_aside"
            " WHERE panel = ? AND part IS NOT NULL GROUP BY call, root, part ORDER BY root, part",
            (panel,),
        ).rows()
        groups = [row for row in found if row[0] not in aside]
        if not groups:
            return []
        action, root = groups[0][:2]
        groups = [row for row in groups if row[1] == root]
        parts = [Part(row[2], row[4], bool(row[3])) for row in groups]
        since, tried_at = min(row[6] for row in groups), max(row[7] for row in groups)
        todo = halving.step(
            parts,
            got_through=_heard_since(cur, panel, since, ""),
            canary=_canary_answered(cur, panel, action, tried_at, parts),
        )
        if todo.cut:
            _cut(cur, panel, action, root, todo.cut, now)
            continue
        if todo.blame_kind:
            _blame_kind(cur, panel, action, root, now)
            return []
        due_at = min(row[5] for row in groups if todo.ask in (None, row[2]))
        if due_at > now:
            return []
        if todo.canary:
            return [_canary_call(cur, panel, action, root, aside, due_at)]
        return [AsideCall(f"aside.{action}", due_at, root, todo.ask)]


def _alone(cur: Cursor, panel: str, aside: Mapping[str, KindAside], now: float) -> list[AsideCall]:
    found = []
    for action in ID_ACTIONS:
        if action in aside:
            continue
        row = cur.run(
            f"SELECT min(s.wait_until) FROM set_aside s JOIN {ids_table(action)} t ON t.panel = s.panel"
            " AND t.remote_id = s.remote_id WHERE s.panel = ? AND s.call = ? AND s.part IS NULL AND s.remote_id <> ''"
            " AND t.next_poll_at IS NOT NULL",
            (panel, action),
        ).one()
        if row is not None and row[0] is not None and row[0] <= now:
            found.append(AsideCall(f"aside.{action}", row[0]))
    return found


def _canary_call(
    cur: Cursor, panel: str, action: str, root: int, aside: Mapping[str, KindAside], due_at: float
) -> AsideCall:
    """Returns the call that shows whether the panel answers at all, before a batch is asked for again."""
    if has_canary(cur, panel, action):
        return AsideCall(f"canary.{action}", due_at)
    if "balance" not in aside:
        return AsideCall("balance", due_at)
    return AsideCall(f"aside.{action}", due_at, root, halving.WHOLE)


def _cut(cur: Cursor, panel: str, action: str, root: int, parts: Sequence[int], now: float) -> None:
    """Cuts parts in two; a part of one id is to blame, and is tried alone from now on."""
    for part in parts:
        ids = [
            row[0]
            for row in cur.run(
                "SELECT remote_id FROM set_aside WHERE panel = ? AND call = ? AND root = ? AND part = ?"
                " ORDER BY length(remote_id), remote_id",
                (panel, action, root, part),
            ).rows()
        ]
        if len(ids) == 1:
            cur.run(
                "UPDATE set_aside SET part = NULL, streak = 1, wait_until = ?"
                " WHERE panel = ? AND call = ? AND remote_id = ?",
                (now + trouble.ID_WAIT.first_s, panel, action, ids[0]),
            )
            continue
        half = (len(ids) + 1) // 2
        for number, some in ((2 * part, ids[:half]), (2 * part + 1, ids[half:])):
            cur.run(
                "UPDATE set_aside SET part = ?, failed = 0, wait_until = ? WHERE panel = ? AND call = ?"
                f" AND remote_id IN ({placeholders(some)})",
                (number, now, panel, action, *some),
            )


def _blame_kind(cur: Cursor, panel: str, action: str, root: int, now: float) -> None:
    cur.run(
        "INSERT INTO set_aside (panel, call, remote_id, since, streak, tried_at, wait_until, trouble, words)"
        " SELECT panel, call, '', min(since), 1, max(tried_at), ?, max(trouble), max(words) FROM set_aside"
        " WHERE panel = ? AND call = ? AND root = ? GROUP BY panel, call"
        " ON CONFLICT (panel, call, remote_id) DO NOTHING",
        (now + trouble.KIND_WAITS[action].first_s, panel, action, root),
    )
    cur.run(
        "UPDATE set_aside SET part = ?, failed = 0 WHERE panel = ? AND call = ? AND part IS NOT NULL",
        (halving.WHOLE, panel, action),
    )


def _heard_since(cur: Cursor, panel: str, since: float, kind: str) -> bool:
    """Whether a call was answered that ended after `since`. kind: of such calls only; "" for any."""
    only = " AND kind = ?" if kind else ""
    row = cur.run(
        "SELECT 1 FROM poll_runs WHERE panel = ? AND started_at > ? AND finished_at > ? AND outcome = 'ok'"
        f"{only} LIMIT 1",
        (panel, since - 600.0, since, *([kind] if kind else [])),
    ).one()
    return row is not None


def _canary_answered(cur: Cursor, panel: str, action: str, tried_at: float, parts: Sequence[Part]) -> bool | None:
    """Whether the canary was answered since; None: it has to be asked. Without one, two levels in a row decide."""
    if _heard_since(cur, panel, tried_at, f"canary.{action}"):
        return True
    if has_canary(cur, panel, action):
        return None
    return not halving.two_levels([part.number for part in parts])


def _canary(cur: Cursor, panel: str, action: str, columns: str) -> list[DbRow]:
    """Returns the row whose id was answered last; one that is not set aside, if there is any.

    After a failure of the kind it is another one, because that very id may be the broken one.
    """
    table = ids_table(action)
    found: list[DbRow] = []
    for tracking in ("active", "finished"):
        found = (
            found
            or cur.run(
                f"SELECT {columns}, last_polled_at FROM {table} WHERE panel = ? AND tracking = ? AND status IS NOT NULL"
                " AND misses = 0 AND refusals = 0 AND next_poll_at IS NOT NULL"
                " AND remote_id NOT IN (SELECT remote_id FROM set_aside WHERE panel = ? AND call = ?)"
                " ORDER BY next_poll_at DESC LIMIT 20",
                (panel, tracking, panel, action),
            ).rows()
        )
    found = found or _suspects(cur, panel, action, columns, "t.status IS NOT NULL AND t.misses = 0")
    if not found:
        return []
    found.sort(key=lambda row: -(row[-1] or 0.0))
    return _by_turns(cur, panel, action, found)


def _by_turns(cur: Cursor, panel: str, action: str, found: Sequence[DbRow]) -> list[DbRow]:
    """Returns one of these rows without its last column, another one after each failure of the kind."""
    kind = set_aside.kinds(cur, panel).get(action)
    turn = 0 if kind is None else kind.streak
    return [found[turn % len(found)][:-1]] if found else []
