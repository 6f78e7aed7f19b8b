"""What every test may ask for: a database of its own, on each engine there is."""

import pytest
from hypothesis import settings

from tests.databases import ENGINES, PostgresDatabases, SqliteFiles, made
from tracker.database import connect

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
