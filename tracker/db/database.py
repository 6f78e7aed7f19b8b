"""One database, SQLite or PostgreSQL: how it is opened, and what a transaction is.

SQL is written once, with `?`. Money is text on SQLite and NUMERIC on PostgreSQL; `money` and `amount` translate.
Durability comes first: WAL with synchronous=FULL keeps every acknowledged commit through a power cut, NORMAL does not.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import peewee

from tracker.clock import SYSTEM, Clock
from tracker.config.places import make_data_dir
from tracker.db.errors import DAMAGED, DatabaseTrouble, damaged, persist, recognised
from tracker.errors import Exit, UserError

BUSY_S = 5.0
ALONE_KEY = 7_218_041_538  # any number that no other advisory lock uses
JOURNAL_MAX = 16 * 1024 * 1024  # bytes the WAL file shrinks back to after a large transaction

DbRow = tuple[Any, ...]
T = TypeVar("T")

SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "busy_timeout": int(BUSY_S * 1000),
    "journal_size_limit": JOURNAL_MAX,
    # As large as the file may stay anyway. While there is a reader, the log cannot begin anew, and beyond this size
    # every commit tries to fold it in: a sweep beside endless reports took 1.2 to 1.4 times as long at SQLite's 1,000.
    "wal_autocheckpoint": JOURNAL_MAX // 4096,
    # Replaced content is overwritten where that costs no further page: less is left to erase on request.
    "secure_delete": "fast",
}


class Cursor:
    """A DB-API cursor that takes `?` as placeholder on both engines."""

    def __init__(self, raw: Any, postgres: bool) -> None:
        self._raw = raw
        self._postgres = postgres

    @property
    def for_update(self) -> str:
        """The end of a SELECT that locks its rows, where the engine has such locks."""
        return " FOR UPDATE" if self._postgres else ""

    def money(self, amount: Decimal | None) -> Any:
        """Returns the parameter for a money column: NUMERIC on PostgreSQL, text on SQLite."""
        return amount if amount is None or self._postgres else format(amount, "f")

    def run(self, sql: str, params: Sequence[Any] = ()) -> "Cursor":
        self._raw.execute(_percent(sql) if self._postgres else sql, params)
        return self

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Runs one statement for many rows; returns how many rows it touched in all."""
        self._raw.executemany(_percent(sql) if self._postgres else sql, rows)
        return int(self._raw.rowcount)

    def rows(self) -> list[DbRow]:
        return list(self._raw.fetchall())

    def one(self) -> DbRow | None:
        row: DbRow | None = self._raw.fetchone()
        return row

    @property
    def touched(self) -> int:
        """How many rows the last statement changed."""
        return int(self._raw.rowcount)


class Database:
    """A peewee database, with the sessions and transactions that the rest of the program uses."""

    def __init__(self, handle: peewee.Database, path: Path | None, clock: Clock) -> None:
        self.handle = handle
        self._clock = clock
        self.path = path  # the SQLite file; None on PostgreSQL
        self.postgres = path is None
        # SQLite has one writer at a time anyway; a lock of our own spares the threads the busy wait.
        self._writers: AbstractContextManager[Any] = nullcontext() if self.postgres else threading.RLock()
        self._guard: Any = None  # the connection that holds the advisory lock until this process ends
        self.damage: UserError | None = None  # why the file cannot be used any more
        self._file: tuple[int, int] | None = None
        self.trouble: tuple[float, str] | None = None  # since when writing fails, and why

    def persist(self, act: Callable[[], T]) -> T:
        """Calls `act`, again and again while the database is in trouble: see `errors.persist`."""
        return persist(act, clock=self._clock)

    @contextmanager
    def session(self) -> Iterator[None]:
        """A connection for this thread. Opened unless it has one, and closed by the session that opened it."""
        if not self.handle.is_closed():
            yield
            return
        with self._translated():
            self.handle.connect()
        try:
            yield
        finally:
            self.handle.close()

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """A session for a thread that has many short ones: on SQLite its connection stays open.

        Opening a connection and learning the tables anew takes longer than reading a page of rows. Not on PostgreSQL,
        where a server that restarts would leave a dead connection to each thread.
        """
        if self.postgres:
            with self.session():
                yield
            return
        with self._translated():
            self.handle.connect(reuse_if_open=True)
        try:
            yield
        finally:
            if self.handle.connection().in_transaction:  # else it holds up the write-ahead log
                self.handle.close()

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """All or nothing; IMMEDIATE on SQLite, so that reading first cannot fail the write after it."""
        with self._writers, self.session(), self._translated(), self.handle.atomic():
            yield self._cursor()
        self.trouble = None

    @contextmanager
    def erasing(self) -> Iterator[Cursor]:
        """A transaction that leaves nothing of what it replaces or deletes on the pages of a SQLite file."""
        with self.session():
            if self.postgres:
                with self.transaction() as cur:
                    yield cur
                return
            self.handle.execute_sql("PRAGMA secure_delete = on")
            try:
                with self.transaction() as cur:
                    yield cur
            finally:
                self.handle.execute_sql(f"PRAGMA secure_delete = {SQLITE_PRAGMAS['secure_delete']}")

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Plain reads, each statement seeing what is committed."""
        with self.session(), self._translated():
            yield self._cursor()

    @contextmanager
    def snapshot(self) -> Iterator[Cursor]:
        """Reads that all see the same moment; keep it short, since it holds up the write-ahead log.

        A `reading` inside it sees that moment too.
        """
        with self.session(), self._translated():
            self.handle.execute_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if self.postgres else "BEGIN")
            try:
                yield self._cursor()
            finally:
                self.handle.execute_sql("ROLLBACK")

    def money(self, amount: Decimal | None) -> Any:
        """Returns the parameter for a money column."""
        if amount is None or self.postgres:
            return amount
        return format(amount, "f")

    def alone(self) -> bool:
        """Whether no other tracker works on this database, from now until this process ends.

        On SQLite the instance lock guarantees it. On PostgreSQL two may run, and only one that is alone may clean up;
        it holds an advisory lock on a connection of its own.
        """
        if not self.postgres:
            return True
        import psycopg

        guard = psycopg.connect(self.handle.database, autocommit=True)
        row = guard.execute("SELECT pg_try_advisory_lock(%s)", (ALONE_KEY,)).fetchone()
        if row is None or not row[0]:
            guard.close()
            return False
        self._guard = guard
        return True

    def look(self) -> None:
        """Raises UserError (78) when the file is damaged, or is not the one any more that was opened first."""
        if self.damage is not None:
            raise self.damage
        if self.path is None:
            return
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise damaged(self.path, "the database was removed while the tracker runs") from None
        self._file = self._file or (found.st_dev, found.st_ino)
        if self._file != (found.st_dev, found.st_ino):
            raise damaged(self.path, "the database was replaced while the tracker runs")

    def check(self) -> None:
        """Reads every page of a SQLite file; raises UserError (78) for a damaged one. Does nothing on PostgreSQL.

        It may take minutes, and holds up the write-ahead log meanwhile.
        """
        if self.path is None:
            return
        with self.reading() as cur:
            ((said,),) = cur.run("PRAGMA quick_check(1)").rows()
        if said != "ok":
            raise damaged(self.path, f"quick_check found damage: {' '.join(said.split())}")

    def checkpoint(self) -> bool:
        """Folds the write-ahead log into the database file and truncates it; False while a reader still needs it."""
        if self.postgres:
            return True
        with self.reading() as cur:
            ((busy, _, _),) = cur.run("PRAGMA wal_checkpoint(TRUNCATE)").rows()
        return not busy

    def compact(self) -> None:
        """Rewrites a SQLite file, so that it holds what there is and nothing else. Writers wait meanwhile."""
        with self._writers, self.session(), self._translated():
            self.handle.execute_sql("VACUUM")

    def for_update(self) -> str:
        """Returns the clause that locks rows; "" on SQLite, which locks the whole file."""
        return " FOR UPDATE" if self.postgres else ""

    def _cursor(self) -> Cursor:
        return Cursor(self.handle.cursor(), self.postgres)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if any(words in str(error) for words in DAMAGED):
                self.damage = damaged(self.path, str(error))
                raise self.damage from error
            passing = recognised(error)
            if passing is not None:
                self._drop_broken()
                self.trouble = self.trouble or (self._clock.now(), str(passing))
                raise DatabaseTrouble(f"{type(passing).__name__}: {passing}") from error
            raise

    def _drop_broken(self) -> None:
        """Closes a connection that a restarted server has left dead, so that the next use opens another one."""
        if self.postgres and not self.handle.is_closed() and self.handle.connection().closed:
            self.handle.close()


def amount(value: Any) -> Decimal | None:
    """Returns the value of a money column as Decimal."""
    return None if value is None else value if isinstance(value, Decimal) else Decimal(value)


@lru_cache(maxsize=512)
def _percent(sql: str) -> str:
    return sql.replace("?", "%s")


def connect(url: str, clock: Clock = SYSTEM) -> Database:
    """Returns the database behind `url`, not opened yet. url: sqlite:////absolute/path or postgresql://….

    Raises UserError (78) when the driver is missing or the directory cannot be made.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(Path("/" + unquote(parts.path).lstrip("/")), clock)
    return _postgres(url, clock)


def _sqlite(path: Path, clock: Clock) -> Database:
    make_data_dir(path.parent)
    handle = peewee.SqliteDatabase(
        str(path), pragmas=SQLITE_PRAGMAS, lock_type="IMMEDIATE", autoconnect=False, timeout=BUSY_S
    )
    return Database(handle, path, clock)


def _postgres(url: str, clock: Clock) -> Database:
    try:
        import psycopg  # noqa: F401  an extra: only needed here
    except ImportError as error:
        remedy = "pip install 'tracker[postgres]'"
        raise UserError("PostgreSQL needs an extra", [remedy], Exit.CONFIG) from error
    return Database(
        peewee.PostgresqlDatabase(url, autoconnect=False, prefer_psycopg3=True),
        None,
        clock,
    )
