"""Runs of the commands that print new orders, one at a time for each.

A claim pushes `lease` beyond the run's deadline, and no other run begins before it has passed. A run that was cut off
with its process is not released at the next start: its command may still be alive, since it has a session of its own.
The passing of time is all the recovery there is, and the cursor is where it was.
"""

import math
from collections.abc import Mapping

from msgspec import Struct

from tracker.db.database import Database

_ADD = "INSERT INTO intakes (name, next_run_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"


class IntakeRun(Struct, frozen=True):
    """The promise to run a command once, from `cursor` on. failures: how many runs before it failed in a row."""

    name: str
    cursor: str | None
    started_at: float
    lease: float
    failures: int = 0


class RunEnd(Struct, frozen=True):
    """How a run ended.

    error: "" when its rows are in, so that it counts. cursor: what the next run is given then; None: the same as this
    one.
    """

    added: int = 0
    known: int = 0
    refused: int = 0
    cursor: str | None = None
    error: str = ""


class IntakeRunStore:
    """Claims and settles runs of the commands that print new orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sync(self, every_s: Mapping[str, float], now: float) -> None:
        """Gives every configured command its row.

        One that fails is tried at once, since the configuration was read anew. One that is run more often from now on
        does not wait for its old time.
        """
        with self._database.transaction() as cur:
            for name, seconds in every_s.items():
                cur.run(_ADD, (name, now))
                cur.run(
                    "UPDATE intakes SET next_run_at = CASE WHEN failures > 0 THEN ? ELSE ? END"
                    " WHERE name = ? AND next_run_at > CASE WHEN failures > 0 THEN ? ELSE ? END",
                    (now, now + seconds, name, now, now + seconds),
                )

    def begin(self, name: str, lease_s: float, now: float, *, only_if_due: bool) -> IntakeRun | None:
        """Takes the next run of this command; None when it is not due, or under way."""
        with self._database.transaction() as cur:
            if not only_if_due:
                cur.run(_ADD, (name, now))
            row = cur.run(
                "SELECT cursor, failures FROM intakes WHERE name = ? AND (lease IS NULL OR lease <= ?)"
                " AND next_run_at <= ?" + cur.for_update,
                (name, now, now if only_if_due else math.inf),
            ).one()
            if row is None:
                return None
            cur.run("UPDATE intakes SET lease = ? WHERE name = ?", (now + lease_s, name))
            return IntakeRun(name, row[0], now, now + lease_s, row[1])

    def end(self, run: IntakeRun, end: RunEnd, next_run_at: float, now: float) -> bool:
        """Writes how the run went, and the cursor if it counts.

        False: it took so long that its lease has passed and another run has begun; nothing is written.
        """
        failed = bool(end.error)
        with self._database.transaction() as cur:
            cur.run(
                "UPDATE intakes SET lease = NULL, next_run_at = ?, started_at = ?, finished_at = ?, outcome = ?,"
                " error = ?, added = ?, known = ?, refused = ?, failures = ?,"
                " failing_since = CASE WHEN ? = 1 THEN coalesce(failing_since, ?) END,"
                " cursor = CASE WHEN ? = 1 THEN cursor ELSE coalesce(?, cursor) END"
                " WHERE name = ? AND lease = ?",
                (
                    next_run_at, run.started_at, now, "failed" if failed else "ok", end.error or None, end.added,
                    end.known, end.refused, run.failures + 1 if failed else 0, int(failed), now, int(failed),
                    end.cursor, run.name, run.lease,
                ),
            )  # fmt: skip
            return cur.touched == 1

    def drop(self, run: IntakeRun) -> None:
        """Undoes the claim, as if the run had not begun: it was stopped, or was a dry run."""
        with self._database.transaction() as cur:
            cur.run("UPDATE intakes SET lease = NULL WHERE name = ? AND lease = ?", (run.name, run.lease))
