"""Errors of a database: those that pass and are tried again, and damage, which ends the program."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from tracker.clock import SYSTEM, Clock
from tracker.errors import Exit, TrackerError, UserError
from tracker.log import get

log = get(__name__)
T = TypeVar("T")

PATIENCE_S = 120.0

# SQLite's words for trouble that passes. Every other OperationalError is a bug in our SQL.
_PASSING = ("locked", "busy", "disk is full", "disk i/o", "unable to open", "readonly", "read-only")
_DRIVERS_TROUBLE = {"OperationalError", "InterfaceError"}
DAMAGED = ("file is not a database", "database disk image is malformed")


class DatabaseTrouble(TrackerError):
    """The database cannot be used right now (locked, full, restarting): keep what is to be written, and try again."""


def persist(act: Callable[[], T], patience_s: float = PATIENCE_S, clock: Clock = SYSTEM) -> T:
    """Calls `act`, again and again while the database is in trouble, so that an answer at hand is not lost.

    Raises the last DatabaseTrouble after `patience_s`. Then the claim behind it lapses, and the work is done again.
    """
    deadline = clock.monotonic() + patience_s
    wait_s = 0.1
    while True:
        try:
            return act()
        except DatabaseTrouble as trouble:
            if clock.monotonic() + wait_s > deadline:
                raise
            log.warning("database.refused", error=str(trouble), wait_s=wait_s)
            clock.sleep(wait_s)
            wait_s = min(wait_s * 2, 5.0)


def damaged(path: Path | None, why: str) -> UserError:
    """Returns the error that ends the program (78): it cannot repair a damaged file, only a person can replace it."""
    remedies = [
        "stop the tracker and put a backup in its place: docs/operations.md says how",
        "what was handed over since then is in intake.ndjson: tracker orders import --baseline intake.ndjson",
    ]
    return UserError(f"{path}: {why}", remedies, Exit.CONFIG)


def recognised(error: BaseException) -> BaseException | None:
    """Returns the trouble that passes, in `error` or behind it; None: it is something else.

    A constraint, a missing column or a syntax error is a bug, and not for trying again.

    A full disk ends SQLite's transaction by itself. The driver then complains that there is nothing to roll back, and
    the cause stands behind that complaint.
    """
    behind: BaseException | None = error
    while behind is not None and {cls.__name__ for cls in type(behind).__mro__} & _DRIVERS_TROUBLE:
        if _is_postgres(behind) or any(words in str(behind).lower() for words in _PASSING):
            return behind
        behind = behind.__context__
    return None


def _is_postgres(error: BaseException) -> bool:
    """Whether the error comes from psycopg, or from peewee around it."""
    return isinstance(error, _pg_errors()) or isinstance(error.__cause__ or error.__context__, _pg_errors())


@lru_cache(maxsize=1)
def _pg_errors() -> tuple[type[BaseException], ...]:
    """psycopg's base error where it is installed; peewee wraps it in its own."""
    try:
        import psycopg
    except ImportError:
        return ()
    return (psycopg.Error,)
