"""The schema: which version the database has, and bringing it up to the code's.

`playhouse.migrations` run by two processes at once crashes one of them, so a lock is held: a file
beside the SQLite database, an advisory lock on PostgreSQL. A schema newer than the code is refused.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playhouse.migrations import Runner

from tracker.db.database import Database
from tracker.errors import Exit, UserError

DIRECTORY = Path(__file__).parent / "migrations"
# Any number will do, as long as nobody else's locks use it.
ADVISORY_KEY = 7_218_041_537


def status(database: Database, directory: Path = DIRECTORY) -> list[tuple[str, bool]]:
    """Every migration by name, oldest first, and whether the database has it."""
    with database.session():
        return [(m.name, bool(m.applied)) for m in _runner(database, directory).status()]


def migrate(database: Database, directory: Path = DIRECTORY) -> list[str]:
    """Apply what is missing; returns the names applied. One transaction per migration."""
    with _alone(database):
        return _up(database, directory)


def require(database: Database, directory: Path = DIRECTORY) -> None:
    """Make a new database, or refuse (78) one whose schema is not the code's."""
    with _alone(database):
        steps = _runner(database, directory).status()
        if not any(step.applied for step in steps):
            _up(database, directory)
            return
        _refuse_newer(database, directory)
        missing = [step.name for step in steps if not step.applied]
    if missing:
        raise UserError(
            f"the database is older than this version ({len(missing)} migrations missing)",
            ["stop the tracker and run: tracker db migrate"],
            Exit.CONFIG,
        )


def _up(database: Database, directory: Path) -> list[str]:
    _refuse_newer(database, directory)
    return [str(name) for name in _runner(database, directory).up()]


def _refuse_newer(database: Database, directory: Path) -> None:
    unknown = [step.name for step in _runner(database, directory).status() if step.path is None]
    if unknown:
        raise UserError(
            f"the database was written by a newer tracker (it has {unknown[-1]})",
            ["install that version or newer, or restore a backup"],
            Exit.CONFIG,
        )


def _runner(database: Database, directory: Path) -> Runner:
    return Runner(database.handle, directory=str(directory))


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """A session in which nobody else migrates."""
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
