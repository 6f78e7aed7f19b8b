"""The schema: made, brought up to date, refused; by several processes at once, and by one that is killed."""

import shutil
import signal
import subprocess
import sys

import pytest

from tests.databases import rows
from tracker.db import migrate
from tracker.db.database import connect
from tracker.errors import UserError

MIGRATE = """
import sys
from pathlib import Path
from tracker.db import migrate
from tracker.db.database import connect
print("ready", flush=True)
sys.stdin.readline()
database = connect(sys.argv[1])
print(migrate.{how}(database, *map(Path, sys.argv[2:])), flush=True)
"""

# Half of it is done when it says so, and then it waits to be killed.
SLOW = """
import time

def up(migrator, db):
    db.execute_sql("CREATE TABLE half (n INTEGER)")
    db.execute_sql("ALTER TABLE orders ADD COLUMN half INTEGER")
    print("half way", flush=True)
    time.sleep(60)
"""
NEXT = """
def up(migrator, db):
    db.execute_sql("CREATE TABLE half (n INTEGER)")
"""

ALL = [path.stem for path in sorted(migrate.DIRECTORY.glob("[0-9]*.py"))]


@pytest.fixture
def directory(tmp_path):
    """Our migrations, where a test can add one of its own."""
    copy = tmp_path / "migrations"
    copy.mkdir()
    for path in migrate.DIRECTORY.glob("[0-9]*.py"):
        shutil.copy(path, copy)
    return copy


def process(how, *args):
    """A process that has imported what it needs and waits for the word."""
    child = subprocess.Popen(
        [sys.executable, "-c", MIGRATE.format(how=how), *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    return child


def tables(database):
    sql = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        if database.postgres
        else "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return {row[0] for row in rows(database, sql)}


@pytest.mark.parametrize("how", ["migrate", "require"])
def test_three_processes_may_make_one_database_at_once(empty_url, how):
    children = [process(how, empty_url) for _ in range(3)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    outcomes = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], outcomes
    if how == "migrate":
        assert sorted(out.strip() for out, _ in outcomes) == sorted([str(ALL), "[]", "[]"])
    assert migrate.status(connect(empty_url)) == [(name, True) for name in ALL]


def test_a_new_database_is_made_and_one_that_is_up_to_date_is_left_alone(empty_url):
    database = connect(empty_url)
    assert migrate.status(database) == [(name, False) for name in ALL]
    migrate.require(database)
    migrate.require(database)
    assert migrate.migrate(database) == []
    assert {"orders", "events", "deliveries", "poll_runs"} <= tables(database)


def test_an_older_database_is_refused_until_it_is_migrated(fresh_url, directory):
    database = connect(fresh_url)
    (directory / "9999_next.py").write_text(NEXT)
    with pytest.raises(UserError) as refused:
        migrate.require(database, directory)
    assert (refused.value.exit_code, "1 migrations missing" in str(refused.value)) == (78, True)
    assert "tracker db migrate" in str(refused.value)
    assert "half" not in tables(database)
    assert migrate.migrate(database, directory) == ["9999_next"]
    migrate.require(database, directory)


def test_a_newer_database_is_refused_and_left_as_it_is(fresh_url, directory):
    database = connect(fresh_url)
    (directory / "9999_next.py").write_text(NEXT)
    migrate.migrate(database, directory)
    for act in (migrate.require, migrate.migrate):
        with pytest.raises(UserError) as refused:
            act(database)
        assert refused.value.exit_code == 78
        assert "written by a newer tracker (it has 9999_next)" in str(refused.value)
    assert "half" in tables(database)


def test_a_process_killed_in_a_migration_leaves_the_old_schema_and_the_way_free(fresh_url, directory):
    database = connect(fresh_url)
    before = tables(database)
    (directory / "9999_slow.py").write_text(SLOW)
    child = process("migrate", fresh_url, directory)
    child.stdin.write("go\n")
    child.stdin.flush()
    assert child.stdout.readline() == "half way\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert tables(database) == before
    assert migrate.status(database, directory)[-1] == ("9999_slow", False)
    migrate.require(database)  # the old program still runs on it
    (directory / "9999_slow.py").write_text(NEXT)
    assert migrate.migrate(database, directory) == ["9999_slow"]


def test_a_migration_that_fails_leaves_the_old_schema(fresh_url, directory):
    database = connect(fresh_url)
    before = tables(database)
    (directory / "9999_bad.py").write_text(NEXT + "    db.execute_sql('CREATE TABLE orders (n INTEGER)')\n")
    with pytest.raises(Exception, match="orders"):
        migrate.migrate(database, directory)
    assert tables(database) == before
    migrate.require(database)
