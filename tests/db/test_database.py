"""Sessions and transactions: all or nothing, one connection a thread, and the database's bad moments."""

import threading
from decimal import Decimal

import pytest

from tests.databases import SERVER, rows
from tracker.db.database import amount, connect
from tracker.db.errors import DatabaseTrouble, persist
from tracker.errors import UserError


@pytest.fixture
def notes(database):
    """A table of whole numbers."""
    with database.transaction() as cur:
        cur.run("CREATE TABLE notes (n INTEGER PRIMARY KEY)")
    return database


def write(database, n):
    with database.transaction() as cur:
        cur.run("INSERT INTO notes (n) VALUES (?)", (n,))


def test_a_transaction_that_raises_leaves_nothing_behind(notes):
    def half():
        with notes.transaction() as cur:
            cur.run("INSERT INTO notes (n) VALUES (1)")
            cur.run("INSERT INTO notes (n) VALUES (?)", (1 // 0,))

    with pytest.raises(ZeroDivisionError):
        half()
    assert rows(notes, "SELECT n FROM notes") == []
    write(notes, 2)
    assert rows(notes, "SELECT n FROM notes") == [(2,)]


def test_a_constraint_and_a_misspelt_column_are_bugs_and_no_trouble_of_the_moment(notes):
    write(notes, 1)
    for sql in ("INSERT INTO notes (n) VALUES (1)", "SELECT nope FROM notes", "SELEC 1"):
        with pytest.raises(Exception, match=r".") as broken, notes.transaction() as cur:
            cur.run(sql)
        assert not isinstance(broken.value, DatabaseTrouble)


def test_a_thread_without_a_session_has_a_connection_for_the_moment_only(fresh_url):
    database = connect(fresh_url)
    assert rows(database, "SELECT count(*) FROM orders") == [(0,)]
    assert database.handle.is_closed()
    with database.session():
        with database.session():
            assert rows(database, "SELECT count(*) FROM orders") == [(0,)]
        assert not database.handle.is_closed()
    assert database.handle.is_closed()


def test_a_lasting_session_keeps_its_connection_where_it_is_a_file(fresh_url):
    database = connect(fresh_url)
    with database.lasting():
        first = database.handle.connection()
        assert rows(database, "SELECT count(*) FROM orders") == [(0,)]
    assert database.handle.is_closed() == database.postgres
    with database.lasting():
        assert (database.handle.connection() is first) == (not database.postgres)
    database.handle.close()


def test_a_lasting_session_leaves_no_transaction_open(fresh_url):
    database = connect(fresh_url)
    with database.lasting():
        database.handle.execute_sql("BEGIN")
        rows(database, "SELECT count(*) FROM orders")
    assert database.handle.is_closed()


def test_threads_that_read_and_then_write_never_lose_each_others_numbers(notes):
    write(notes, 0)

    def count():
        for _ in range(20):
            with notes.transaction() as cur:
                n = cur.run("SELECT n FROM notes" + notes.for_update()).one()[0]
                cur.run("UPDATE notes SET n = ?", (n + 1,))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(notes, "SELECT n FROM notes") == [(80,)]


@pytest.mark.parametrize("text", ["0.10", "123456789012345678901.123456789", "0.00000001", "-5", "0"])
def test_money_comes_back_digit_by_digit(database, text):
    with database.transaction() as cur:
        cur.run("INSERT INTO balances (panel, at, amount) VALUES ('main', 0, ?)", (database.money(Decimal(text)),))
        back = amount(cur.run("SELECT amount FROM balances").one()[0])
    assert format(back, "f") == text
    assert (database.money(None), amount(None)) == (None, None)


def test_what_is_in_hand_is_written_when_the_disk_has_room_again(sqlite_files):
    database, tries = connect(sqlite_files.fresh()), []

    def act():
        tries.append(None)
        with database.reading() as cur:
            pages = cur.run("PRAGMA page_count").one()[0]
            cur.run(f"PRAGMA max_page_count = {pages if len(tries) < 3 else 10_000}").rows()
        with database.transaction() as cur:
            for _ in range(100):
                cur.run("INSERT INTO balances (panel, at, amount) VALUES (?, 0, '1')", ("x" * 1_000,))

    with database.session():
        persist(act, 30.0)
        assert rows(database, "SELECT count(*) FROM balances") == [(100,)]
    assert len(tries) == 3


def test_patience_ends(sqlite_files):
    def act():
        raise DatabaseTrouble("full")

    with pytest.raises(DatabaseTrouble, match="full"):
        persist(act, 0.2)


def test_a_bug_is_not_tried_again():
    tries = []
    with pytest.raises(ZeroDivisionError):
        persist(lambda: tries.append(1 // 0))


@pytest.mark.skipif(not SERVER, reason="TRACKER_TEST_DATABASE_URL is unset")
@pytest.mark.parametrize("moment", ["between", "in the middle of"])
def test_a_server_that_restarts_between_or_in_the_middle_of_transactions_costs_nothing(postgres_databases, moment):
    import psycopg

    url = postgres_databases.fresh()
    database, tries = connect(url), []

    def restart():
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.rpartition("/")[2],)
            )

    def act():
        tries.append(None)
        with database.transaction() as cur:
            cur.run("INSERT INTO balances (panel, at, amount) VALUES ('main', 0, ?)", (len(tries),))
            if moment == "in the middle of" and len(tries) == 1:
                restart()
            cur.run("INSERT INTO balances (panel, at, amount) VALUES ('main', 1, ?)", (len(tries),))

    with database.session():
        assert rows(database, "SELECT count(*) FROM balances") == [(0,)]
        if moment == "between":
            restart()
        persist(act, 10.0)
        assert rows(database, "SELECT DISTINCT amount FROM balances") == [(2,)]
    assert database.handle.is_closed()
    postgres_databases.drop(url)


def test_a_directory_that_cannot_be_made_is_the_users_to_mend(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as refused:
        connect(f"sqlite:///{tmp_path}/file/tracker.db")
    assert refused.value.exit_code == 78


def test_the_file_keeps_what_was_acknowledged_through_a_power_cut(sqlite_files):
    database = connect(sqlite_files.fresh())
    with database.session():
        pragmas = {
            name: rows(database, f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_checkpoint_cuts_the_log_short(notes):
    write(notes, 1)
    notes.checkpoint()
    if notes.path is not None:
        assert notes.path.with_name(notes.path.name + "-wal").stat().st_size == 0
