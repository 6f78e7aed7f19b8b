"""The way out: claiming deliveries and settling them.

A claim pushes `next_attempt_at` past the attempt's deadline, counts the attempt and writes its row,
all before anything is sent. Settling is fenced by the attempt's number: a late result of an expired
claim is written down, and changes nothing else.
"""

from msgspec import Struct

from tracker.core import outbox
from tracker.core.outbox import DeliveryState, Verdict
from tracker.core.rules import HookRules
from tracker.database import Cursor, Row
from tracker.store.base import StoreBase

LOOK_AHEAD = 50  # due deliveries looked at to find one that nothing earlier of its order holds back

_COLUMNS = "id, stream, event, attempts, attempts_before, replay, created_at"
# Fresh deliveries go ahead of old retries: two queries over two partial indexes.
_FRESH = "attempts = 0"
_RETRIES = "attempts > 0"


class Claimed(Struct, frozen=True):
    """A delivery in our hands until its lease has passed.

    attempt: counts from 1, for ever. step: the same since it was last retried by hand, which is what
    the retry schedule goes by.
    """

    id: int
    hook: str
    event_id: str
    event_type: str
    panel: str
    attempt: int
    step: int
    replay: bool
    created_at: float
    body: bytes


class Tried(Struct, frozen=True):
    """One attempt as it went. outcome: delivered, failed or refused (for good)."""

    outcome: str
    took_s: float
    code: int | None = None
    address: str = ""
    snippet: str = ""
    error: str | None = None


class OutboxStore(StoreBase):
    def claim_delivery(self, rules: HookRules, now: float) -> Claimed | None:
        """Take the next delivery of this hook whose turn it is; None when there is none now.

        A due one that an earlier one of its order holds back is moved to when that is tried next.
        """
        with self.database.transaction() as cur:
            for which in (_FRESH, _RETRIES):
                while due := self._due_deliveries(cur, rules, which, now):
                    for row in due:
                        held_until = self._held_until(cur, rules, row, now)
                        if held_until is None:
                            return self._take(cur, rules, row, now)
                        cur.run("UPDATE deliveries SET next_attempt_at = ? WHERE id = ?", (held_until, row[0]))
        return None

    def settle(self, rules: HookRules, claimed: Claimed, tried: Tried, verdict: Verdict, now: float) -> bool:
        """Write the attempt down and what follows from it. False: it came too late to count."""
        state = verdict.state
        settled_at = None if state is DeliveryState.WAITING else now
        with self.database.transaction() as cur:
            cur.run(
                "UPDATE deliveries SET state = ?, next_attempt_at = ?, settled_at = ?, error = ?"
                " WHERE id = ? AND attempts = ? AND state = 'waiting'",
                (state.value, verdict.next_attempt_at, settled_at, tried.error, claimed.id, claimed.attempt),
            )
            counted = cur.touched == 1
            cur.run(
                "UPDATE attempts SET took_s = ?, outcome = ?, code = ?, address = ?, snippet = ?, error = ?"
                " WHERE delivery_id = ? AND number = ?",
                (tried.took_s, tried.outcome, tried.code, tried.address, tried.snippet, tried.error,
                 claimed.id, claimed.attempt),
            )  # fmt: skip
            if counted:
                self._followers(cur, rules, claimed, verdict, now)
        return counted

    def release_deliveries(self, now: float) -> int:
        """After a crash: attempts that nobody can finish any more are due at once, under their ids."""
        with self.database.transaction() as cur:
            cur.run(
                "UPDATE deliveries SET next_attempt_at = ? WHERE state = 'waiting' AND next_attempt_at > ?"
                " AND id IN (SELECT delivery_id FROM attempts WHERE outcome IS NULL)",
                (now, now),
            )
            released = cur.touched
            cur.run("UPDATE attempts SET outcome = 'lost' WHERE outcome IS NULL")
        return released

    def release_claims(self, now: float) -> int:
        """After a crash: rows of calls that nobody can finish any more are due at once."""
        with self.database.transaction() as cur:
            runs = cur.run("SELECT id, panel, kind, lease FROM poll_runs WHERE finished_at IS NULL").rows()
            for run_id, panel, kind, lease in runs:
                self._release(cur, panel, kind, lease, now)
                cur.run("UPDATE poll_runs SET finished_at = ?, outcome = 'lost' WHERE id = ?", (now, run_id))
        return len(runs)

    def retry_deliveries(self, ids: list[int] | None, now: float) -> set[str]:
        """Give dead deliveries (these, or all) their whole schedule again; returns the hooks concerned."""
        chosen = "" if ids is None else f" AND id IN ({', '.join('?' * len(ids))})"
        with self.database.transaction() as cur:
            hooks = cur.run(f"SELECT DISTINCT hook FROM deliveries WHERE state = 'dead'{chosen}", ids or ()).rows()
            cur.run(
                "UPDATE deliveries SET state = 'waiting', attempts_before = attempts, settled_at = NULL,"
                f" first_attempt_at = NULL, next_attempt_at = ? WHERE state = 'dead'{chosen}",
                (now, *(ids or ())),
            )
        woken = {row[0] for row in hooks}
        self._wake(woken)
        return woken

    def adopt_deliveries(self, hooks: set[str], now: float) -> None:
        """Deliveries of hooks that left the configuration are orphaned, and wait again when it is back."""
        names = sorted(hooks)
        here = f"hook IN ({', '.join('?' * len(names))})" if names else "hook = ''"
        with self.database.transaction() as cur:
            cur.run(f"UPDATE deliveries SET state = 'orphaned' WHERE state = 'waiting' AND NOT {here}", names)
            cur.run(
                f"UPDATE deliveries SET state = 'waiting', next_attempt_at = ? WHERE state IN ('held', 'orphaned')"
                f" AND state = 'orphaned' AND {here}",
                (now, *names),
            )

    def _due_deliveries(self, cur: Cursor, rules: HookRules, which: str, now: float) -> list[Row]:
        return cur.run(
            f"SELECT {_COLUMNS} FROM deliveries WHERE hook = ? AND state = 'waiting' AND {which}"
            " AND next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?" + self._skip_locked(),
            (rules.name, now, LOOK_AHEAD),
        ).rows()

    def _skip_locked(self) -> str:
        """Two daemons on PostgreSQL look at different rows instead of waiting for each other."""
        return " FOR UPDATE SKIP LOCKED" if self.database.postgres else ""

    def _held_until(self, cur: Cursor, rules: HookRules, row: Row, now: float) -> float | None:
        """When to look again because an earlier one of the same order goes first; None: it is its turn."""
        if not rules.per_order:
            return None
        earlier = cur.run(
            "SELECT next_attempt_at, first_attempt_at FROM deliveries WHERE hook = ? AND stream = ?"
            " AND state = 'waiting' AND id < ? AND (first_attempt_at IS NULL OR first_attempt_at > ?)"
            " ORDER BY id LIMIT 1",
            (rules.name, row[1], row[0], now - rules.hold_for_s),
        ).one()
        if earlier is None:
            return None
        next_attempt_at, first_attempt_at = earlier
        if first_attempt_at is not None:
            next_attempt_at = min(next_attempt_at, first_attempt_at + rules.hold_for_s)
        # An earlier one that is due itself is about to be taken by the very next claim.
        return float(max(next_attempt_at, now + 0.05))

    def _take(self, cur: Cursor, rules: HookRules, row: Row, now: float) -> Claimed:
        id_, _, number, attempts, before, replay, created_at = row
        cur.run(
            "UPDATE deliveries SET attempts = ?, next_attempt_at = ?,"
            " first_attempt_at = coalesce(first_attempt_at, ?) WHERE id = ?",
            (attempts + 1, now + outbox.lease_s(rules), now, id_),
        )
        cur.run("INSERT INTO attempts (delivery_id, number, started_at) VALUES (?, ?, ?)", (id_, attempts + 1, now))
        event = cur.run("SELECT event_id, type, panel, body FROM events WHERE id = ?", (number,)).one()
        assert event is not None, "a delivery outlives its event's row"
        event_id, event_type, panel, body = event
        return Claimed(
            id=id_,
            hook=rules.name,
            event_id=event_id,
            event_type=event_type,
            panel=panel,
            attempt=attempts + 1,
            step=attempts + 1 - before,
            replay=bool(replay),
            created_at=created_at,
            body=body.encode(),
        )

    def _followers(self, cur: Cursor, rules: HookRules, claimed: Claimed, verdict: Verdict, now: float) -> None:
        """What this delivery held back is due when this one is tried again, or now that it is settled."""
        at = now
        if verdict.next_attempt_at is not None:
            row = cur.run("SELECT first_attempt_at FROM deliveries WHERE id = ?", (claimed.id,)).one()
            assert row is not None
            at = max(now, min(verdict.next_attempt_at, row[0] + rules.hold_for_s))
        cur.run(
            "UPDATE deliveries SET next_attempt_at = ? WHERE hook = ? AND state = 'waiting' AND attempts = 0"
            " AND stream = (SELECT stream FROM deliveries WHERE id = ?) AND id > ?",
            (at, claimed.hook, claimed.id, claimed.id),
        )

    def _release(self, cur: Cursor, panel: str, kind: str, lease: float | None, now: float) -> None:
        if lease is None:
            return
        if kind in ("balance", "services"):
            cur.run(f"UPDATE panels SET next_{kind}_at = ? WHERE name = ? AND next_{kind}_at = ?", (now, panel, lease))
        else:
            source = "refills" if kind == "refill_status" else "orders"
            cur.run(
                f"UPDATE {source} SET next_poll_at = ? WHERE panel = ? AND tracking IN"
                " ('active', 'finished', 'not_found') AND next_poll_at = ?",
                (now, panel, lease),
            )
        cur.run("UPDATE panels SET wait_until = NULL WHERE name = ? AND wait_until = ?", (panel, lease))
