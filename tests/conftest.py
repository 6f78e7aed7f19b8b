"""What every test may ask for: a database of its own, on each engine there is."""

import os
from contextlib import ExitStack

import pytest
from hypothesis import settings

from tests.databases import ENGINES, PostgresDatabases, SqliteFiles, made
from tests.event_checks import check_database, check_file
from tracker.db.database import connect


def pytest_collection_modifyitems(items):
    """Each worker begins with its share of the slow tests: most of their time is waiting, and none is left for last.

    Works with --dist worksteal, which hands each worker one stretch of the list to begin with.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    quick = [item for item in items if not item.get_closest_marker("slow")]
    share = -(-len(quick) // workers)
    items[:] = [item for n in range(workers) for item in (*slow[n::workers], *quick[n * share : (n + 1) * share])]


@pytest.fixture(autouse=True)
def events_as_described(request):
    """Whatever tracker a test runs in its folder: every event it told is as the schema of its type says."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    for file in folder.rglob("*.db") if folder else ():
        check_file(file)


# How long an example takes says more about the machine's other work than about the example.
settings.register_profile("tracker", deadline=None)
settings.load_profile("tracker")


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory):
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_databases():
    databases = PostgresDatabases()
    yield databases
    databases.close()


@pytest.fixture(params=ENGINES)
def engine(request):
    """What makes databases of one engine; a test that asks for it runs once for each."""
    return request.getfixturevalue({"sqlite": "sqlite_files", "postgres": "postgres_databases"}[request.param])


@pytest.fixture
def fresh_url(engine):
    """The URL of a migrated database of this test's own."""
    with made(engine.fresh(), engine) as url:
        yield url
        check_database(url)


@pytest.fixture
def like(engine):
    """Makes databases that are copies of one that was lived through once a process: by name, and how to live it."""
    with ExitStack() as stack:

        def make(name, live):
            url = stack.enter_context(made(engine.like(name, live), engine))
            opened = connect(url)
            stack.enter_context(opened.session())
            return opened

        yield make


@pytest.fixture
def empty_url(engine):
    """The URL of a database without any table."""
    with made(engine.empty(), engine) as url:
        yield url


@pytest.fixture
def database(fresh_url):
    """A migrated database, with a connection for this thread."""
    opened = connect(fresh_url)
    with opened.session():
        yield opened
