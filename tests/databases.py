"""Databases for the tests: SQLite files, and PostgreSQL where TRACKER_TEST_DATABASE_URL names a server.

Migrating takes longer than most tests do, so each engine is migrated once a process, and every test
gets a copy of its own: a copied file, or CREATE DATABASE … TEMPLATE.
"""

import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tracker import schema
from tracker.database import Database, connect

SERVER = os.environ.get("TRACKER_TEST_DATABASE_URL", "")
ENGINES = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.skipif(not SERVER, reason="TRACKER_TEST_DATABASE_URL is unset")),
]


class SqliteFiles:
    """Copies of one migrated file. Nothing of a test outlives its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        database = connect(self.empty("template.db"))
        schema.migrate(database)
        with database.session():
            database.checkpoint()

    def empty(self, name: str = "") -> str:
        return f"sqlite:///{self._folder / (name or f'{uuid.uuid4().hex}.db')}"

    def fresh(self) -> str:
        url = self.empty()
        shutil.copyfile(self._template, url.removeprefix("sqlite:///"))
        return url

    def drop(self, url: str) -> None:
        for file in self._folder.glob(Path(url).name + "*"):
            file.unlink()


class PostgresDatabases:
    """Databases on the server of TRACKER_TEST_DATABASE_URL, each with a name of its own."""

    def __init__(self) -> None:
        self._template = self.empty()
        schema.migrate(connect(self._template))

    def empty(self, template: str = "template0") -> str:
        name = f"tracker_test_{uuid.uuid4().hex[:16]}"
        # A test that outlives a power cut is none: waiting for the disk is left to the product.
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}", f"ALTER DATABASE {name} SET synchronous_commit = off")
        return urlsplit(SERVER)._replace(path=f"/{name}").geturl()

    def fresh(self) -> str:
        return self.empty(_name(self._template))

    def drop(self, url: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")

    def close(self) -> None:
        self.drop(self._template)

    def _run(self, *statements: str) -> None:
        import psycopg  # an extra: only needed here

        with psycopg.connect(SERVER, autocommit=True) as server:
            for sql in statements:
                server.execute(sql)


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
