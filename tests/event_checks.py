"""Every event in a database, held to the schema of its type: asked of each database a test leaves behind.

The database is opened by its driver alone: what is looked at is what any reader would find. It is the driver that the
tracker has. Two SQLite libraries in one process do not see each other's locks, and one of them cuts the shared memory
file that the other still has mapped: the process dies of a bus error.
"""

import json
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jsonschema import Draft202012Validator
from peewee import sqlite3

from tracker import event_schemas

EVENTS = "SELECT type, event_id, body FROM events WHERE body IS NOT NULL"

# Most tests tell the same events at the same moment: bytes that were looked at are not looked at again.
_looked_at: set[tuple] = set()


@cache
def validator(type_):
    return Draft202012Validator(event_schemas.schema(type_))


def faults(type_, event):
    """What is wrong with this event, a text for each place."""
    if type_ not in event_schemas.types():
        return [f"{type_} has no schema"]
    return [f"{type_} at {error.json_path}: {error.message}" for error in validator(type_).iter_errors(event)]


def check_database(url):
    """AssertionError unless every event in the database behind `url` is as its schema says."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        check_file(Path("/" + unquote(parts.path).lstrip("/")))
        return
    import psycopg  # an extra: only needed here

    with psycopg.connect(url) as server:
        _check(url, server.execute(EVENTS).fetchall())


def check_file(path):
    """check_database of one SQLite file. One without events, or that a test has damaged, has nothing to say."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        if _has_events(database):
            _check(path, database.execute(EVENTS).fetchall())


def _has_events(database):
    try:
        return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone() is not None
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return False
        raise


def _check(where, rows):
    for row in rows:
        if row in _looked_at:
            continue
        type_, id_, body = row
        event = json.loads(body)
        found = faults(type_, event) + ([] if event.get("id") == id_ else [f"its row has the id {id_}"])
        assert not found, "\n".join([f"an event in {where} is not as its schema says:", *found, body])
        _looked_at.add(row)
