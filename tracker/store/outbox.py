"""The outbox: claims deliveries and settles them.

A claim pushes `next_attempt_at` past the attempt's deadline, counts the attempt and writes its row, all before anything
is sent. Settling compares the attempt's number: the late result of a claim that has lapsed is written to its attempt,
and changes nothing else.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.delivery import hook_health, routing
from tracker.core.delivery.hook_health import Health, HookState, Turn
from tracker.core.delivery.routing import DeliveryState, DeliveryVerdict
from tracker.core.rules import HookRules
from tracker.db import message_limit
from tracker.db.database import Cursor, Database, DbRow
from tracker.db.sql import placeholders
from tracker.store.event_log import EventLog
from tracker.store.hooks import HookStore
from tracker.store.sql import columns_of

HealthStep = Callable[[Health], tuple[Health, str | None]]

LOOK_AHEAD = 50  # due deliveries looked at to find one that no earlier one of its stream holds back

COLUMNS = "id, stream, event, attempts, attempts_before, replay, created_at, single"
CREATED_AT, SINGLE = 6, 7
# Two queries over two partial indexes. core.delivery.hook_health says which deliveries go first.
FRESH = "attempts = 0"
RETRIES = "attempts > 0"
ANY_TIME = 1e12  # seconds: beyond any moment
WHICH = {Turn.FRESH: FRESH, Turn.AGAIN: RETRIES, Turn.EARLY: RETRIES}


class Claimed(Struct, frozen=True):
    """A delivery that is ours to send until its lease has passed.

    attempt: counts from 1 and never starts again. step: counts from 1 since the delivery was last retried by hand; the
    retry schedule goes by it. probe: it goes out alone, to show how its hook is.
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
    probe: bool = False


class Tried(Struct, frozen=True):
    """How one attempt went. outcome: delivered, failed or refused (for good).

    body_truncated: not all of the answer was read, because it was too long or not at its end by the deadline.
    """

    outcome: str
    took_s: float
    code: int | None = None
    address: str = ""
    snippet: str = ""
    error: str | None = None
    body_truncated: bool = False


class OutboxStore:
    """Claims and settles deliveries."""

    def __init__(self, database: Database, events: EventLog, hooks: HookStore) -> None:
        self._database = database
        self._events = events
        self._hooks = hooks

    def claim(self, rules: HookRules, now: float) -> Claimed | None:
        """Takes the next delivery of this hook whose turn it is; None when there is none now.

        A due one that an earlier one of its stream holds back is moved to when that one is tried next.
        """
        with self._database.transaction() as cur:
            health = self._hooks.health(cur, rules.name)
            if message_limit.full_until(cur, rules, now) is not None:
                return None
            if not hook_health.may_send(health, now):
                return self._of_untried_type(cur, rules, health, now)
            for turn in hook_health.turns(health, now):
                if (row := self._first(cur, rules, turn, health, now)) is not None:
                    return self.take(cur, rules, row, health, now)
        return None

    def _first(self, cur: Cursor, rules: HookRules, turn: Turn, health: Health, now: float) -> DbRow | None:
        """Returns the first delivery whose turn it is."""
        early = turn is Turn.EARLY
        left = hook_health.fresh_left(health) if turn is Turn.FRESH else None
        if left is not None and self._under_way(cur, rules, now) >= left:
            return None
        while due := self.due(cur, rules, WHICH[turn], ANY_TIME if early else now):
            for row in due:
                if self.may_go(cur, rules, row, now):
                    return row
            if early:
                break  # those that are not due are still there
        return None

    def _under_way(self, cur: Cursor, rules: HookRules, now: float) -> int:
        """Returns how many attempts of this hook have not ended."""
        row = cur.run(
            "SELECT count(*) FROM attempts WHERE hook = ? AND started_at > ? AND outcome IS NULL",
            (rules.name, now - routing.lease_s(rules)),
        ).one()
        return 0 if row is None else int(row[0])

    def _of_untried_type(self, cur: Cursor, rules: HookRules, health: Health, now: float) -> Claimed | None:
        """Takes a fresh delivery for a failing hook before its probe is due, if none of its type has been tried since.

        A receiver that refuses one type of event takes the others at once.
        """
        if not hook_health.may_try_other_types(health, now):
            return None
        found = cur.run(
            f"SELECT {columns_of('d', COLUMNS)} FROM deliveries d JOIN events e"
            " ON e.id = d.event WHERE d.hook = ? AND d.state = 'waiting' AND d.attempts = 0 AND d.next_attempt_at <= ?"
            " AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.hook = ? AND a.started_at >= ? AND a.outcome IS NULL)"
            " AND e.type NOT IN (SELECT e2.type FROM attempts a JOIN deliveries d2 ON d2.id = a.delivery_id"
            " JOIN events e2 ON e2.id = d2.event WHERE a.hook = ? AND a.started_at >= ?)"
            " ORDER BY d.next_attempt_at, d.id LIMIT 1",
            (rules.name, now, rules.name, now - 2 * routing.lease_s(rules), rules.name, health.failing_since),
        ).one()
        if found is None or not self.may_go(cur, rules, found, now):
            return None
        return self.take(cur, rules, found, health, now)

    def settle_message(
        self,
        rules: HookRules,
        message: Sequence[tuple[Claimed, DeliveryVerdict]],
        tried: Tried,
        health: HealthStep,
        now: float,
    ) -> list[DeliveryVerdict | None]:
        """Writes an attempt, and what follows from it for each delivery that was in the message; returns that.

        None: the attempt came too late to count for this delivery.

        health: what the attempt does to its hook's health. An attempt that failed while the hook is failing or disabled
        uses up no step of the schedule: it says nothing about these deliveries.
        """
        with self._database.transaction() as cur:
            before = self._hooks.health(cur, rules.name, lock=False)
            after, event_type = health(before)
            if after != before:  # else nothing is written about the hook, and no other attempt waits for this one
                before = self._hooks.health(cur, rules.name)
                after, event_type = health(before)
            free = tried.outcome == "failed" and after.state is not HookState.OK
            became = []
            for claimed, decided in message:
                verdict, single = decided, not free and routing.apart(decided, len(message))
                if free or single:
                    verdict = DeliveryVerdict(DeliveryState.WAITING, hook_health.waits_until(after) or now)
                counted = self._settle_one(cur, claimed, tried, verdict, now, again=free or single, single=single)
                became.append(verdict if counted else None)
            woken = self._hooks.change_health(cur, before, after, event_type, now)
            for (claimed, _), counted_as in zip(message, became, strict=True):
                if counted_as is not None:
                    self._followers(cur, rules, claimed, counted_as, now)
        self._events.wake(woken)
        return became

    def _settle_one(
        self,
        cur: Cursor,
        claimed: Claimed,
        tried: Tried,
        verdict: DeliveryVerdict,
        now: float,
        *,
        again: bool,
        single: bool,
    ) -> bool:
        """Writes one attempt and what follows for its delivery; False when the claim had lapsed.

        again: the attempt used up no step. single: the next attempt is for this delivery alone.
        """
        settled_at = None if verdict.state is DeliveryState.WAITING else now
        cur.run(
            "UPDATE deliveries SET state = ?, next_attempt_at = ?, settled_at = ?, error = ?,"
            " attempts_before = attempts_before + ?, single = CASE WHEN ? = 1 THEN 1 ELSE single END,"
            " first_attempt_at = CASE WHEN ? = 1 THEN NULL ELSE first_attempt_at END"
            " WHERE id = ? AND attempts = ? AND state = 'waiting'",
            (
                verdict.state.value,
                verdict.next_attempt_at,
                settled_at,
                tried.error,
                int(again),
                int(single),
                int(again),
                claimed.id,
                claimed.attempt,
            ),
        )
        counted = cur.touched == 1
        cur.run(
            "UPDATE attempts SET took_s = ?, outcome = ?, code = ?, address = ?, snippet = ?, error = ?,"
            " body_truncated = ? WHERE delivery_id = ? AND number = ?",
            (tried.took_s, tried.outcome, tried.code, tried.address, tried.snippet, tried.error,
             int(tried.body_truncated), claimed.id, claimed.attempt),
        )  # fmt: skip
        return counted

    def due(self, cur: Cursor, rules: HookRules, which: str, now: float, most: int = LOOK_AHEAD) -> list[DbRow]:
        return cur.run(
            f"SELECT {COLUMNS} FROM deliveries WHERE hook = ? AND state = 'waiting' AND {which}"
            " AND next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?" + self.skip_locked(),
            (rules.name, now, most),
        ).rows()

    def skip_locked(self) -> str:
        """Two daemons on PostgreSQL look at different rows instead of waiting for each other."""
        return " FOR UPDATE SKIP LOCKED" if self._database.postgres else ""

    def may_go(self, cur: Cursor, rules: HookRules, row: DbRow, now: float, beside: Sequence[int] = ()) -> bool:
        """Whether it is the turn of this delivery; else it is given up, or is due again later.

        beside: the deliveries that go out in the same message and so hold nothing back.
        """
        if rules.max_age_s is not None and now - row[CREATED_AT] > rules.max_age_s:
            self._too_old(cur, row[0], now)
            return False
        held_until = self._held_until(cur, rules, row, now, beside)
        if held_until is not None:
            cur.run("UPDATE deliveries SET next_attempt_at = ? WHERE id = ?", (held_until, row[0]))
        return held_until is None

    def _held_until(self, cur: Cursor, rules: HookRules, row: DbRow, now: float, beside: Sequence[int]) -> float | None:
        """Returns when to look again, because an earlier one of the same stream goes first; None: it is its turn."""
        if not rules.per_order:
            return None
        others = f" AND id NOT IN ({placeholders(beside)})" if beside else ""
        earlier = cur.run(
            "SELECT next_attempt_at, first_attempt_at FROM deliveries WHERE hook = ? AND stream = ?"
            " AND state = 'waiting' AND id < ? AND (first_attempt_at IS NULL OR first_attempt_at > ?)"
            f"{others} ORDER BY id LIMIT 1",
            (rules.name, row[1], row[0], now - rules.hold_for_s, *beside),
        ).one()
        if earlier is None:
            return None
        next_attempt_at, first_attempt_at = earlier
        if first_attempt_at is not None:
            next_attempt_at = min(next_attempt_at, first_attempt_at + rules.hold_for_s)
        # An earlier one that is due itself is about to be taken by the very next claim.
        return float(max(next_attempt_at, now + 0.05))

    def _too_old(self, cur: Cursor, id_: int, now: float) -> None:
        cur.run(
            "UPDATE deliveries SET state = 'dead', settled_at = ?, error = 'older than max_age' WHERE id = ?",
            (now, id_),
        )

    def take(self, cur: Cursor, rules: HookRules, row: DbRow, health: Health, now: float) -> Claimed:
        id_, _, number, attempts, before, replay, created_at, _ = row
        cur.run(
            "UPDATE deliveries SET attempts = ?, next_attempt_at = ?,"
            " first_attempt_at = coalesce(first_attempt_at, ?) WHERE id = ?",
            (attempts + 1, now + routing.lease_s(rules), now, id_),
        )
        cur.run(
            "INSERT INTO attempts (delivery_id, hook, number, started_at) VALUES (?, ?, ?, ?)",
            (id_, rules.name, attempts + 1, now),
        )
        probe = hook_health.is_probe(health)
        if probe:
            # One probe at a time: nothing else goes out until this one has ended.
            self._hooks.keep_health(cur, replace(health, wait_until=now + routing.lease_s(rules)))
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
            probe=probe,
        )

    def _followers(self, cur: Cursor, rules: HookRules, claimed: Claimed, verdict: DeliveryVerdict, now: float) -> None:
        """Makes the deliveries that this one held back due when it is tried again, or now, if it is settled."""
        at = now
        if verdict.next_attempt_at is not None:
            row = cur.run("SELECT first_attempt_at FROM deliveries WHERE id = ?", (claimed.id,)).one()
            assert row is not None
            held_until = row[0] + rules.hold_for_s if row[0] is not None else verdict.next_attempt_at
            at = max(now, min(verdict.next_attempt_at, held_until))
        wait_s = routing.first_wait_s(rules)
        cur.run(
            "UPDATE deliveries SET next_attempt_at = CASE WHEN created_at + ? > ? THEN created_at + ? ELSE ? END"
            " WHERE hook = ? AND state = 'waiting' AND attempts = 0"
            " AND stream = (SELECT stream FROM deliveries WHERE id = ?) AND id > ?",
            (wait_s, at, wait_s, at, claimed.hook, claimed.id, claimed.id),
        )
