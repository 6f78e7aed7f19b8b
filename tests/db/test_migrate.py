"""The schema: made, brought up to date, refused; by several processes at once, and by one that is killed."""

import re
import shutil
import signal
import subprocess
import sys

import pytest
from playhouse.migrations import Runner

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

# A migration that is still edited states its statements.
EDITED = """
def statements(*, postgres):
    return [{statements}]

def up(migrator, db):
    for sql in statements(postgres=bool(db.for_update)):
        db.execute_sql(sql)
"""
HALF, HALF_SPACED = '"CREATE TABLE half (n INTEGER)"', '"-- a word\\nCREATE TABLE half\\n  (n INTEGER)"'
INDEX = '"CREATE INDEX half_n ON half (n)"'


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


def all_names(database, directory=migrate.DIRECTORY):
    """The names under which a database keeps the migrations, read from an empty one."""
    return [name for name, _ in migrate.status(database, directory)]


def tables(database):
    sql = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        if database.postgres
        else "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return {row[0] for row in rows(database, sql)}


@pytest.mark.parametrize("how", ["migrate", "require"])
def test_three_processes_may_make_one_database_at_once(empty_url, how):
    wanted = all_names(connect(empty_url))
    children = [process(how, empty_url) for _ in range(3)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    outcomes = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], outcomes
    if how == "migrate":
        assert sorted(out.strip() for out, _ in outcomes) == sorted([str(wanted), "[]", "[]"])
    assert migrate.status(connect(empty_url)) == [(name, True) for name in wanted]


def test_a_new_database_is_made_and_one_that_is_up_to_date_is_left_alone(empty_url):
    database = connect(empty_url)
    assert migrate.status(database) == [(name, False) for name in all_names(database)]
    assert migrate.problem(database) is None
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
    assert str(migrate.problem(database, directory)) == str(refused.value)
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
        assert str(migrate.problem(database)) == str(refused.value)
    assert "half" in tables(database)


def test_a_database_of_an_earlier_main_is_refused_in_true_words_and_left_as_it_is(empty_url):
    """Its migrations are not known any more, and there is no way from them to the one there is."""
    database, history = connect(empty_url), ["0001_first_tables", "0002_hook_health", "0012_intakes"]
    (wanted,) = all_names(database)
    runner = Runner(database.handle)
    with database.session():
        runner.History.create_table()
        for name in history:
            runner.History.create(name=name)
        database.handle.execute_sql("CREATE TABLE orders (n INTEGER)")
    for act in (migrate.require, migrate.migrate):
        with pytest.raises(UserError) as refused:
            act(database)
        assert refused.value.exit_code == 78
        said = str(refused.value)
        assert f"it has 0001_first_tables … 0012_intakes, this version wants {wanted}" in said
        assert "so there is no migration from one to the other" in said
        assert "tracker orders import --baseline intake.ndjson" in said
        assert "tracker db migrate" not in said, "it would refuse it too"
        assert str(migrate.problem(database)) == said
    assert tables(database) == {"orders", "schema_migration"}
    assert rows(database, "SELECT name FROM schema_migration ORDER BY id") == [(name,) for name in history]


def test_an_edited_migration_makes_another_shape_unless_only_comments_and_spaces_differ(empty_url, tmp_path):
    database, file = connect(empty_url), tmp_path / "0001_tables.py"
    file.write_text(EDITED.format(statements=HALF))
    (made,) = migrate.migrate(database, tmp_path)
    assert re.fullmatch(r"0001_tables-[0-9a-f]{8}", made)
    file.write_text(EDITED.format(statements=HALF_SPACED))
    migrate.require(database, tmp_path)
    assert migrate.migrate(database, tmp_path) == []
    file.write_text(EDITED.format(statements=f"{HALF}, {INDEX}"))
    for act in (migrate.require, migrate.migrate):
        with pytest.raises(UserError, match=f"it has {made}, this version wants 0001_tables-") as refused:
            act(database, tmp_path)
        assert refused.value.exit_code == 78


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
