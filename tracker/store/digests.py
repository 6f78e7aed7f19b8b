"""Puts many deliveries into one message, for hooks that have `digest`.

Fresh deliveries and retries never share a message: an event that a service cannot take delays those that failed with
it, and no new ones. A delivery that is `single` goes out alone, in its turn.
"""

from tracker.core.delivery import hook_health
from tracker.core.delivery.hook_health import Turn
from tracker.core.rules import Digest, HookRules
from tracker.db import message_limit
from tracker.db.database import Cursor, Database, DbRow
from tracker.store.hooks import HookStore
from tracker.store.outbox import ANY_TIME, COLUMNS, FRESH, SINGLE, WHICH, Claimed, OutboxStore


class DigestStore:
    """Claims messages that hold many deliveries."""

    def __init__(self, database: Database, hooks: HookStore, outbox: OutboxStore) -> None:
        self._database = database
        self._hooks = hooks
        self._outbox = outbox

    def claim(self, rules: HookRules, now: float) -> list[Claimed]:
        """Takes the deliveries of this hook's next message, oldest first; none when none is due."""
        if rules.digest is None:
            claimed = self._outbox.claim(rules, now)
            return [] if claimed is None else [claimed]
        with self._database.transaction() as cur:
            health = self._hooks.health(cur, rules.name)
            if not hook_health.may_send(health, now) or message_limit.full_until(cur, rules, now) is not None:
                return []
            for turn in hook_health.turns(health, now):
                if rows := self._gathered(cur, rules, rules.digest, turn, now):
                    return [self._outbox.take(cur, rules, row, health, now) for row in rows]
        return []

    def _gathered(self, cur: Cursor, rules: HookRules, digest: Digest, turn: Turn, now: float) -> list[DbRow]:
        """Returns the rows of the next message, once a delivery is due or as many fresh ones wait as fit in."""
        until = ANY_TIME if turn is Turn.EARLY else now
        while True:
            due = self._outbox.due(cur, rules, WHICH[turn], until, digest.max)
            early = self._early(cur, rules, digest.max - len(due), now) if turn is Turn.FRESH else []
            if not due and len(early) < digest.max:
                return []
            message = self._together(cur, rules, sorted(due + early), now)
            if message or not due or turn is Turn.EARLY:
                return message

    def _early(self, cur: Cursor, rules: HookRules, most: int, now: float) -> list[DbRow]:
        """Returns fresh deliveries that are not due yet and may go along with those that are."""
        return cur.run(
            f"SELECT {COLUMNS} FROM deliveries WHERE hook = ? AND state = 'waiting' AND {FRESH}"
            " AND next_attempt_at > ? ORDER BY next_attempt_at, id LIMIT ?" + self._outbox.skip_locked(),
            (rules.name, now, most),
        ).rows()

    def _together(self, cur: Cursor, rules: HookRules, rows: list[DbRow], now: float) -> list[DbRow]:
        """Returns those of `rows` whose turn it is, or the first of them if it goes alone."""
        message: list[DbRow] = []
        for row in rows:
            if not (row[SINGLE] and message) and self._outbox.may_go(cur, rules, row, now, [one[0] for one in message]):
                message.append(row)
            if message and message[0][SINGLE]:
                break
        return message
