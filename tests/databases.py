"""Databases for the tests: SQLite files, and PostgreSQL where TRACKER_TEST_DATABASE_URL names a server.

Migrating takes longer than most tests do, and so does living through a history: each is done once a process, and
every test gets a copy of its own (a copied file, or CREATE DATABASE … TEMPLATE). On PostgreSQL making and dropping one
takes an eighth of a second, and so one that can be emptied is, and goes to the next test.
"""

import os
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.event_checks import check_database
from tracker.db import migrate
from tracker.db.database import Database, connect

SERVER = os.environ.get("TRACKER_TEST_DATABASE_URL", "")
ENGINES = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.skipif(not SERVER, reason="TRACKER_TEST_DATABASE_URL is unset")),
]
ROWS_MAX = 2_000  # of one table: deleting more takes longer than a new database, and leaves it slower


class Kept:
    """What both engines share: databases of which others are copies, by name; "" is one that was only migrated."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def fresh(self) -> str:
        """The URL of a migrated database."""
        return self.like("", lambda _database: None)

    def like(self, name: str, live: Callable[[Database], object]) -> str:
        """The URL of a copy of the database that `live` made of a migrated one, once."""
        if name not in self._kept:
            url = self.fresh() if name else self.empty()
            database = connect(url)
            migrate.migrate(database)
            with database.session():
                live(database)
                database.checkpoint()
            check_database(url)
            self._kept[name] = url
        return self._copy(name)


class SqliteFiles(Kept):
    """Nothing of a test outlives its folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def empty(self) -> str:
        return f"sqlite:///{self._folder / uuid.uuid4().hex}.db"

    def drop(self, url: str) -> None:
        # A thread that just ended may still be closing its connection, and whoever is last takes -wal and -shm along.
        for file in self._folder.glob(Path(url).name + "*"):
            file.unlink(missing_ok=True)

    def _copy(self, name: str) -> str:
        copy = self.empty()
        shutil.copyfile(self._kept[name].removeprefix("sqlite:///"), copy.removeprefix("sqlite:///"))
        return copy


class PostgresDatabases(Kept):
    """Databases on the server of TRACKER_TEST_DATABASE_URL, each with a name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._free: dict[str, list[str]] = defaultdict(list)
        self._copies: dict[str, str] = {}  # url -> of what
        self._prints: dict[str, str] = {}  # what a copy looks like that nobody used yet

    def empty(self, template: str = "template0") -> str:
        name = f"tracker_test_{uuid.uuid4().hex[:16]}"
        # A test that outlives a power cut is none: waiting for the disk is left to the product.
        _run(f"CREATE DATABASE {name} TEMPLATE {template}", f"ALTER DATABASE {name} SET synchronous_commit = off")
        return urlsplit(SERVER)._replace(path=f"/{name}").geturl()

    def drop(self, url: str) -> None:
        name = self._copies.get(url)
        if name is not None and _print(url, emptied=name == "") == self._prints[name]:
            self._free[name].append(url)
        else:
            _run(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")

    def close(self) -> None:
        left = {*self._copies, *self._kept.values()}
        _run(*(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)" for url in left))

    def _copy(self, name: str) -> str:
        if self._free[name]:
            return self._free[name].pop()
        url = self.empty(_name(self._kept[name]))
        self._copies[url] = name
        if name not in self._prints:
            self._prints[name] = _print(url)
        return url


def _run(*statements: str) -> None:
    import psycopg  # an extra: only needed here

    with psycopg.connect(SERVER, autocommit=True) as server:
        for sql in statements:
            server.execute(sql)


_END_OTHERS = """
    SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration'"
_EMPTY = f"""
    DO $$ DECLARE name text; n bigint; BEGIN
      FOR name IN {_TABLES} LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT {ROWS_MAX + 1}) t', name) INTO n;
        IF n > {ROWS_MAX} THEN RAISE EXCEPTION 'too many rows in %', name; END IF;
        IF n > 0 THEN EXECUTE format('DELETE FROM %I', name); END IF;
      END LOOP;
      PERFORM setval(sequencename::regclass, start_value, false) FROM pg_sequences
      WHERE schemaname = 'public' AND last_value IS NOT NULL AND sequencename <> 'schema_migration_id_seq';
    END $$
"""
_SHAPE = """
    SELECT format('%s %s %s %s %s', c.relkind, c.relname, a.attname, a.attnotnull, format_type(atttypid, atttypmod))
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT setconfig::text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
      WHERE d.datname = current_database()
    UNION ALL SELECT format('%s %s', sequencename, last_value) FROM pg_sequences
    UNION ALL SELECT format('%s %s', id, name) FROM schema_migration
"""


def _print(url: str, *, emptied: bool = False) -> str:
    """Of everything in a database, once nobody uses it any more; "" where that cannot be said, or not quickly.

    emptied: without the rows that a test left behind.
    """
    import psycopg

    try:
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(_END_OTHERS)
            if emptied:
                database.execute(_EMPTY)
            tables = [name for (name,) in database.execute(_TABLES)]
            each = [_SHAPE, *(f"SELECT '{name}' || t::text FROM \"{name}\" t" for name in tables)]
            said = " UNION ALL ".join(each)
            sql = f"SELECT md5(string_agg(md5(said), '' ORDER BY said)) FROM ({said}) AS parts(said)"
            return database.execute(sql).fetchone()[0]
    except psycopg.Error:
        return ""


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


@contextmanager
def made(url: str, maker: SqliteFiles | PostgresDatabases):
    """The URL while it is needed; the database is gone afterwards."""
    try:
        yield url
    finally:
        maker.drop(url)


def rows(database: Database, sql: str, *params: object) -> list[tuple]:
    with database.reading() as cur:
        return cur.run(sql, params).rows()
