"""The schema: which shape a database has, making a new one, and bringing one up to the code's.

Two processes that run `playhouse.migrations` at once crash one of them, so a lock is held: on a file beside the SQLite
database, or an advisory lock on PostgreSQL.

A database keeps the names of its migrations. Nothing has been released, so the first migration is still edited in
place, and its name alone would not tell two shapes apart: a digest of its statements is a part of it.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playhouse.migrations import Migration, Runner

from tracker.db.database import Database
from tracker.errors import Exit, UserError

DIRECTORY = Path(__file__).parent / "migrations"
ADVISORY_KEY = 7_218_041_537  # any number that no other lock uses

NO_WAY_OVER = [
    "nothing has been released yet, so there is no migration from one to the other",
    "to go on with this database, run the version of tracker that made it",
    "to start over with this version: stop the tracker, move the database away (or name another in database.url), and"
    " hand the orders over again: tracker orders import --baseline intake.ndjson (in the data directory; it holds every"
    " order that was accepted)",
    "moves, refunds and events stay in the old database; where each order stands, the old version writes down with:"
    " tracker orders list --format csv",
]


def status(database: Database, directory: Path = DIRECTORY) -> list[tuple[str, bool]]:
    """Returns every migration by name, oldest first, and whether the database has it."""
    with database.session():
        return [(step.name, bool(step.applied)) for step in _steps(database, directory)]


def problem(database: Database, directory: Path = DIRECTORY) -> UserError | None:
    """Returns why this version cannot use the database as it is; None: it can, or there is nothing in it yet."""
    with database.session():
        return _problem(_steps(database, directory))


def migrate(database: Database, directory: Path = DIRECTORY) -> list[str]:
    """Applies what is missing, one transaction for each migration; returns the names applied.

    Raises UserError (78) for a database of another shape, or of a newer version, and leaves it as it is.
    """
    with _alone(database):
        _refuse(_foreign(_steps(database, directory)))
        return [str(name) for name in _runner(database, directory).up()]


def require(database: Database, directory: Path = DIRECTORY) -> None:
    """Makes the tables of a new database. Raises UserError (78) for one whose shape is not the code's."""
    with _alone(database):
        steps = _steps(database, directory)
        _refuse(_problem(steps))
        if not any(step.applied for step in steps):
            _runner(database, directory).up()


def _refuse(why: UserError | None) -> None:
    if why is not None:
        raise why


def _problem(steps: list[Migration]) -> UserError | None:
    missing = [step.name for step in steps if not step.applied]
    if not missing or len(missing) == len(steps):
        return _foreign(steps)
    return _foreign(steps) or UserError(
        f"the database is older than this version ({len(missing)} migrations missing)",
        ["stop the tracker and run: tracker db migrate"],
        Exit.CONFIG,
    )


def _foreign(steps: list[Migration]) -> UserError | None:
    """Returns the refusal of a database that has migrations we do not know; None: it has none."""
    unknown = [step.name for step in steps if step.path is None]
    if not unknown:
        return None
    ours = [step for step in steps if step.path is not None]
    if all(step.applied for step in ours):
        return UserError(
            f"the database was written by a newer tracker (it has {unknown[-1]})",
            ["install that version or newer, or restore a backup"],
            Exit.CONFIG,
        )
    return UserError(
        f"the database was made by another version of tracker and has another shape: it has {_listed(unknown)},"
        f" this version wants {_listed(step.name for step in ours)}",
        NO_WAY_OVER,
        Exit.CONFIG,
    )


def _listed(names: Iterable[str]) -> str:
    first, *more = names
    return f"{first} … {more[-1]}" if more else first


def _steps(database: Database, directory: Path) -> list[Migration]:
    """Returns the migrations in `directory` and in the database, oldest first. path None: only the database has it."""
    return list(_runner(database, directory).status())


class _Runner(Runner):  # type: ignore[misc]  # playhouse carries no annotations
    """A runner under which a migration that states its `statements` has their digest in its name."""

    def migrations(self) -> list[Migration]:
        return [step._replace(name=_name(step)) for step in super().migrations()]


def _name(step: Migration) -> str:
    statements = getattr(step.load(), "statements", None)
    return step.name if statements is None else f"{step.name}-{_digest(statements)}"


def _digest(statements: Any) -> str:
    """Returns eight characters that stand for the shape; comments and line breaks are no part of it."""
    sql = "\n".join(statements(postgres=False) + statements(postgres=True))
    return hashlib.sha256(" ".join(re.sub(r"--.*", "", sql).split()).encode()).hexdigest()[:8]


def _runner(database: Database, directory: Path) -> Runner:
    return _Runner(database.handle, directory=str(directory))


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """A session in which no other process migrates."""
    if database.path is None:
        with database.session():
            database.handle.execute_sql("SELECT pg_advisory_lock(%s)", (ADVISORY_KEY,))
            try:
                yield
            finally:
                database.handle.execute_sql("SELECT pg_advisory_unlock(%s)", (ADVISORY_KEY,))
        return
    beside = os.open(f"{database.path}.migrate", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        # Before the file is opened: of several that turn a new one into WAL mode, one fails.
        fcntl.flock(beside, fcntl.LOCK_EX)
        with database.session():
            yield
    finally:
        os.close(beside)
